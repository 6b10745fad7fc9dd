"""Step 7: the flow's long-run level, as a slow mean beside a fast one.

Both are exponential means kept as decayed sums and decayed weights, on a clock of each account's own:
it stands still while the network delivers nothing and runs slowly while the person is away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spark_jobs.scoring_model import Level, ScoringModel
from spark_jobs.transforms.scoring.arrays import Floats, Ints


def clock_rate(silent_days: Ints, model: Level) -> Floats:
    """How fast time runs for each account after so many days without an action of its own."""
    away = (silent_days >= model.quiet_from_day) & (silent_days <= model.quiet_until_day)
    return np.where(away, model.quiet_clock, 1.0)


@dataclass(frozen=True)
class Means:
    """Slow mean by kind, (accounts, kinds), and the fast mean; sums, squared sums and weights."""

    slow: Floats
    slow_sq: Floats
    weight: Floats
    weight_sq: Floats
    fast: Floats
    fast_weight: Floats
    rising_days: Ints

    def slow_level(self, model: Level) -> Floats:
        return np.asarray(self.slow.sum(axis=1) / np.maximum(self.weight, model.minimum_weight))

    def fast_level(self, model: Level) -> Floats:
        return np.asarray(self.fast / np.maximum(self.fast_weight, model.minimum_weight))

    def variance(self, model: Level) -> Floats:
        """Variance of the slow mean, (accounts,), from the spread of the daily flows behind it."""
        weight = np.maximum(self.weight, model.minimum_weight)
        mean = self.slow.sum(axis=1) / weight
        spread = np.maximum(self.slow_sq / weight - mean**2, 0.0)
        return np.asarray(spread * self.weight_sq / weight**2)


@dataclass(frozen=True)
class LevelDay:
    """Means after a day, and how the slow level came from yesterday's: `faded` is what remained of
    it, `per_flow` (accounts,) what one unit of flow adds, `risen` what the rise to the fast mean added.
    """

    means: Means
    faded: Floats
    per_flow: Floats
    risen: Floats


def level_day(
    means: Means, arrived_slow: Floats, arrived_fast: Floats, rate: Floats, clock: float, model: ScoringModel
) -> LevelDay:
    """Take a day's flow into the means.

    `arrived_slow` (accounts, kinds) and `arrived_fast` (accounts,) are the day's flow, faded to its
    true age on either half-life; `rate` (accounts,) is each clock's speed and `clock` the days passed.
    """
    level = model.level
    slow_decay = 0.5 ** (rate * clock / level.slow_half_life_days)
    fast_decay = 0.5 ** (rate * clock / level.fast_half_life_days)
    slow_share = 1 - 0.5 ** (rate / level.slow_half_life_days)
    fast_share = 1 - 0.5 ** (rate / level.fast_half_life_days)

    weight = means.weight * slow_decay + (1 - slow_decay)
    day_flow = arrived_slow.sum(axis=1)
    moved = Means(
        slow=means.slow * slow_decay[:, None] + slow_share[:, None] * arrived_slow,
        slow_sq=means.slow_sq * slow_decay + slow_share * day_flow**2,
        weight=weight,
        weight_sq=means.weight_sq * slow_decay**2 + clock * slow_share**2,
        fast=means.fast * fast_decay + fast_share * arrived_fast,
        fast_weight=means.fast_weight * fast_decay + (1 - fast_decay),
        rising_days=means.rising_days,
    )
    divisor = np.maximum(weight, level.minimum_weight)
    before_rise = moved.slow_level(level)
    risen = _risen(moved, clock, model)
    return LevelDay(
        means=risen,
        faded=means.slow.sum(axis=1) * slow_decay / divisor,
        per_flow=slow_share / divisor,
        risen=risen.slow_level(level) - before_rise,
    )


def _risen(means: Means, clock: float, model: ScoringModel) -> Means:
    """Move the slow mean up to the fast one where they have differed for long enough.

    Only upwards: whom fewer react to fades on the slow mean's own half-life, so that silence costs
    what the method says and no more. The scale is added to both, as it is in the score: at the
    bottom, where the score hardly moves, a few likes are no new level.
    """
    level = model.level
    slow, fast = means.slow_level(level), means.fast_level(level)
    above = np.log((fast + model.score.scale) / (slow + model.score.scale))
    steps = round(clock)
    risen_before = means.rising_days >= level.rise_days
    rising = (above >= level.rise_threshold) | (risen_before & (above > 0))
    days = np.where(rising, means.rising_days + steps, 0 if steps else means.rising_days)
    moves = (days >= level.rise_days) & (fast > slow) & (slow > 0)
    factor = np.where(moves, np.divide(fast, slow, out=np.ones(len(fast)), where=slow > 0), 1.0)
    return Means(
        slow=means.slow * factor[:, None],
        slow_sq=means.slow_sq * factor**2,
        weight=means.weight,
        weight_sq=means.weight_sq,
        fast=means.fast,
        fast_weight=means.fast_weight,
        rising_days=days,
    )
