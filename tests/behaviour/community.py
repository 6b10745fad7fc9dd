"""A simulated community: people with hidden influence, audiences, habits and an age.

It shares nothing with the `sample` connector but the kinds of events: the score is not tested on the
world that its demo was made from.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from tests.behaviour.events import FOLLOW, POST, Bools, Events, Floats, Ints, kinds, repeated

OLD = -(10**6)
"""Creation day of accounts whose age nobody tells."""


@dataclass(frozen=True)
class World:
    """What a community is like. Rates are a day; `seed` draws the people, `history` what they do."""

    people: int = 4000
    days: int = 120
    seed: int = 1
    history: int = 1
    topics: int = 12
    reactions: float = 2.0  # received by the median person
    spread: float = 1.2  # of the logarithm of influence between people
    burstiness: float = 2.0  # shape of a gamma factor of each person's day; smaller is wilder
    audience: float = 25.0  # people who form the median person's audience
    loyalty: float = 0.75  # share of reactions that come from the audience
    answering: float = 0.15  # share of reactions that the receiver gives back
    posts: float = 0.6  # of the median person
    verified: float = 0.03
    follows: bool = True
    ages: bool = True  # whether accounts tell when they were created


@dataclass(frozen=True)
class People:
    """Accounts of a world, (accounts,) each. `created` is days from the world's first, `influence` the
    reactions that an account draws a day; `of_community` is False for what an attack added.
    """

    influence: Floats
    activity: Floats
    posting: Floats
    followers: Floats
    interest: Ints
    created: Ints
    verified: Bools
    of_community: Bools

    def __len__(self) -> int:
        return len(self.influence)

    def with_more(self, many: int, created: int) -> People:
        """These and so many accounts of which nothing is known but when they were created."""

        def more(values: np.ndarray, value: float) -> np.ndarray:
            return np.concatenate((values, np.full(many, value, dtype=values.dtype)))

        return replace(
            self,
            influence=more(self.influence, 0.0),
            activity=more(self.activity, 0.0),
            posting=more(self.posting, 0.0),
            followers=more(self.followers, 0.0),
            interest=more(self.interest, 0),
            created=more(self.created, created),
            verified=more(self.verified, False),
            of_community=more(self.of_community, False),
        )


def _none() -> Ints:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Links:
    """Accounts said to belong to one person, (rows,) each; `person` is any number."""

    day: Ints = field(default_factory=_none)
    account: Ints = field(default_factory=_none)
    person: Ints = field(default_factory=_none)


@dataclass(frozen=True)
class Endorsements:
    """Endorsements given, (rows,) each, all on one topic."""

    day: Ints = field(default_factory=_none)
    giver: Ints = field(default_factory=_none)
    receiver: Ints = field(default_factory=_none)


class Readers(Protocol):
    """Who reacts to whom when a plant wants somebody to be reacted to."""

    def anybody(self, random: np.random.Generator, many: int) -> Ints: ...

    def reactors(self, random: np.random.Generator, target: Ints) -> Ints: ...


@dataclass(frozen=True)
class Community:
    """A world's people, what they did, who reads them, and whose accounts they are said to be."""

    world: World
    people: People
    events: Events
    readers: Readers
    links: Links = field(default_factory=Links)
    endorsements: Endorsements = field(default_factory=Endorsements)


def people_of(world: World) -> People:
    """The world's people: influence, activity, posting and followers are only loosely related."""
    random = np.random.default_rng((world.seed, 1))
    n = world.people
    influence = np.exp(random.normal(0, world.spread, n))
    chat = random.normal(0, 0.8, n)
    fame = 0.5 * np.log(influence) + random.normal(0, 1.0, n)
    ranked = np.argsort(np.argsort(-(np.log(influence) + random.normal(0, 1.0, n))))
    return People(
        influence=world.reactions * influence,
        activity=np.exp(random.normal(0, 1.0, n)),
        posting=world.posts * np.exp(chat + 0.15 * np.log(influence)),
        followers=np.round(80 * np.exp(fame)),
        interest=random.integers(world.topics, size=n),
        created=-(30 + np.round(random.exponential(900, n))).astype(np.int64),
        verified=ranked < world.verified * n,
        of_community=np.ones(n, dtype=bool),
    )


class Audiences:
    """Who listens to whom: a list of people for each person, drawn once a world.

    Reactors are drawn from it in falling order of loyalty, or from everybody by activity.
    """

    def __init__(self, world: World, people: People) -> None:
        random = np.random.default_rng((world.seed, 2))
        n = world.people
        relative = people.influence[:n] / world.reactions
        self.size = np.clip(np.round(world.audience * relative**0.7), 5, n // 3).astype(np.int64)
        self.start = np.concatenate(([0], np.cumsum(self.size)))[:-1]
        self.chance = people.activity[:n] / people.activity[:n].sum()
        self.by_chance = np.cumsum(self.chance)
        drawn = self.anybody(random, int(self.size.sum()))
        same = people.interest[drawn] == np.repeat(people.interest[:n], self.size)
        # Half of those who do not share the interest are drawn again.
        again = ~same & (random.random(len(drawn)) < 0.5)
        drawn[again] = self.anybody(random, int(again.sum()))
        self.members = drawn
        self.loyalty = world.loyalty

    def anybody(self, random: np.random.Generator, many: int) -> Ints:
        return np.searchsorted(self.by_chance, random.random(many) * self.by_chance[-1]).astype(np.int64)

    def reactors(self, random: np.random.Generator, target: Ints) -> Ints:
        """A reactor for each of `target`; some are the target itself and must be left out."""
        place = np.floor(self.size[target] * random.random(len(target)) ** 1.7).astype(np.int64)
        loyal = random.random(len(target)) < self.loyalty
        return np.where(loyal, self.members[self.start[target] + place], self.anybody(random, len(target)))


def reactions_to(
    world: World, readers: Readers, people: People, rate: Floats, random: np.random.Generator, days: range
) -> Events:
    """Reactions that people receive at `rate` (people,) a day, and those given back for them."""
    wild = random.gamma(world.burstiness, 1 / world.burstiness, size=(len(days), len(rate)))
    counts = random.poisson(wild * rate)
    row, target = np.nonzero(counts)
    many = counts[row, target]
    day = np.repeat(np.asarray(days, dtype=np.int64)[row], many)
    target = np.repeat(target.astype(np.int64), many)
    actor = readers.reactors(random, target)
    topic = np.where(random.random(len(target)) < 0.7, people.interest[target], -1)
    received = Events.of(day, kinds(random, len(day)), actor, target, topic)
    received = received.where(actor != target)
    back = received.where(random.random(len(received)) < world.answering)
    given = Events.of(
        back.day, kinds(random, len(back)), back.target, back.actor, people.interest[back.actor]
    )
    return Events.joined([received, given])


def community(world: World) -> Community:
    """A world's people and its undisturbed history."""
    people = people_of(world)
    audiences = Audiences(world, people)
    random = np.random.default_rng((world.seed, world.history, 3))
    days = range(world.days)
    parts = [reactions_to(world, audiences, people, people.influence, random, days)]
    day, actor = repeated(random, people.posting, days)
    parts.append(Events.of(day, POST, actor, -1, people.interest[actor]))
    # Whoever neither posts nor reacts is hard to tell from nobody: everybody shows up in the first week.
    everybody = np.arange(world.people)
    parts.append(Events.of(everybody % 7, POST, everybody, -1, people.interest))
    if world.follows:
        # Who follows whom belongs to the people: another history of theirs has it too.
        wishes = np.random.default_rng((world.seed, 4))
        target = audiences.anybody(wishes, world.people * 20)
        chosen = wishes.choice(world.people, size=len(target), p=people.followers / people.followers.sum())
        begun = wishes.integers(world.days, size=len(target))
        begun[: len(target) // 2] = 0
        ends = target != chosen
        parts.append(Events.of(begun, FOLLOW, target, chosen).where(ends))
    return Community(world, people, Events.joined(parts), audiences)
