"""Who sees whom: a steady circle around every account, from hashes, without a list of edges in memory.

An account's circle has numbered slots. A slot hashes to a member of a community of interest, so the same slot
is the same person on every day. Friends are an involution on the members who share a first interest, so that
a friend's friend is oneself. Newcomers take over a share of the slots as they join; the others stay.
"""

from dataclasses import dataclass

import numpy as np

from orchestration.connectors.community.people import TOPICS, People
from orchestration.connectors.community.randomness import (
    Bools,
    Floats,
    Hashes,
    Ints,
    Stream,
    hashes,
    mixed,
    unit,
)

FRIENDS = 6
FRIEND_SHARE, CIRCLE_SHARE = 0.22, 0.62  # the remaining reactions come from anyone with the interest


@dataclass(frozen=True)
class Pools:
    """The members of one network by interest; founders are drawn by weight, newcomers evenly.

    `members` and `cumulative` hold the founders of all topics behind one another, topic t from start[t] to
    start[t + 1]; `cumulative` is the running sum of weights, from 0 at the beginning of everything.
    """

    members: Ints
    start: Ints
    cumulative: Floats
    newcomers: Ints
    newcomers_start: Ints
    newcomers_join_day: Ints

    def pick(self, topics: Ints, h: Hashes, acting_on: int) -> Ints:
        """The person each hash names among those interested in each topic; -1 where the topic has nobody.

        acting_on: day number; who joined on that day or later is not picked.
        """
        sizes = np.diff(self.start)
        low, high = self._weight_before(self.start[:-1]), self._weight_before(self.start[1:])
        aim = low[topics] + unit(h) * (high - low)[topics]
        place = np.searchsorted(self.cumulative, aim, side="right")
        place = np.clip(place, self.start[:-1][topics], self.start[1:][topics] - 1)
        picked = self.members[place] if len(self.members) else np.full(len(topics), -1)
        picked = np.where(sizes[topics] > 0, picked, -1)
        if len(self.newcomers) == 0:
            return picked
        # v < k / (size + k) exactly if the slot falls to one of the first k newcomers: as k grows, slots move
        # to newcomers and never between the others.
        v = unit(mixed(h))
        newcomer = np.floor(sizes[topics] * v / (1.0 - v)).astype(np.int64)
        joined = np.array(
            [
                np.searchsorted(self.newcomers_join_day[a:b], acting_on, side="left")
                for a, b in zip(self.newcomers_start[:-1], self.newcomers_start[1:], strict=True)
            ]
        )
        taken = newcomer < joined[topics]
        place = np.where(taken, self.newcomers_start[:-1][topics] + newcomer, 0)
        return np.where(taken, self.newcomers[place], picked)

    def _weight_before(self, place: Ints) -> Floats:
        return np.concatenate([[0.0], self.cumulative])[place]


def pools(crowd: People, members: Bools, weights: Floats) -> Pools:
    """The pools of the `members` of a network (one flag a person), founders drawn with `weights` (> 0)."""
    founder = crowd.join_day == 0
    flat: list[Ints] = []
    new: list[Ints] = []
    for topic in range(len(TOPICS)):
        interested = (crowd.interests == topic).any(axis=1) & members
        flat.append(np.flatnonzero(interested & founder))
        new.append(np.flatnonzero(interested & ~founder))
    founders, newcomers = np.concatenate(flat), np.concatenate(new)
    return Pools(
        members=founders,
        start=_starts(flat),
        cumulative=np.cumsum(weights[founders]),
        newcomers=newcomers,
        newcomers_start=_starts(new),
        newcomers_join_day=crowd.join_day[newcomers],
    )


def _starts(parts: list[Ints]) -> Ints:
    return np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)


@dataclass(frozen=True)
class Audience:
    """The circles of one network's accounts; people are person indices."""

    seed: int
    salt: int
    interests: Ints
    reacting: Floats
    circle_size: Ints
    pools: Pools
    home: Ints
    home_start: Ints
    home_place: Ints

    def draw(self, rng: np.random.Generator, around: Ints, acting_on: int) -> Ints:
        """One person from the audience of each of the people `around`; -1 where there is nobody."""
        route, luck = rng.random(len(around)), rng.random(len(around))
        # The inner slots of a circle are drawn more often than the outer ones: a few fans react most.
        slot = (self.circle_size[around] * luck**1.8).astype(np.int64)
        h = hashes(self.seed, Stream.AUDIENCE, around, slot, salt=self.salt)
        stranger = route >= FRIEND_SHARE + CIRCLE_SHARE
        h[stranger] = rng.integers(0, 2**64, size=int(stranger.sum()), dtype=np.uint64)
        topics = self.interests[around, (h % np.uint64(3)).astype(np.int64)]
        drawn = self.pools.pick(topics, h, acting_on)
        by_friend = np.flatnonzero(route < FRIEND_SHARE)
        friends = self._friends(around[by_friend], (luck[by_friend] * FRIENDS).astype(np.int64))
        willing = (friends >= 0) & (rng.random(len(friends)) < self.reacting[friends])
        drawn[by_friend[willing]] = friends[willing]
        return drawn

    def _friends(self, around: Ints, number: Ints) -> Ints:
        """The friends with these numbers (0 .. FRIENDS - 1); -1 for newcomers and bots, who have none."""
        topic = self.interests[around, 0]
        place = self.home_place[around]
        size = np.diff(self.home_start)[topic]
        mirror = hashes(self.seed, Stream.FRIENDS, topic, number, salt=self.salt)
        known = (place >= 0) & (size > 0)
        size = np.maximum(size, 1)
        # place -> (mirror - place) is its own inverse: friendship is mutual.
        other = ((mirror % size.astype(np.uint64)).astype(np.int64) - place) % size
        return np.where(known, self.home[np.where(known, self.home_start[topic] + other, 0)], -1)


def audience(seed: int, salt: int, crowd: People, members: Bools, influence: Floats) -> Audience:
    """The audience of a network. members: who has an account there; influence: hidden, on this network."""
    reacting = members & ~crowd.is_bot  # bots have a stream of their own: they react to everybody
    founders = np.flatnonzero(reacting & (crowd.join_day == 0))
    order = founders[np.argsort(crowd.interests[founders, 0], kind="stable")]
    per_topic = np.bincount(crowd.interests[order, 0], minlength=len(TOPICS))
    home_start = np.concatenate([[0], np.cumsum(per_topic)]).astype(np.int64)
    home_place = np.full(len(crowd.join_day), -1, dtype=np.int64)
    home_place[order] = np.arange(len(order)) - home_start[crowd.interests[order, 0]]
    return Audience(
        seed=seed,
        salt=salt,
        interests=crowd.interests,
        reacting=np.minimum(crowd.reacting, 1.0),
        circle_size=np.clip(np.round(12.0 * influence**0.7), 5, 3000).astype(np.int64),
        pools=pools(crowd, reacting, crowd.reacting),
        home=order if len(order) else np.array([-1], dtype=np.int64),
        home_start=home_start,
        home_place=home_place,
    )
