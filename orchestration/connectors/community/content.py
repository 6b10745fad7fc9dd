"""What is written: the posts of a day, from which everything else follows."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from orchestration.connectors.community.networks import Kind, Network
from orchestration.connectors.community.people import REGIONS, TOPICS
from orchestration.connectors.community.randomness import DAY_US, HOUR_US, Floats, Ints, Stream

NOBODY = -1
NO_CONTENT = -1
# A topic pair is one number: first * TOPIC_BASE + second, with TOPIC_BASE - 1 for "none".
TOPIC_BASE = len(TOPICS) + 1
NO_TOPIC = TOPIC_BASE - 1

# How people spread over the hours of their own day.
HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 9, 9, 8, 8, 10, 10, 8, 8, 8, 9, 11, 13, 15, 15, 11, 6)
WEEK = (1.03, 1.04, 1.04, 1.02, 1.0, 0.92, 0.95)  # Monday to Sunday
BOT_POSTS, BOT_POST_MINUTES = 120, 5  # a bot that posts does so every five minutes for ten hours
_OFFSETS = np.array([region.utc_offset for region in REGIONS], dtype=np.int64)


@dataclass(frozen=True)
class Events:
    """Activities as arrays, one row each: what became of them in text is made at the very end.

    number: unique in the network, also the content's own number for a post, quote and reply. kind: see Kind.
    actor, target: person indices, NOBODY for none. content: number of the content reacted to, for a post its
    own, NO_CONTENT for none. time: microseconds since 1970 UTC. topics: a topic pair.
    """

    number: Ints
    kind: Ints
    actor: Ints
    target: Ints
    content: Ints
    time: Ints
    topics: Ints

    def __len__(self) -> int:
        return len(self.number)

    def take(self, rows: np.ndarray) -> "Events":
        """These rows (row numbers or one flag a row)."""
        return Events(*(getattr(self, field.name)[rows] for field in fields(self)))


def concatenated(parts: Sequence[Events]) -> Events:
    """All events of all parts, in order."""
    return Events(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Events))
    )


def numbered(events: Events, first: int) -> Events:
    """The same events with the numbers first, first + 1, ..."""
    return replace(events, number=first + np.arange(len(events), dtype=np.int64))


@dataclass(frozen=True)
class Posts:
    """The posts of a day: `events`, and `quality`, a factor on the reactions to each (mean 1)."""

    events: Events
    quality: Floats


def midnight(network: Network, day_number: int) -> int:
    """The beginning of a day in microseconds since 1970 UTC."""
    return (network.settings.first_day.toordinal() - 719_163 + day_number) * DAY_US


def season(network: Network, day_number: int) -> float:
    """How busy a day is, mild: 1 on an average day, less at the weekend."""
    return WEEK[(network.settings.first_day.weekday() + day_number) % 7]


def moments(network: Network, day_number: int, actors: Ints, rng: np.random.Generator) -> Ints:
    """A time within the day for each actor, at an hour when the actor's region is awake."""
    cumulative = np.cumsum(HOURS) / sum(HOURS)
    local_hour = np.searchsorted(cumulative, rng.random(len(actors)), side="right")
    hour = (local_hour - _OFFSETS[network.crowd.region[actors]]) % 24
    moment: Ints = midnight(network, day_number) + hour * HOUR_US + rng.integers(0, HOUR_US, size=len(actors))
    return moment


def hours_of_sleep_left(network: Network, actors: Ints, time: Ints) -> Floats:
    """Hours until seven in the morning for actors whose local time is between midnight and seven, else 0."""
    local = (time / HOUR_US + _OFFSETS[network.crowd.region[actors]]) % 24
    return np.where(local < 7, 7 - local, 0.0)


def topic_pairs(network: Network, authors: Ints, rng: np.random.Generator) -> Ints:
    """What each author writes about: mostly one of the own interests, at times two or none."""
    interests = network.crowd.interests[authors]
    first = interests[np.arange(len(authors)), rng.integers(0, 3, size=len(authors))]
    second = interests[np.arange(len(authors)), rng.integers(0, 3, size=len(authors))]
    how_many = rng.random(len(authors))
    second = np.where((how_many < 0.6) | (second == first), NO_TOPIC, second)
    first = np.where(how_many < 0.08, NO_TOPIC, first)
    pairs: Ints = first * TOPIC_BASE + second
    return pairs


def posts(network: Network, day_number: int) -> Posts:
    """All posts of a day, by time. Bots post as a clock does."""
    rng = network.generator(day_number, Stream.POSTING)
    acting = network.acting(day_number)
    counts = rng.poisson(network.post_rate[acting] * season(network, day_number))
    human = np.repeat(acting, counts)
    time = moments(network, day_number, human, rng)
    bots = acting[network.crowd.poster[acting]]
    author = np.concatenate([human, np.repeat(bots, BOT_POSTS)])
    time = np.concatenate([time, _clockwork(network, day_number, len(bots), rng)])
    order = np.argsort(time, kind="stable")
    author, time = author[order], time[order]
    count = len(author)
    number = network.number_base(day_number, Stream.CASCADE) + np.arange(count)
    events = Events(
        number=number,
        kind=np.full(count, int(Kind.POST)),
        actor=author,
        target=np.full(count, NOBODY),
        content=number,
        time=time,
        topics=topic_pairs(network, author, rng),
    )
    return Posts(events, np.exp(0.7 * rng.standard_normal(count) - 0.245))


def _clockwork(network: Network, day_number: int, bots: int, rng: np.random.Generator) -> Ints:
    """Times of the posts of all posting bots, each from an hour of its own."""
    step = BOT_POST_MINUTES * HOUR_US // 60
    begin = rng.integers(0, 13 * HOUR_US, size=(bots, 1))
    jitter = rng.integers(0, step // 10, size=(bots, BOT_POSTS))
    times: Ints = midnight(network, day_number) + (begin + np.arange(BOT_POSTS) * step + jitter).ravel()
    return times
