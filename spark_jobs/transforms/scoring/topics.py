"""What people react to an account for: attention and evidence by topic, fading like the level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spark_jobs.scoring_model import ScoringModel
from spark_jobs.transforms.scoring.arrays import Floats, Ints, ratio, summed
from spark_jobs.transforms.scoring.pairs import PairDay, Reactions

FAINTEST = 1e-4
"""Attention under this is forgotten: it is no longer a thousandth of a point."""


@dataclass(frozen=True)
class Topics:
    """Attention by account and topic, (rows,) each, sorted by account, then topic.

    `attention` is a decayed sum of flow, `evidence` a decayed number of distinct trusted people who reacted.
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
    holder: Ints,
    clock: float,
    model: ScoringModel,
) -> Topics:
    """Attention by topic after a day; `taken` (groups,) is what each reaction group gave.

    A late row counts at its true age, as if it had come in time and faded since.
    """
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
    aged = 0.5 ** (reactions.age / model.level.slow_half_life_days)
    people = (
        trust[reactions.actor] * pairs.give_back[pairs.pair] * newly_heard(reactions, pairs, holder, model)
    )
    attention += share * summed(at_new, (aged * taken)[about.group] * about.part, len(key))
    evidence += summed(at_new, (aged * people)[about.group] * about.part, len(key))
    alive = attention >= FAINTEST
    return Topics(key[alive] // topics, key[alive] % topics, attention[alive], evidence[alive])


def newly_heard(reactions: Reactions, pairs: PairDay, holder: Ints, model: ScoringModel) -> Floats:
    """How much of one person each reaction group adds to the people who were heard from, (groups,).

    Between two people it adds up to about one, whatever their accounts, the kinds and the days: what is
    counted is how far 1 - e^(-mass / saturation) rises, mass being what all accounts of the one lately
    gave all those of the other. So nobody is an expert by the zeal of a single reader.
    """
    people = int(holder.max(initial=0)) + 1
    of_pair = holder[pairs.pairs.actor] * people + holder[pairs.pairs.target]
    today, place = np.unique(of_pair[pairs.pair], return_inverse=True)
    weights = np.array(model.kinds.in_order())
    arriving = weights[reactions.kind] * reactions.count * 0.5 ** (reactions.age / model.pair.half_life_days)
    added = summed(place, arriving, len(today))
    at = np.searchsorted(today, of_pair)
    met = today[np.minimum(at, max(len(today) - 1, 0))] == of_pair if len(today) else at < 0
    after = summed(at[met], pairs.pairs.mass[met], len(today))
    before = np.maximum(after - added, 0.0)
    scale = model.measures.topic_saturation
    risen = np.exp(-before / scale) - np.exp(-after / scale)
    return np.asarray(risen[place] * ratio(arriving, added[place]))
