"""Accounts that join a person or leave: no jump in the score.

What a change of accounts would add to a score, or take from it, is set against it on the day itself and
counted in step by step from then on: that is a person's outstanding. It is a number of points of its own,
so that news about the accounts passes as it would without the change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spark_jobs.scoring_model import ScoringModel
from spark_jobs.transforms.scoring.arrays import Floats, summed
from spark_jobs.transforms.scoring.own_score import level_at, points
from spark_jobs.transforms.scoring.person_rows import NO_ORIGIN, AccountRows, ByNetwork, combined

FAINTEST_DUE = 1e-3
FAINTEST_OUTSTANDING = 1e-6
"""Points below which the walk has arrived; it would come nearer for ever."""


@dataclass(frozen=True)
class Stand:
    """Where people stand with certain shares of their accounts: (people,), levels (people, networks).

    `raw` is the score before ceiling and smoothing, `observed` before smoothing.
    """

    by_network: Floats
    level: Floats
    raw: Floats
    observed: Floats


@dataclass(frozen=True)
class Outstanding:
    """Points, (people,), that are in the score though the accounts say otherwise; `due` unsmoothed."""

    due: Floats
    smoothed: Floats


@dataclass(frozen=True)
class Begun:
    """Where new people begin, (people,): points, and the same before smoothing."""

    score: Floats
    observed: Floats


def stand(by_network: ByNetwork, rows: AccountRows, share: Floats, model: ScoringModel) -> Stand:
    """People's standing today if `share` (rows,) of each account is theirs."""
    now = by_network.sum(share * rows.level)
    level = combined(now)
    capped = combined(by_network.sum(share * _capped(rows, model)))
    return Stand(now, level, points(level, model), np.minimum(points(capped, model), model.score.cap))


def walked(due: Floats, model: ScoringModel) -> Floats:
    """What is still outstanding a day later: a part of it is counted in, and never much at once."""
    identity = model.identity
    step = np.minimum(np.abs(due) * (1 - 0.5 ** (1 / identity.half_life_days)), identity.points_a_day)
    return np.asarray(due - np.sign(due) * step)


def bounded(due: Floats, observed: Floats, model: ScoringModel) -> Floats:
    """The same without the last faint points, and never beyond the ends of the scale."""
    due = np.clip(due, 1.0 - observed, model.score.cap - observed)
    return np.where(np.abs(due) < FAINTEST_DUE, 0.0, due)


def begun(by_network: ByNetwork, rows: AccountRows, model: ScoringModel) -> Begun:
    """Where people begin who were not scored yesterday.

    They begin where their accounts stood: the strongest of those that came from one person, with the
    accounts that were theirs or that are new, and not the sum of what several people had.
    """
    capped = _capped(rows, model)
    # An account without a score of its own begins today, as a person of its own would.
    alone = np.minimum(points(capped, model), model.score.cap)
    smoothed = level_at(np.where(np.isnan(rows.own_score), alone, rows.own_score), model)
    theirs = np.where(rows.origin == NO_ORIGIN, rows.share_start, 0.0)
    own, observed = by_network.sum(theirs * smoothed), by_network.sum(theirs * capped)
    joined = np.flatnonzero(rows.origin != NO_ORIGIN)
    if len(joined) == 0:
        return _begun(own, observed, model)
    origins = int(rows.origin.max()) + 1
    together, place = np.unique(rows.person[joined] * origins + rows.origin[joined], return_inverse=True)
    person, networks = together // origins, by_network.shape[1]
    slot = place * networks + rows.network[joined]

    def with_theirs(level: Floats, base: Floats) -> Floats:
        joining = summed(slot, rows.share_start[joined] * level[joined], len(together) * networks)
        return np.asarray(joining.reshape(len(together), networks) + base[person])

    own_of, observed_of = with_theirs(smoothed, own), with_theirs(capped, observed)
    order = np.lexsort((together, -combined(own_of), person))
    best = order[np.flatnonzero(np.diff(person[order], prepend=-1))]
    own[person[best]], observed[person[best]] = own_of[best], observed_of[best]
    return _begun(own, observed, model)


def _begun(own: Floats, observed: Floats, model: ScoringModel) -> Begun:
    cap = model.score.cap
    return Begun(
        np.minimum(points(combined(own), model), cap), np.minimum(points(combined(observed), model), cap)
    )


def _capped(rows: AccountRows, model: ScoringModel) -> Floats:
    return np.minimum(rows.level, level_at(rows.ceiling_points, model))
