"""Who the people are: traits that follow from (seed, index) alone, as arrays with one row a person."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from orchestration.connectors.community.names import WELL_KNOWN_PERSON
from orchestration.connectors.community.randomness import Bools, Floats, Ints, Stream, hashes, normal, uniform
from orchestration.connectors.community.settings import CommunitySettings

SAMPLE = "sample"
FORUM = "forum"

TOPICS = (
    "technology", "music", "football", "cooking", "travel", "climate",
    "gaming", "photography", "health", "books", "gardening", "astronomy",
)  # fmt: skip
TOPIC_WEIGHTS = (16, 14, 14, 11, 10, 6, 9, 6, 6, 4, 2, 2)


@dataclass(frozen=True)
class Region:
    """Where people live: country code, language, hours ahead of UTC, currency, and how many (weight)."""

    code: str
    language: str
    utc_offset: int
    currency: str
    weight: int


REGIONS = (
    Region("US", "en", -6, "USD", 26), Region("GB", "en", 0, "GBP", 10), Region("DE", "de", 1, "EUR", 10),
    Region("FR", "fr", 1, "EUR", 8), Region("BR", "pt", -3, "BRL", 9), Region("IN", "en", 5, "INR", 11),
    Region("JP", "ja", 9, "JPY", 6), Region("NG", "en", 1, "NGN", 5), Region("ES", "es", 1, "EUR", 5),
    Region("MX", "es", -6, "MXN", 4), Region("PL", "pl", 1, "PLN", 3), Region("TR", "tr", 3, "TRY", 3),
)  # fmt: skip


class Archetype(IntEnum):
    """What sort of member a person is."""

    ORDINARY = 0
    QUIET_EXPERT = 1
    CHATTY_NOBODY = 2
    BOT = 3


ARCHETYPE_NAMES = tuple(archetype.name.lower() for archetype in Archetype)
# In every hundred people, exactly, so that a small community has a bot; the rest are ordinary.
EXPERTS, NOBODIES, BOTS = 6, 4, 1
INFLUENCE_SPREAD = 1.2
FOLLOWERS_FOLLOW_INFLUENCE = 0.66
SILENT = 0.12  # of the ordinary people: they have accounts, read, and hardly ever do anything


@dataclass(frozen=True)
class People:
    """Traits, one row a person, row number = person index.

    join_day: day number of joining, 0 for all who were there on the first day. influence: hidden, median 1,
    log-normal. popularity: standard normal, what followers reflect. interests: (people, 3) topic numbers, a
    person with fewer repeats the first. region: number into REGIONS. on: by network, who has an account.
    posting: posts a day before the network's pace, mean near 1. reacting: how readily a person reacts.
    poster: bots that post; the other bots react.
    """

    join_day: Ints
    archetype: Ints
    influence: Floats
    popularity: Floats
    interests: Ints
    region: Ints
    on: Mapping[str, Bools]
    posting: Floats
    reacting: Floats
    poster: Bools

    @property
    def index(self) -> Ints:
        """Person indices 0 .. people - 1."""
        return np.arange(len(self.join_day), dtype=np.int64)

    @property
    def is_bot(self) -> Bools:
        """Which people are bots."""
        bot: Bools = self.archetype == Archetype.BOT
        return bot


def people(settings: CommunitySettings, day_number: int) -> People:
    """Everybody who has joined by the end of a day; the rows of earlier days come first and stay the same."""
    seed = settings.seed
    newcomers = settings.newcomers(day_number)
    late_joiners = np.searchsorted(newcomers, np.arange(newcomers[-1]), side="right")
    join_day = np.concatenate([np.zeros(settings.people, dtype=np.int64), late_joiners])
    index = np.arange(len(join_day), dtype=np.int64)
    archetype, poster = _archetypes(index, seed)
    known = index == WELL_KNOWN_PERSON
    expert, nobody, bot = (archetype == kind for kind in (1, 2, 3))

    z = normal(seed, Stream.INFLUENCE, index)
    log_influence = np.select(
        [known, expert, nobody, bot],
        [np.full(len(z), 2.3), 1.4 + 0.5 * z, -1.3 + 0.4 * z, np.full(len(z), -4.0)],
        default=z,
    )
    # Followers look at the plain z: experts are known to fewer than they deserve, the chatty to more.
    popularity = FOLLOWERS_FOLLOW_INFLUENCE * z + np.sqrt(1 - FOLLOWERS_FOLLOW_INFLUENCE**2) * normal(
        seed, Stream.FOLLOWERS, index
    )
    popularity = np.select([known, bot], [np.full(len(z), 2.4), popularity - 1.0], default=popularity)

    posting = np.exp(0.9 * normal(seed, Stream.POSTING, index) - 0.4)
    reacting = np.exp(1.1 * normal(seed, Stream.REACTING, index) - 0.6)
    silent = (archetype == Archetype.ORDINARY) & (uniform(seed, Stream.SILENCE, index) < SILENT) & ~known
    voice = np.where(silent, 0.01, 1.0)
    posting = np.select([known, expert, nobody], [3.0, 0.3 * posting, 3.0 + posting], default=voice * posting)
    reacting = np.where(known, 1.5, voice * reacting)

    member = uniform(seed, Stream.MEMBERSHIP, index)
    # A bot runs one account; its operator's other accounts would be other bots.
    on_forum = np.where(bot, member < 0.15, member < 0.40) | known
    on_sample = np.where(bot, member >= 0.15, member >= 0.15) | known
    return People(
        join_day=join_day,
        archetype=archetype,
        influence=np.exp(INFLUENCE_SPREAD * log_influence),
        popularity=popularity,
        interests=_interests(index, seed),
        region=_weighted(uniform(seed, Stream.REGION, index), tuple(region.weight for region in REGIONS)),
        on={SAMPLE: on_sample, FORUM: on_forum},
        posting=posting,
        reacting=reacting,
        poster=poster,
    )


def _archetypes(index: Ints, seed: int) -> tuple[Ints, Bools]:
    """Archetype numbers, and which bots post: exact shares in every hundred people, at places that vary."""
    hundred = index // 100
    shift = (hashes(seed, Stream.ARCHETYPE, hundred) % np.uint64(100)).astype(np.int64)
    place = (index * 37 + shift) % 100
    archetype = np.full(len(index), int(Archetype.ORDINARY))
    archetype[place < EXPERTS + NOBODIES + BOTS] = Archetype.QUIET_EXPERT
    archetype[place < NOBODIES + BOTS] = Archetype.CHATTY_NOBODY
    archetype[place < BOTS] = Archetype.BOT
    archetype[index == WELL_KNOWN_PERSON] = Archetype.ORDINARY
    return archetype, (archetype == Archetype.BOT) & (hundred % 5 == 1)


def _interests(index: Ints, seed: int) -> Ints:
    """Topic numbers (people, 3): one to three different ones, the first repeated where there are fewer."""
    first, second, third = (
        _weighted(uniform(seed, Stream.INTEREST, index, salt=salt), TOPIC_WEIGHTS) for salt in range(3)
    )
    wanted = uniform(seed, Stream.INTEREST, index, salt=3)
    second = np.where(wanted < 0.35, first, second)
    third = np.where((wanted < 0.75) | (third == second), first, third)
    return np.stack([first, second, third], axis=1)


def _weighted(u: Floats, weights: tuple[int, ...]) -> Ints:
    """Numbers 0 .. len(weights) - 1 drawn with these weights from uniform numbers."""
    cumulative = np.cumsum(weights) / sum(weights)
    return np.minimum(np.searchsorted(cumulative, u, side="right"), len(weights) - 1).astype(np.int64)
