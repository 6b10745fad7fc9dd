"""Step 6: the flow of attention that an account receives, and what dampens it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spark_jobs.scoring_model import KINDS, ScoringModel
from spark_jobs.transforms.scoring.arrays import Floats, Ints, ratio, summed
from spark_jobs.transforms.scoring.pairs import PairDay, Reactions


@dataclass(frozen=True)
class PostingMeans:
    """Decayed sums of posts a day and their weights, (accounts,) each, and the means they give."""

    long_sum: Floats
    short_sum: Floats
    long_weight: Floats
    short_weight: Floats

    @property
    def long(self) -> Floats:
        return ratio(self.long_sum, self.long_weight)

    @property
    def short(self) -> Floats:
        return ratio(self.short_sum, self.short_weight)


def posting_means(before: PostingMeans, posts: Floats, clock: float, model: ScoringModel) -> PostingMeans:
    """Posting means after a day on which `posts` (accounts,) were made and `clock` days passed."""
    long = np.exp(-clock / model.posting.long_days)
    short = np.exp(-clock / model.posting.short_days)
    # In a day's time constant each post weighs the same, however many days the clock had to catch up.
    return PostingMeans(
        long_sum=before.long_sum * long + posts * (1 - np.exp(-1 / model.posting.long_days)),
        short_sum=before.short_sum * short + posts * (1 - np.exp(-1 / model.posting.short_days)),
        long_weight=before.long_weight * long + (1 - long),
        short_weight=before.short_weight * short + (1 - short),
    )


def posting_divisor(means: PostingMeans, posts: Floats, clock: float, model: ScoringModel) -> Floats:
    """By how much posting more than usual, or very much, divides what comes in; (accounts,) >= 1."""
    posting = model.posting
    mean = means.long
    today = (posts / max(clock, 1.0) + posting.today_allowance) / (mean + posting.mean_allowance)
    week = (means.short + posting.short_allowance) / (mean + posting.short_mean_allowance)
    burst = np.maximum(1.0, np.maximum(today, week)) ** posting.burst_exponent
    return np.asarray(burst * np.maximum(1.0, mean) ** posting.volume_exponent)


def solicitation_divisor(day: PairDay, trust: Floats, model: ScoringModel) -> Floats:
    """By how much following many who do not follow back divides what comes in; (accounts,) >= 1."""
    pairs, accounts = day.pairs, len(trust)
    unit = model.follow.mass or 1.0
    out = summed(pairs.actor, pairs.follow_mass, accounts) / unit
    trusted_in = summed(pairs.target, pairs.follow_mass * trust[pairs.actor], accounts) / unit
    sought = np.maximum(0.0, out - trusted_in - model.solicitation.free_follows)
    return np.asarray(1 + model.solicitation.rate * sought)


_GRIDS = 5
"""Grids, each a fifth of a mesh beside the last, on which who owes alike is told: their mean has no edge."""


class Intake:
    """What reaction groups give their receivers on a day, within the day's bound.

    The bound is on attention before give-back, and attention that owes less fills it first. So a circle
    whose members react to each other cannot fill with applause what applause is not worth, and a further
    reaction never displaces a better one: it adds or it does nothing. Those that are worth alike, within
    `alike`, share what room is left: on the edge of a hair's difference nobody is let in or left out, and a
    further reaction costs a better one that much of the day at most.
    """

    def __init__(
        self,
        reactions: Reactions,
        offered: Floats,
        give_back: Floats,
        level: Floats,
        base: float,
        alike: float,
    ) -> None:
        """`offered` (groups,) is authority times fresh attention by what dampens the receiver's intake,
        `give_back` (groups,) what is left of each for what the receiver gave; `level` (accounts,) is
        yesterday's.
        """
        self.offered, self.give_back, self.level, self.base = offered, give_back, level, base
        ages = int(reactions.age.max()) + 1 if len(reactions.age) else 1
        slot = reactions.target * ages + reactions.age
        self.grids = [
            _Grid(slot, np.floor(give_back / alike + grid / _GRIDS), reactions.target)
            for grid in range(_GRIDS if len(slot) else 0)
        ]

    def taken(self, level_factor: float) -> Floats:
        """The flow that each reaction group gives, (groups,), where a day of occurrence may bring
        `level_factor` times the level and the base.
        """
        return np.asarray(self.offered * self.give_back * self.fraction(level_factor))

    def fraction(self, level_factor: float) -> Floats:
        """How much of each reaction group there is room for, (groups,) in [0, 1]."""
        if not self.grids:
            return np.zeros(0)
        bound = level_factor * self.level + self.base
        shares = [grid.fraction(self.offered, bound) for grid in self.grids]
        return np.asarray(np.sum(shares, axis=0) / _GRIDS)


class _Grid:
    """Reaction groups by slot (a receiver's day of occurrence) and, in it, by worth, the best first."""

    def __init__(self, slot: Ints, worth: Floats, target: Ints) -> None:
        """All (groups,), of one group at least."""
        self.order = np.lexsort((-worth, slot))
        of_slot, of_worth = slot[self.order], worth[self.order]
        new_slot = np.append(True, of_slot[1:] != of_slot[:-1])
        new_rank = new_slot | np.append(True, of_worth[1:] != of_worth[:-1])
        self.rank = np.cumsum(new_rank) - 1
        self.first_of_rank = np.flatnonzero(new_rank)
        self.first_of_slot = np.flatnonzero(new_slot)
        self.slot_of_rank = np.cumsum(new_slot)[self.first_of_rank] - 1
        self.receiver = target[self.order][self.first_of_rank]

    def fraction(self, offered: Floats, bound: Floats) -> Floats:
        """How much of each group there is room for, (groups,), where `bound` (accounts,) fits in a slot."""
        of_rank = np.add.reduceat(offered[self.order], self.first_of_rank)
        before = np.concatenate(([0.0], np.cumsum(of_rank)[:-1]))
        before = before - before[self.rank[self.first_of_slot]][self.slot_of_rank]
        room = np.maximum(bound[self.receiver] - before, 0.0)
        fraction = np.minimum(1.0, room / np.maximum(of_rank, 1e-300))
        share = np.empty(len(offered))
        share[self.order] = fraction[self.rank]
        return share


def by_age(reactions: Reactions, taken: Floats, accounts: int, days: int) -> Floats:
    """Sum of `taken` (groups,) by receiver and age in days, (accounts, days); what is older is left out."""
    near = reactions.age < days
    slot = reactions.target[near] * days + reactions.age[near]
    return np.asarray(summed(slot, taken[near], accounts * days).reshape(accounts, days))


def by_kind(reactions: Reactions, taken: Floats, accounts: int) -> Floats:
    """Sum of `taken` (groups,) by receiver and kind, (accounts, kinds)."""
    slot = reactions.target * len(KINDS) + reactions.kind
    flat = summed(slot, taken, accounts * len(KINDS))
    return np.asarray(flat.reshape(accounts, len(KINDS)))
