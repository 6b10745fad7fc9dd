"""Step 6: the flow of attention that an account receives, and what dampens it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spark_jobs.scoring_model import KINDS, ScoringModel
from spark_jobs.transforms.scoring.arrays import Floats, ratio, summed
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


def flow(
    day: PairDay,
    reactions: Reactions,
    worth: Floats,
    divisor: Floats,
    level: Floats,
    model: ScoringModel,
) -> Floats:
    """The flow that each reaction group gives, (groups,), bounded by day of occurrence.

    `worth` (groups,) is authority times give-back of the group's pair; `divisor` and `level` are
    (accounts,): what dampens the receiver's intake, and its level of yesterday.
    """
    offered = worth * day.fresh / divisor[reactions.target]
    ages = int(reactions.age.max()) + 1 if len(reactions.age) else 1
    _, slot = np.unique(reactions.target * ages + reactions.age, return_inverse=True)
    total = np.bincount(slot, weights=offered)[slot] if len(slot) else np.zeros(0)
    bound = model.intake.level_factor * level[reactions.target] + model.intake.base
    return np.asarray(offered * np.minimum(1.0, bound / np.maximum(total, 1e-300)))


def by_kind(reactions: Reactions, taken: Floats, accounts: int) -> Floats:
    """Sum of `taken` (groups,) by receiver and kind, (accounts, kinds)."""
    slot = reactions.target * len(KINDS) + reactions.kind
    flat = summed(slot, taken, accounts * len(KINDS))
    return np.asarray(flat.reshape(accounts, len(KINDS)))
