"""How content spreads: reactions in waves, reposts that carry it on, replies that are content themselves.

Everything that follows from one day's posts is one cascade. It lasts three days and depends on nothing but
the settings and that day, so a day's reactions are cut from the cascades of that day and the two before.
"""

from dataclasses import dataclass

import numpy as np

from orchestration.connectors.community.content import (
    NO_CONTENT,
    NOBODY,
    TOPIC_BASE,
    Events,
    Posts,
    concatenated,
    hours_of_sleep_left,
    midnight,
    moments,
    numbered,
    posts,
    season,
)
from orchestration.connectors.community.networks import REACTION_KINDS, Kind, Network
from orchestration.connectors.community.randomness import HOUR_US, Floats, Ints, Stream

CASCADE_DAYS = 3
WAVES = 4
BOT_REACTIONS = 50  # a day, by each bot that reacts
_BOT_KINDS = (Kind.LIKE, Kind.LIKE, Kind.LIKE, Kind.REPLY, Kind.REPOST)


@dataclass(frozen=True)
class _Exposures:
    """Content that comes before an audience: whose it is, who shows it (`around`), how often it is taken up.

    content, author, topics, time as in Events; quality: the content's factor; expected: mean reactions.
    """

    content: Ints
    author: Ints
    topics: Ints
    time: Ints
    quality: Floats
    around: Ints
    expected: Floats


def cascade(network: Network, day_number: int) -> Events:
    """The posts of a day and all that follows from them within three days, in no particular order."""
    rng = network.generator(day_number, Stream.CASCADE)
    written = posts(network, day_number)
    end = midnight(network, day_number + CASCADE_DAYS)
    base = network.number_base(day_number, Stream.CASCADE)
    by_bots = numbered(_bots(network, day_number, written, rng), base + len(written.events))
    following = base + len(written.events) + len(by_bots)
    waves, shown, quality = [written.events], _shown(network, written), written.quality
    for number in range(WAVES):
        answers, answer_quality = _answers(network, waves[-1], quality, rng)
        wave, quality = _reactions(network, shown, day_number, rng)
        wave, quality = concatenated([wave, answers]), np.concatenate([quality, answer_quality])
        # Descendants come later than what they descend from: what is cut here leaves no loose ends.
        in_time = wave.time < end
        wave, quality = numbered(wave.take(in_time), following), quality[in_time]
        following += len(wave)
        shown = _carried_on(network, wave, quality)
        if number == 0:  # after `shown`: a bot may get an answer, but spreads nothing
            wave, quality = concatenated([wave, by_bots]), np.concatenate([quality, np.ones(len(by_bots))])
        waves.append(wave)
    return _without_repeats(concatenated(waves), base)


def _shown(network: Network, written: Posts) -> _Exposures:
    events = written.events
    expected = network.reactions_per_influence * network.influence[events.actor] * written.quality
    return _Exposures(
        content=events.number,
        author=events.actor,
        topics=events.topics,
        time=events.time,
        quality=written.quality,
        around=events.actor,
        expected=expected,
    )


def _reactions(
    network: Network, shown: _Exposures, day_number: int, rng: np.random.Generator
) -> tuple[Events, Floats]:
    """One wave: who takes up what was shown, how and when; with the quality of the content taken up."""
    # Nobody's post reaches more than a fifth of the network in one go, however small it is.
    ceiling = max(1.0, 0.2 * network.founders)
    rows = np.repeat(
        np.arange(len(shown.content)),
        rng.poisson(np.minimum(shown.expected, ceiling)),
    )
    actor = network.audience.draw(rng, shown.around[rows], day_number)
    kinds = np.array(REACTION_KINDS, dtype=np.int64)
    kind = kinds[np.searchsorted(np.cumsum(network.customs.mix)[:-1], rng.random(len(rows)), side="right")]
    time = _taken_up(network, actor, shown.time[rows], rng)
    someone = (actor >= 0) & (actor != shown.author[rows])
    events = Events(
        number=np.zeros(len(rows), dtype=np.int64),
        kind=kind,
        actor=actor,
        target=shown.author[rows],
        content=shown.content[rows],
        time=time,
        topics=shown.topics[rows],
    )
    return events.take(someone), shown.quality[rows][someone]


def _taken_up(network: Network, actor: Ints, shown_at: Ints, rng: np.random.Generator) -> Ints:
    """When each actor reacts: mostly within the hour or so, and most who sleep do so after getting up."""
    minutes = network.customs.delay_minutes * np.exp(1.4 * rng.standard_normal(len(actor)))
    time = shown_at + 1 + (minutes * (HOUR_US / 60)).astype(np.int64)
    sleep = hours_of_sleep_left(network, actor, time)
    sleep = np.where(
        (sleep > 0) & (rng.random(len(actor)) < 0.85), sleep + rng.exponential(1.5, len(actor)), 0.0
    )
    late: Ints = time + (sleep * HOUR_US).astype(np.int64)
    return late


def _answers(
    network: Network, wave: Events, quality: Floats, rng: np.random.Generator
) -> tuple[Events, Floats]:
    """Authors who answer the replies they got, with a reply or a like: attention goes both ways."""
    crowd = network.crowd
    chance = network.customs.answered * np.where(crowd.is_bot[wave.actor], 0.03, 1.0)
    chance[crowd.is_bot[wave.target]] = 0.0
    answered = (wave.kind == Kind.REPLY) & (rng.random(len(wave)) < chance)
    asked = wave.take(answered)
    count = len(asked)
    events = Events(
        number=np.zeros(count, dtype=np.int64),
        kind=np.where(rng.random(count) < 0.55, int(Kind.REPLY), int(Kind.LIKE)),
        actor=asked.target,
        target=asked.actor,
        content=asked.number,
        time=_taken_up(network, asked.target, asked.time, rng),
        topics=asked.topics,
    )
    return events, quality[answered]


def _carried_on(network: Network, wave: Events, quality: Floats) -> _Exposures:
    """What a wave shows to further audiences: reposts show the same content, replies and quotes are new."""
    customs, influence = network.customs, network.influence[wave.actor]
    repost, answer = wave.kind == Kind.REPOST, (wave.kind == Kind.REPLY) | (wave.kind == Kind.QUOTE)
    reach = np.where(repost, customs.repost_reach * quality, customs.answer_reach * np.sqrt(quality))
    expected = reach * network.reactions_per_influence * influence
    rows = np.flatnonzero(repost | answer)
    return _Exposures(
        content=np.where(repost, wave.content, wave.number)[rows],
        author=np.where(repost, wave.target, wave.actor)[rows],
        topics=wave.topics[rows],
        time=wave.time[rows],
        quality=quality[rows],
        around=wave.actor[rows],
        expected=expected[rows],
    )


def _bots(network: Network, day_number: int, written: Posts, rng: np.random.Generator) -> Events:
    """Bots that react to anybody's posts within minutes, but not to each other's."""
    acting = network.acting(day_number)
    bots = acting[network.crowd.is_bot[acting] & ~network.crowd.poster[acting]]
    by_people = np.flatnonzero(~network.crowd.is_bot[written.events.actor])
    actor = np.repeat(bots, BOT_REACTIONS if len(by_people) else 0)
    events = written.events.take(by_people[rng.integers(0, max(len(by_people), 1), size=len(actor))])
    kinds = np.array(_BOT_KINDS, dtype=np.int64)
    reactions = Events(
        number=np.zeros(len(actor), dtype=np.int64),
        kind=kinds[rng.integers(0, len(kinds), size=len(actor))],
        actor=actor,
        target=events.actor,
        content=events.number,
        time=events.time + 1 + rng.integers(0, HOUR_US // 6, size=len(actor)),
        topics=events.topics,
    )
    return reactions


def _without_repeats(events: Events, base: int) -> Events:
    """Events without the second like or repost of the same content by the same person."""
    once = np.flatnonzero((events.kind == Kind.LIKE) | (events.kind == Kind.REPOST))
    # One sortable number a (content, like or repost, person): content counts from `base`, below 2**30.
    key = ((events.content[once] - base) * 2 + (events.kind[once] == Kind.REPOST)) << 32 | events.actor[once]
    keep = np.ones(len(events), dtype=np.bool_)
    keep[once] = False
    keep[once[np.unique(key, return_index=True)[1]]] = True
    return events.take(keep)


def mentions(network: Network, day_number: int) -> Events:
    """People who name somebody, without content to point to; the more influential are named more."""
    rng = network.generator(day_number, Stream.MENTIONS)
    acting = network.acting(day_number)
    share = np.minimum(network.influence[acting] / network.mean_influence, 30.0)
    counts = rng.poisson(network.customs.mentions * share * season(network, day_number))
    named = np.repeat(acting, counts)
    actor = network.audience.draw(rng, named, day_number)
    count = len(named)
    named_events = Events(
        number=np.zeros(count, dtype=np.int64),
        kind=np.full(count, int(Kind.MENTION)),
        actor=actor,
        target=named,
        content=np.full(count, NO_CONTENT),
        time=moments(network, day_number, actor, rng),
        topics=network.crowd.interests[named, 0] * TOPIC_BASE + TOPIC_BASE - 1,
    )
    named_events = named_events.take((actor != NOBODY) & (actor != named))
    return numbered(named_events, network.number_base(day_number, Stream.MENTIONS))
