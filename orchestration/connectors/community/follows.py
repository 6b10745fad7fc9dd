"""Follows, follow-backs and unfollows, and endorsements: ties that are declared rather than shown.

Everybody has a list of people to follow, numbered and hashed, and a pace; a day's follows are the numbers
that the pace reaches on that day. So nobody follows the same entry twice, and no list is kept.
"""

from dataclasses import dataclass

import numpy as np

from orchestration.connectors.community.content import NO_CONTENT, Events, concatenated, moments, numbered
from orchestration.connectors.community.networks import Kind, Network
from orchestration.connectors.community.randomness import HOUR_US, Ints, Stream, hashes, uniform

BOT_FOLLOWS = 8.0  # a day
FOLLOWED_BACK = 0.15
# Unfollows come after one of these numbers of days, so that a day looks at three earlier ones, not at all.
UNFOLLOWED_AFTER = (3, 9, 20)
UNFOLLOWED = 0.03  # of the follows, after each of them
NO_TOPICS = -1


@dataclass(frozen=True)
class _Follows:
    """Entries of follow lists: who, which entry, whom."""

    actor: Ints
    entry: Ints
    target: Ints


def _entries(network: Network, day_number: int) -> _Follows:
    """The entries that are reached on a day."""
    crowd, seed, salt = network.crowd, network.settings.seed, network.customs.number
    acting = network.acting(day_number)
    spread = np.exp(0.8 * np.log(np.maximum(crowd.reacting[acting], 1e-3)))
    pace = np.where(crowd.is_bot[acting], BOT_FOLLOWS, network.customs.follows * spread)
    phase = uniform(seed, Stream.FOLLOW_PACE, acting, salt=salt)
    # Counted from joining and not from the first day: a newcomer begins at the top of the list.
    age = day_number - crowd.join_day[acting]
    before = np.floor(np.maximum(age, 0) * pace + phase).astype(np.int64)
    counts = np.floor((age + 1) * pace + phase).astype(np.int64) - before
    rows = np.repeat(np.arange(len(acting)), counts)
    entry = before[rows] + np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    actor = acting[rows]
    h = hashes(seed, Stream.FOLLOW_TARGETS, actor, entry, salt=salt)
    topic = crowd.interests[actor, (h % np.uint64(3)).astype(np.int64)]
    target = network.follow_pools.pick(topic, h, day_number)
    fine = (target >= 0) & (target != actor)
    return _Follows(actor[fine], entry[fine], target[fine])


def _events(kind: Kind, actor: Ints, target: Ints, time: Ints) -> Events:
    count = len(actor)
    return Events(
        number=np.zeros(count, dtype=np.int64),
        kind=np.full(count, int(kind)),
        actor=actor,
        target=target,
        content=np.full(count, NO_CONTENT),
        time=time,
        topics=np.full(count, NO_TOPICS),
    )


def follows(network: Network, day_number: int) -> Events:
    """Follow and unfollow activities of a day. The first day has no initial list: follows begin then."""
    rng = network.generator(day_number, Stream.FOLLOW_TIMES)
    new = _entries(network, day_number)
    time = moments(network, day_number, new.actor, rng)
    parts = [_events(Kind.FOLLOW, new.actor, new.target, time)]
    back = (rng.random(len(time)) < FOLLOWED_BACK) & ~network.crowd.is_bot[new.actor]
    later = time + 1 + rng.integers(0, 3 * HOUR_US, size=len(time))
    back &= later // (24 * HOUR_US) == time // (24 * HOUR_US)
    parts.append(_events(Kind.FOLLOW, new.target[back], new.actor[back], later[back]))
    for turn, days in enumerate(UNFOLLOWED_AFTER):
        if day_number < days:
            continue
        old = _entries(network, day_number - days)
        chance = uniform(
            network.settings.seed, Stream.UNFOLLOWS, old.actor, old.entry, salt=network.customs.number
        )
        gone = (chance * (1 / UNFOLLOWED)).astype(np.int64) == turn
        time = moments(network, day_number, old.actor[gone], rng)
        parts.append(_events(Kind.UNFOLLOW, old.actor[gone], old.target[gone], time))
    return numbered(concatenated(parts), network.number_base(day_number, Stream.FOLLOW_TIMES))


@dataclass(frozen=True)
class Endorsements:
    """Who vouches for whom, on which topic (topic number), when (microseconds since 1970 UTC)."""

    giver: Ints
    receiver: Ints
    topic: Ints
    time: Ints


ENDORSEMENTS = 0.006  # a day and account


def endorsements(network: Network, day_number: int) -> Endorsements:
    """The endorsements of a day: people vouch for those whose audience they are."""
    rng = network.generator(day_number, Stream.ENDORSEMENTS)
    acting = network.acting(day_number)
    share = np.minimum(network.influence[acting] / network.mean_influence, 30.0)
    receiver = np.repeat(acting, rng.poisson(ENDORSEMENTS * share))
    giver = network.audience.draw(rng, receiver, day_number)
    topic = network.crowd.interests[receiver, rng.integers(0, 3, size=len(receiver))]
    time = moments(network, day_number, giver, rng)
    fine = (giver >= 0) & (giver != receiver)
    return Endorsements(giver[fine], receiver[fine], topic[fine], time[fine])
