"""A second simulator, on another principle: people follow each other, posts are seen, some are carried on.

The first one draws reactions to people, each day by itself; the model's constants were searched for on it.
Here a post draws them, for some days: a good one many, most of them few. Followers see it, who reposts it
shows it to their own, replies are mostly answered, a quarter of follows are returned, and weekends are quiet.
So days hang together, friends talk to each other and attention comes in lumps. A model that was fitted to one
simulator shows it in the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tests.behaviour.community import Community, People, World
from tests.behaviour.events import (
    FOLLOW,
    LIKE,
    MENTION,
    POST,
    QUOTE,
    REPLY,
    REPOST,
    Events,
    Floats,
    Ints,
)

WEEK = (1.0, 1.1, 1.1, 1.05, 1.0, 0.7, 0.6)
"""How much is posted on the days of a week."""
KIND_SHARES = ((LIKE, 0.72), (REPLY, 0.13), (REPOST, 0.09), (MENTION, 0.03), (QUOTE, 0.03))
DELAYS = (0.60, 0.22, 0.10, 0.05, 0.03)
"""Share of a post's reactions on its day and on those after it."""
QUALITY = 1.0
"""Spread of the logarithm of what posts of one person draw."""
RETURNED = 0.25
"""Share of follows that are returned."""


@dataclass(frozen=True)
class Graph:
    """Who follows whom, (follows,) each, ordered by the followed; and people's habits, (people,) each.

    `strength` is how likely the follower is to react, relative to others; `first` (people + 1,) is where each
    person's followers begin.
    """

    follower: Ints
    followed: Ints
    strength: Floats
    first: Ints
    topic: Ints
    online: Floats
    talent: Floats
    posting: Floats

    def followers(self, person: int) -> slice:
        return slice(int(self.first[person]), int(self.first[person + 1]))

    @property
    def drawn(self) -> Floats:
        """What each person's posts of a day draw, relative to others, (people,)."""
        heard = np.bincount(self.followed, weights=self.strength, minlength=len(self.topic))
        return heard * self.talent * self.posting


def graph_of(world: World) -> Graph:
    """The world's follows: to people of the same topic above all, and to who is known."""
    random = np.random.default_rng((world.seed, 21))
    n = world.people
    topic = random.integers(world.topics, size=n)
    online = np.minimum(1.0, 0.35 * np.exp(random.normal(0, 0.9, n)))
    talent = np.exp(random.normal(0, 0.7, n))
    known = np.cumsum(np.exp(random.normal(0, 1.1, n)) * talent**0.7)
    many = np.clip(random.lognormal(np.log(world.audience), 0.8, n).astype(np.int64), 3, n // 4)
    follower = np.repeat(np.arange(n), many)

    def somebody(many: int) -> Ints:
        return np.searchsorted(known, random.random(many) * known[-1])

    followed = somebody(len(follower))
    again = (topic[follower] != topic[followed]) & (random.random(len(follower)) < 0.6)
    followed[again] = somebody(int(again.sum()))
    back = random.random(len(follower)) < RETURNED
    pairs = np.unique(
        np.concatenate((follower * n + followed, followed[back] * n + follower[back])).astype(np.int64)
    )
    follower, followed = pairs // n, pairs % n
    follower, followed = follower[follower != followed], followed[follower != followed]
    order = np.argsort(followed, kind="stable")
    follower, followed = follower[order], followed[order]
    return Graph(
        follower=follower,
        followed=followed,
        # A few ties are strong and most are weak.
        strength=random.gamma(0.4, 1 / 0.4, len(follower)) * online[follower],
        first=np.searchsorted(followed, np.arange(n + 1)),
        topic=topic,
        online=online,
        talent=talent,
        posting=world.posts * np.exp(random.normal(0, 1.0, n)),
    )


@dataclass(frozen=True)
class Followers:
    """Reactors for plants: mostly followers by the strength of their tie, else whoever is online."""

    graph: Graph
    ties: Floats = field(init=False)
    online: Floats = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ties", np.concatenate(([0.0], np.cumsum(self.graph.strength))))
        object.__setattr__(self, "online", np.cumsum(self.graph.online))

    def anybody(self, random: np.random.Generator, many: int) -> Ints:
        return np.searchsorted(self.online, random.random(many) * self.online[-1]).astype(np.int64)

    def reactors(self, random: np.random.Generator, target: Ints) -> Ints:
        low, high = self.ties[self.graph.first[target]], self.ties[self.graph.first[target + 1]]
        at = np.searchsorted(self.ties, low + random.random(len(target)) * (high - low), side="right") - 1
        tied = self.graph.follower[np.minimum(at, len(self.graph.follower) - 1)]
        follows = (high > low) & (random.random(len(target)) < 0.8)
        return np.where(follows, tied, self.anybody(random, len(target)))


def people_of(world: World, graph: Graph) -> People:
    random = np.random.default_rng((world.seed, 22))
    n = world.people
    drawn = graph.drawn
    ranked = np.argsort(np.argsort(-(np.log(drawn + 1e-3) + random.normal(0, 1.0, n))))
    return People(
        influence=world.reactions * drawn / np.median(drawn),
        activity=graph.online,
        posting=graph.posting,
        followers=np.diff(graph.first).astype(float),
        interest=graph.topic,
        created=-(30 + np.round(random.exponential(900, n))).astype(np.int64),
        verified=ranked < world.verified * n,
        of_community=np.ones(n, dtype=bool),
    )


def kinds_drawn(random: np.random.Generator, rows: int) -> Ints:
    names, shares = zip(*KIND_SHARES, strict=True)
    return random.choice(np.array(names), size=rows, p=shares).astype(np.int64)


def reactions_to_posts(
    graph: Graph, day: Ints, author: Ints, reach: Floats, random: np.random.Generator
) -> Events:
    """Reactions to posts, (posts,) each; `reach` scales how likely each of the author's followers reacts."""
    actors, which = [], []
    for post, (person, scale) in enumerate(zip(author, reach, strict=True)):
        audience = graph.followers(person)
        chance = -np.expm1(-scale * graph.strength[audience])
        reacting = graph.follower[audience][random.random(len(chance)) < chance]
        for carrier in reacting[random.random(len(reacting)) < 0.1]:
            theirs = graph.followers(carrier)
            chance = -np.expm1(-0.3 * scale * graph.strength[theirs])
            reacting = np.append(reacting, graph.follower[theirs][random.random(len(chance)) < chance])
        actors.append(reacting)
        which.append(np.full(len(reacting), post))
    actor, post = np.concatenate(actors), np.concatenate(which)
    late = random.choice(len(DELAYS), size=len(post), p=DELAYS)
    topic = np.where(random.random(len(post)) < 0.7, graph.topic[author[post]], -1)
    found = Events.of(day[post] + late, kinds_drawn(random, len(post)), actor, author[post], topic)
    return found.where(found.actor != found.target)


def answered(graph: Graph, received: Events, random: np.random.Generator) -> Events:
    """What is given back: half of the replies are answered, and now and then anything is."""
    chance = np.where(received.kind == REPLY, 0.53, 0.06)
    back = received.where(random.random(len(received)) < chance)
    kind = np.where(back.kind == REPLY, REPLY, kinds_drawn(random, len(back)))
    return Events.of(back.day, kind, back.target, back.actor, graph.topic[back.actor])


def posting_community(world: World) -> Community:
    """A world's people and its undisturbed history, from follows and posts."""
    graph = graph_of(world)
    people = people_of(world, graph)
    n = world.people
    random = np.random.default_rng((world.seed, world.history, 23))
    wild = random.gamma(1.5, 1 / 1.5, (world.days, n))
    week = np.resize(WEEK, world.days)[:, None]
    counts = random.poisson(week * graph.posting * wild)
    day, author = np.nonzero(counts)
    many = counts[day, author]
    day, author = np.repeat(day, many), np.repeat(author, many)
    quality = np.exp(random.normal(0, QUALITY, len(day)) - QUALITY**2 / 2)
    reach = 0.8 * world.reactions / np.median(graph.drawn) * quality * graph.talent[author]
    received = reactions_to_posts(graph, day, author, reach, random)
    received = received.where(received.day < world.days)
    everybody = np.arange(n)
    parts = [
        received,
        answered(graph, received, random),
        Events.of(day, POST, author, -1, graph.topic[author]),
        # As in the other simulator, everybody shows up in the first week.
        Events.of(everybody % 7, POST, everybody, -1, graph.topic),
    ]
    if world.follows:
        wishes = np.random.default_rng((world.seed, 24))
        begun = wishes.integers(world.days, size=len(graph.follower))
        begun[wishes.random(len(begun)) < 0.7] = 0
        parts.append(Events.of(begun, FOLLOW, graph.follower, graph.followed))
    return Community(world, people, Events.joined(parts), Followers(graph))
