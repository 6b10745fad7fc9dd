"""The formula of the score, and the score that each account would have as a person of its own.

An account's own score is kept beside its level so that a person who takes the account over begins where
the account stood, and an account that leaves a person goes on where it would be without the two having
met: without reading what any other person's score was.
"""

from __future__ import annotations

import numpy as np

from spark_jobs.scoring_model import ScoringModel
from spark_jobs.transforms.scoring.arrays import Bools, Floats


def points(level: Floats, model: ScoringModel) -> Floats:
    """The score's formula: 1 + k ln(1 + L / c). A level of 0 is exactly 1."""
    return np.asarray(1 + model.score.points_per_e_fold * np.log1p(level / model.score.scale))


def level_at(score_points: Floats, model: ScoringModel) -> Floats:
    """The level at which the formula gives so many points."""
    return np.asarray(model.score.scale * np.expm1((score_points - 1) / model.score.points_per_e_fold))


def smoothing_pace(model: ScoringModel) -> float:
    """Part of the way to what is observed that a score goes in a day."""
    return float(1 - 0.5 ** (1 / model.score.smoothing_half_life_days))


def own_score(
    before: Floats, level: Floats, ceiling_points: Floats, acted: Bools, model: ScoringModel
) -> Floats:
    """Smoothed points of each account alone after a day, (accounts,); `before` is of the day before.

    NaN until the account's first action: whoever never acted is not scored.
    """
    capped = np.minimum(level, level_at(ceiling_points, model))
    observed = np.minimum(points(capped, model), model.score.cap)
    known = ~np.isnan(before)
    moved = np.where(known, before + smoothing_pace(model) * (observed - before), observed)
    return np.where(acted, moved, np.nan)
