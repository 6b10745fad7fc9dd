"""Step 7: the flow's long-run level: a slow mean, raised to what every part of the last weeks has seen.

The slow mean, and a fast one for momentum, are exponential means kept as decayed sums and decayed
weights, on a clock of each account's own: it stands still while the network delivers nothing and runs
slowly while the person is away. Beside them the last days' flow is remembered day by day. Its windows'
lowest mean is a level that lasts: a week's event leaves at least one window without it. Both the mean
and the lowest window rise, and never fall, with any day's flow, so more attention never lowers a level;
and there is no threshold at which a level jumps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spark_jobs.scoring_model import Level, ScoringModel
from spark_jobs.transforms.scoring.arrays import Floats, Ints


def clock_rate(silent_days: Ints, model: Level) -> Floats:
    """How fast time runs for each account after so many days without an action of its own."""
    away = (silent_days >= model.quiet_from_day) & (silent_days <= model.quiet_until_day)
    return np.where(away, model.quiet_clock, 1.0)


@dataclass(frozen=True)
class Means:
    """Slow mean by kind, (accounts, kinds), and the fast mean; sums, squared sums and weights.

    `recent` (accounts, days) is the flow of the last days, today's first.
    """

    slow: Floats
    slow_sq: Floats
    weight: Floats
    weight_sq: Floats
    fast: Floats
    fast_weight: Floats
    recent: Floats

    def slow_level(self, model: Level) -> Floats:
        return np.asarray(self.slow.sum(axis=1) / np.maximum(self.weight, model.minimum_weight))

    def fast_level(self, model: Level) -> Floats:
        return np.asarray(self.fast / np.maximum(self.fast_weight, model.minimum_weight))

    def variance(self, model: Level, reaction_worth: float, clustering: float) -> Floats:
        """Variance of the slow mean, (accounts,): of the daily flows behind it, and of their number.

        A sample of few days shows less spread than there is, for the rare large ones are not in it; so
        what a Poisson count of reactions of `reaction_worth` each must have is added. Both are multiplied by
        `clustering`: days that come in lumps tell less than as many that do not hang together.
        """
        weight = np.maximum(self.weight, model.minimum_weight)
        mean = self.slow.sum(axis=1) / weight
        spread = np.maximum(self.slow_sq / weight - mean**2, 0.0) + reaction_worth * mean
        return np.asarray(clustering * spread * self.weight_sq / weight**2)


@dataclass(frozen=True)
class Arriving:
    """A day's flow: `slow` (accounts, kinds) and `fast` (accounts,) faded to its true age on either
    half-life, `by_day` (accounts, days) by the day on which it happened, today first.
    """

    slow: Floats
    fast: Floats
    by_day: Floats


@dataclass(frozen=True)
class LevelDay:
    """Means after a day, and how the slow level came from yesterday's: `faded` is what remained of
    it, `per_flow` (accounts,) what one unit of flow adds, `risen` what the rise to the fast mean added.
    """

    means: Means
    faded: Floats
    per_flow: Floats
    risen: Floats


def level_day(means: Means, arriving: Arriving, rate: Floats, clock: float, model: ScoringModel) -> LevelDay:
    """Take a day's flow into the means. `rate` (accounts,) is each clock's speed, `clock` the days passed."""
    level = model.level
    slow_decay = 0.5 ** (rate * clock / level.slow_half_life_days)
    fast_decay = 0.5 ** (rate * clock / level.fast_half_life_days)
    slow_share = 1 - 0.5 ** (rate / level.slow_half_life_days)
    fast_share = 1 - 0.5 ** (rate / level.fast_half_life_days)

    weight = means.weight * slow_decay + (1 - slow_decay)
    day_flow = arriving.slow.sum(axis=1)
    moved = Means(
        slow=means.slow * slow_decay[:, None] + slow_share[:, None] * arriving.slow,
        slow_sq=means.slow_sq * slow_decay + slow_share * day_flow**2,
        weight=weight,
        weight_sq=means.weight_sq * slow_decay**2 + clock * slow_share**2,
        fast=means.fast * fast_decay + fast_share * arriving.fast,
        fast_weight=means.fast_weight * fast_decay + (1 - fast_decay),
        # Days of silence prove nothing about a level, neither for nor against it.
        recent=np.where(
            (rate < 1)[:, None], means.recent, _later(means.recent, round(clock)) + arriving.by_day
        ),
    )
    divisor = np.maximum(weight, level.minimum_weight)
    before_rise = moved.slow_level(level)
    risen = _risen(moved, level)
    return LevelDay(
        means=risen,
        faded=means.slow.sum(axis=1) * slow_decay / divisor,
        per_flow=slow_share / divisor,
        risen=risen.slow_level(level) - before_rise,
    )


def without_revoked(
    means: Means, revoked: Floats, rate: Floats, clock: float, level: Level
) -> tuple[Means, Floats]:
    """The means without flow that is taken back, `revoked` (accounts,), and how much of today's level that
    is, (accounts,). A level has no more to lose than it holds. The days remembered lose the same part: what
    was taken back proves no rise.
    """
    decay = 0.5 ** (rate * clock / level.slow_half_life_days)
    share = 1 - 0.5 ** (rate / level.slow_half_life_days)
    total = means.slow.sum(axis=1) * decay
    gone = np.minimum(share * revoked, total)
    factor = 1 - np.divide(gone, total, out=np.zeros(len(total)), where=total > 0)
    weight = means.weight * decay + (1 - decay)
    lost = gone / np.maximum(weight, level.minimum_weight)
    still = replace(
        means,
        slow=means.slow * factor[:, None],
        slow_sq=means.slow_sq * factor**2,
        recent=means.recent * factor[:, None],
    )
    return still, lost


def clustering_of(recent: Floats, clock_days: float, model: ScoringModel) -> float:
    """How many times the variance that independent days would have the network's longer means have, >= 1.

    From the flow of the last days, (accounts, days): the variance between windows, times their length, by the
    variance between days. Where a post draws reactions for days it is over 1. Nobody's own three windows say
    enough, so it is taken over all; each account is measured in its own mean and
    `clustering_flow`, and `clustering_prior` further units of variance are counted in, of days that do not
    hang together. While the history is shorter than the days remembered it is 1, and then comes in over as
    many days more.
    """
    days, level, prior = recent.shape[1], model.level, model.interval.clustering_prior
    known = min(1.0, max(0.0, clock_days / days - 1))
    if known == 0:
        return 1.0
    relative = recent / (recent.mean(axis=1, keepdims=True) + model.interval.clustering_flow)
    windows = relative.reshape(len(recent), level.rise_windows, level.rise_window_days).mean(axis=2)
    between = level.rise_window_days * float(windows.var(axis=1, ddof=1).sum())
    within = float(relative.var(axis=1, ddof=1).sum())
    ratio = (between + prior) / (within + prior)
    return float(1.0 + known * max(0.0, ratio - 1))


def _later(recent: Floats, days: int) -> Floats:
    """The last days' flow after `days` more days."""
    moved = np.zeros_like(recent)
    if days < recent.shape[1]:
        moved[:, days:] = recent[:, : recent.shape[1] - days]
    return moved


def lasting_level(recent: Floats, level: Level) -> Floats:
    """What surely lasts of the last days' flow, (accounts,): the lowest mean of the windows they are cut
    into, less what chance may have added.

    Reactions come about as independent counts do, whose square roots all have the same spread (Anscombe,
    1948): so a fixed piece is taken from the root.
    """
    windows = recent.reshape(len(recent), level.rise_windows, level.rise_window_days)
    lowest = windows.mean(axis=2).min(axis=1)
    return np.asarray(np.maximum(np.sqrt(lowest) - level.rise_doubt, 0.0) ** 2)


def _risen(means: Means, level: Level) -> Means:
    """Raise the slow mean to the lasting level where that is higher.

    Only upwards: whom fewer react to fades on the slow mean's own half-life, so that silence costs
    what the method says and no more.
    """
    slow = means.slow_level(level)
    # A short history is not taken for a long one here either: else its eighteenth day would be a jump.
    known = np.minimum(1.0, means.weight / level.minimum_weight)
    lasting = lasting_level(means.recent, level) * known
    raised = (lasting > slow) & (slow > 0)
    factor = np.where(raised, np.divide(lasting, slow, out=np.ones(len(slow)), where=slow > 0), 1.0)
    return replace(means, slow=means.slow * factor[:, None], slow_sq=means.slow_sq * factor**2)
