"""Steps 8 and 9 for people: from their accounts' levels to score, interval, parts and changes.

Pure arrays. People are numbered in the order of their ids and networks in the order of their names;
`K` is the number of reaction kinds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spark_jobs.scoring_model import KINDS, ScoringModel
from spark_jobs.transforms.scoring.arrays import Bools, Floats, Ints, summed

CAUSES = (
    "new_attention",
    "fading",
    "others_authority",
    "give_back",
    "accounts",
    "ceiling",
    "smoothing",
)
"""Why a score changed, in the order of `PersonDay.changes`."""

_LEVEL_CAUSES = 4


@dataclass(frozen=True)
class AccountRows:
    """Accounts of people on one day, (rows,) each; `slow` is (rows, K), `changes` (rows, 4).

    `share` is how much of the account is the person's. Levels are of the account as a whole.
    """

    person: Ints
    network: Ints
    share: Floats
    level: Floats
    level_before: Floats
    fast_level: Floats
    variance: Floats
    ceiling_points: Floats
    evidence: Floats
    reach: Floats
    posts_a_day: Floats
    network_influence: Floats
    slow: Floats
    changes: Floats


@dataclass(frozen=True)
class PersonState:
    """What the next day needs of each person: (people,) and, for `parts`, (people, networks, K).

    `raw` is the score before ceiling and smoothing, NaN for people not scored yesterday; `observed`
    the score before smoothing; `parts` and `ceiling` are smoothed points.
    """

    raw: Floats
    observed: Floats
    ceiling: Floats
    parts: Floats

    @classmethod
    def empty(cls, people: int, networks: int) -> PersonState:
        unknown = np.full(people, np.nan)
        return cls(unknown, unknown.copy(), np.zeros(people), np.zeros((people, networks, len(KINDS))))

    @property
    def score(self) -> Floats:
        """Unrounded score; meaningless where `raw` is NaN."""
        return np.asarray(1 + self.parts.sum(axis=(1, 2)) + self.ceiling)


@dataclass(frozen=True)
class PersonDay:
    """People after a day, (people,) each; `changes` is (people, causes), NaN without a yesterday.

    `network_share` (people, networks) is each network's share of the level.
    """

    state: PersonState
    score: Floats
    low: Floats
    high: Floats
    momentum: Floats
    evidence: Floats
    reach: Floats
    amplification: Floats
    network_influence: Floats
    changes: Floats
    network_share: Floats


def points(level: Floats, model: ScoringModel) -> Floats:
    """The score's formula: 1 + k ln(1 + L / c). A level of 0 is exactly 1."""
    return np.asarray(1 + model.score.points_per_e_fold * np.log1p(level / model.score.scale))


def level_at(score_points: Floats, model: ScoringModel) -> Floats:
    """The level at which the formula gives so many points."""
    return np.asarray(model.score.scale * np.expm1((score_points - 1) / model.score.points_per_e_fold))


def person_day(before: PersonState, rows: AccountRows, scored: Bools, model: ScoringModel) -> PersonDay:
    """Score all people of a task for one day.

    `scored` (people,) marks who may be scored today; the others lose their state and start anew when
    they may be.
    """
    people, networks = before.parts.shape[0], before.parts.shape[1]
    ceiling_level = level_at(rows.ceiling_points, model)
    by_network = _ByNetwork(rows, people, networks)

    now = by_network.sum(rows.share * rows.level)
    level = _combined(now)
    raw = points(level, model)
    capped = _combined(by_network.sum(rows.share * np.minimum(rows.level, ceiling_level)))
    observed = np.minimum(points(capped, model), model.score.cap)

    share = np.divide(now**2, level[:, None] ** 2, out=np.zeros_like(now), where=level[:, None] > 0)
    parts = _parts(by_network, rows, share, raw)
    state = _smoothed(before, raw, observed, parts, scored, model)
    score = state.score

    deviation = np.sqrt(_variance(by_network, rows, now, level, model))
    reach_out = model.interval.z * deviation
    low = score - (raw - points(np.maximum(level - reach_out, 0.0), model))
    high = score + (points(level + reach_out, model) - raw)
    fast = _combined(by_network.sum(rows.share * np.minimum(rows.fast_level, ceiling_level)))
    posts = by_network.sum(rows.share * rows.posts_a_day).sum(axis=1)
    return PersonDay(
        state=state,
        score=score,
        low=np.clip(low, 1.0, model.score.cap),
        high=np.clip(high, 1.0, model.score.cap),
        momentum=np.minimum(points(fast, model), model.score.cap),
        evidence=by_network.sum(rows.share * rows.evidence).sum(axis=1),
        reach=by_network.sum(rows.share * rows.reach).sum(axis=1),
        # A floor of a post in ten days: the flow a post of somebody silent would be without bound.
        amplification=now.sum(axis=1) / np.maximum(posts, 0.1),
        network_influence=by_network.largest(rows.network_influence),
        changes=_changes(before, by_network, rows, now, level, raw, observed, score, model),
        network_share=share,
    )


class _ByNetwork:
    """Sums of account rows by person and network."""

    def __init__(self, rows: AccountRows, people: int, networks: int) -> None:
        self.slot = rows.person * networks + rows.network
        self.shape = (people, networks)

    def sum(self, amount: Floats) -> Floats:
        return summed(self.slot, amount, self.shape[0] * self.shape[1]).reshape(self.shape)

    def largest(self, amount: Floats) -> Floats:
        flat = np.zeros(self.shape[0] * self.shape[1])
        np.maximum.at(flat, self.slot, amount)
        return np.asarray(flat.reshape(self.shape).max(axis=1, initial=0.0))


def _combined(by_network: Floats) -> Floats:
    """A person's level of its levels in networks: the square root of their squares' sum."""
    return np.asarray(np.sqrt((by_network**2).sum(axis=1)))


def _parts(by_network: _ByNetwork, rows: AccountRows, share: Floats, raw: Floats) -> Floats:
    """Points by network and kind, (people, networks, K): each its share of the level's points."""
    _people, _networks = share.shape
    slow = np.stack([by_network.sum(rows.share * rows.slow[:, kind]) for kind in range(len(KINDS))], axis=2)
    total = slow.sum(axis=2, keepdims=True)
    of_network = np.divide(slow, total, out=np.zeros_like(slow), where=total > 0)
    return np.asarray(of_network * share[:, :, None] * (raw - 1)[:, None, None])


def _smoothed(
    before: PersonState, raw: Floats, observed: Floats, parts: Floats, scored: Bools, model: ScoringModel
) -> PersonState:
    pace = 1 - 0.5 ** (1 / model.score.smoothing_half_life_days)
    known = ~np.isnan(before.raw)
    ceiling = observed - raw
    follow = np.where(known, pace, 1.0)
    return PersonState(
        raw=np.where(scored, raw, np.nan),
        observed=np.where(scored, observed, np.nan),
        ceiling=np.where(scored, before.ceiling + follow * (ceiling - before.ceiling), 0.0),
        parts=np.where(
            scored[:, None, None], before.parts + follow[:, None, None] * (parts - before.parts), 0.0
        ),
    )


def _variance(
    by_network: _ByNetwork, rows: AccountRows, now: Floats, level: Floats, model: ScoringModel
) -> Floats:
    """Variance of the level: of the daily flows behind it, and more where few people stand behind it."""
    weight = np.divide(now, level[:, None], out=np.zeros_like(now), where=level[:, None] > 0)
    of_flow = (weight**2 * by_network.sum(rows.share**2 * rows.variance)).sum(axis=1)
    evidence = by_network.sum(rows.share * rows.evidence).sum(axis=1)
    return np.asarray(of_flow + (model.interval.evidence_weight * level) ** 2 / (1 + evidence))


def _changes(
    before: PersonState,
    by_network: _ByNetwork,
    rows: AccountRows,
    now: Floats,
    level: Floats,
    raw: Floats,
    observed: Floats,
    score: Floats,
    model: ScoringModel,
) -> Floats:
    """Points by cause, (people, causes), adding up to the change of the unrounded score.

    The level's change is split by cause account by account; (L - L')(L + L') of the networks' squares
    brings it to the person exactly. What yesterday's accounts differed from today's is `accounts`.
    """
    earlier = by_network.sum(rows.share * rows.level_before)
    level_before = _combined(earlier)
    both = level + level_before
    weight = np.divide(now + earlier, both[:, None], out=np.zeros_like(now), where=both[:, None] > 0)
    difference = level - level_before
    slope = np.where(
        np.abs(difference) > 1e-12 * np.maximum(level, 1e-12),
        _slope(raw - points(level_before, model), difference),
        model.score.points_per_e_fold / (model.score.scale + level),
    )
    causes = np.zeros((len(level), len(CAUSES)))
    for index in range(_LEVEL_CAUSES):
        moved = by_network.sum(rows.share * rows.changes[:, index])
        causes[:, index] = (weight * moved).sum(axis=1) * slope
    causes[:, 4] = points(level_before, model) - before.raw
    causes[:, 5] = (observed - raw) - (before.observed - before.raw)
    causes[:, 6] = (score - before.score) - (observed - before.observed)
    return causes


def _slope(part: Floats, whole: Floats) -> Floats:
    """part / whole, and 0 where whole is exactly 0."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole != 0)
