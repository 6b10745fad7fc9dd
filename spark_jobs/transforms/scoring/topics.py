"""What people react to an account for: attention and evidence by topic, fading like the level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spark_jobs.scoring_model import ScoringModel
from spark_jobs.transforms.scoring.arrays import Floats, Ints, summed
from spark_jobs.transforms.scoring.pairs import PairDay, Reactions

FAINTEST = 1e-4
"""Attention under this is forgotten: it is no longer a thousandth of a point."""


@dataclass(frozen=True)
class Topics:
    """Attention by account and topic, (rows,) each, sorted by account, then topic.

    `attention` is a decayed sum of flow, `evidence` a decayed number of distinct trusted reactors.
    """

    account: Ints
    topic: Ints
    attention: Floats
    evidence: Floats

    @classmethod
    def empty(cls) -> Topics:
        none = np.zeros(0, dtype=np.int64)
        return cls(none, none, np.zeros(0), np.zeros(0))

    def renumbered(self, numbers: Ints) -> Topics:
        return Topics(numbers[self.account], self.topic, self.attention, self.evidence)


@dataclass(frozen=True)
class ReactionTopics:
    """Which part of each reaction group was about which topic, (rows,) each; parts sum to at most 1."""

    group: Ints
    topic: Ints
    part: Floats

    @classmethod
    def none(cls) -> ReactionTopics:
        empty = np.zeros(0, dtype=np.int64)
        return cls(empty, empty, np.zeros(0))


def topic_day(
    before: Topics,
    about: ReactionTopics,
    reactions: Reactions,
    taken: Floats,
    pairs: PairDay,
    trust: Floats,
    clock: float,
    model: ScoringModel,
) -> Topics:
    """Attention by topic after a day; `taken` (groups,) is what each reaction group gave."""
    kept = 0.5 ** (clock / model.level.slow_half_life_days)
    share = 1 - 0.5 ** (1 / model.level.slow_half_life_days)
    topics = int(max(before.topic.max(initial=-1), about.topic.max(initial=-1))) + 1
    if topics == 0:
        return before
    old_key = before.account * topics + before.topic
    new_key = reactions.target[about.group] * topics + about.topic
    key = np.union1d(old_key, new_key)
    attention, evidence = np.zeros(len(key)), np.zeros(len(key))
    at_old, at_new = np.searchsorted(key, old_key), np.searchsorted(key, new_key)
    attention[at_old] = before.attention * kept
    evidence[at_old] = before.evidence * kept
    # Fresh attention falls with repetition within a pair, so capped at one it counts people, not likes.
    people = trust[reactions.actor[about.group]] * np.minimum(1.0, pairs.fresh[about.group]) * about.part
    attention += share * summed(at_new, taken[about.group] * about.part, len(key))
    evidence += summed(at_new, people, len(key))
    alive = attention >= FAINTEST
    return Topics(key[alive] // topics, key[alive] % topics, attention[alive], evidence[alive])
