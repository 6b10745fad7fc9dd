"""The two networks: how people behave on each, and what a day's simulation knows of it."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from orchestration.connectors.community.audience import Audience, Pools, audience, pools
from orchestration.connectors.community.people import FORUM, SAMPLE, People, people
from orchestration.connectors.community.randomness import Bools, Floats, Ints, Stream, generator, normal
from orchestration.connectors.community.settings import CommunitySettings


class Kind(IntEnum):
    """Kinds of activity, numbered as in KIND_NAMES."""

    POST = 0
    REPLY = 1
    MENTION = 2
    QUOTE = 3
    REPOST = 4
    LIKE = 5
    FOLLOW = 6
    UNFOLLOW = 7


KIND_NAMES = tuple(kind.name.lower() for kind in Kind)


@dataclass(frozen=True)
class Customs:
    """How people behave on a network; rates are for an average account and day.

    mix: shares of like, repost, quote and reply among reactions. reactions: first reactions, before cascades.
    delay_minutes: median time to a reaction. repost_reach: reactions through a repost, as a share of what the
    reposter's own posts get. answer_reach: the same for replies and quotes, which are content of their own.
    answered: how often an author answers a reply. handle_style: how handles are written.
    """

    name: str
    number: int
    handle_style: str
    id_prefix: str
    posts: float
    reactions: float
    mentions: float
    follows: float
    mix: tuple[float, float, float, float]
    delay_minutes: float
    repost_reach: float
    answer_reach: float
    answered: float


REACTION_KINDS = (Kind.LIKE, Kind.REPOST, Kind.QUOTE, Kind.REPLY)

CUSTOMS = (
    Customs(
        name=SAMPLE, number=0, handle_style="name_first", id_prefix="",
        posts=0.55, reactions=1.65, mentions=0.15, follows=0.12, mix=(0.64, 0.13, 0.06, 0.17),
        delay_minutes=25, repost_reach=0.25, answer_reach=0.06, answered=0.30,
    ),
    Customs(
        name=FORUM, number=1, handle_style="word_first", id_prefix="t",
        posts=0.25, reactions=1.6, mentions=0.10, follows=0.05, mix=(0.22, 0.01, 0.07, 0.70),
        delay_minutes=80, repost_reach=0.1, answer_reach=0.05, answered=0.35,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Network:
    """One network as it stands on a day.

    What belongs to an earlier day must come out the same from a later day's network: a day's events look at
    `founders` and `acting`, never at how many `accounts` there are.

    accounts: person indices of its account holders, ascending. influence: per person, hidden, on this network
    (0 without an account). post_rate: per person, posts a day. reactions_per_influence: first reactions to an
    average post of an author of influence 1. follow_pools: whom people follow.
    """

    settings: CommunitySettings
    customs: Customs
    crowd: People
    accounts: Ints
    influence: Floats
    post_rate: Floats
    reactions_per_influence: float
    mean_influence: float
    audience: Audience
    follow_pools: Pools

    @property
    def members(self) -> Bools:
        """Who has an account here, one flag a person."""
        return self.crowd.on[self.customs.name]

    @property
    def founders(self) -> int:
        """How many of the accounts were there on the first day."""
        return int(np.searchsorted(self.accounts, self.settings.people))

    def acting(self, day_number: int) -> Ints:
        """Person indices of the account holders who act on a day, ascending."""
        return self.accounts[: np.searchsorted(self.accounts, self.settings.acting(day_number))]

    def generator(self, day_number: int, stream: Stream) -> np.random.Generator:
        """This network's generator of one stream on one day."""
        return generator(self.settings.seed, day_number, stream + 64 * self.customs.number)

    def number_base(self, day_number: int, stream: Stream) -> int:
        """The first of the activity numbers of one day and stream; a thousand million numbers follow it."""
        return ((day_number + 100) * 64 + stream) * 1_000_000_000


def networks(settings: CommunitySettings, day_number: int) -> tuple[People, tuple[Network, ...]]:
    """The people and both networks as they stand at the end of a day."""
    crowd = people(settings, day_number)
    return crowd, tuple(_network(settings, customs, crowd) for customs in CUSTOMS)


def _network(settings: CommunitySettings, customs: Customs, crowd: People) -> Network:
    members, human = crowd.on[customs.name], ~crowd.is_bot
    own = normal(settings.seed, Stream.NETWORK_INFLUENCE, crowd.index, salt=customs.number)
    influence = np.where(members, crowd.influence * np.exp(0.3 * own), 0.0)
    post_rate = np.where(members & human, customs.posts * crowd.posting, 0.0)
    # The founders alone set the pace, so that a newcomer changes nobody else's numbers.
    founders = members & human & (crowd.join_day == 0)
    attention = float(np.sum(post_rate[founders] * influence[founders]))
    count = int(founders.sum())
    return Network(
        settings=settings,
        customs=customs,
        crowd=crowd,
        accounts=np.flatnonzero(members),
        influence=influence,
        post_rate=post_rate,
        reactions_per_influence=customs.reactions * count / attention if attention else 0.0,
        mean_influence=float(influence[founders].mean()) if count else 1.0,
        audience=audience(settings.seed, customs.number, crowd, members, influence),
        follow_pools=pools(crowd, members & human, np.exp(crowd.popularity)),
    )
