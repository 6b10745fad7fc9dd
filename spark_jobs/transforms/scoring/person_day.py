"""Steps 8 and 9 for people: from their accounts' levels to score, interval, parts and changes.

Pure arrays. People are numbered in the order of their ids and networks in the order of their names;
`K` is the number of reaction kinds, `P` that of PARTS.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spark_jobs.scoring_model import KINDS, ScoringModel
from spark_jobs.transforms.scoring.arrays import Bools, Floats, ratio
from spark_jobs.transforms.scoring.endorsements import endorsement_points
from spark_jobs.transforms.scoring.joining import (
    FAINTEST_OUTSTANDING,
    Outstanding,
    Stand,
    begun,
    bounded,
    stand,
    walked,
)
from spark_jobs.transforms.scoring.own_score import level_at, points, smoothing_pace
from spark_jobs.transforms.scoring.person_rows import AccountRows, ByNetwork, combined

CAUSES = (
    "new_attention",
    "fading",
    "others_authority",
    "give_back",
    "accounts",
    "ceiling",
    "smoothing",
    "endorsements",
)
"""Why a score changed, in the order of `PersonDay.changes`."""

_LEVEL_CAUSES = 4

STATE_PARTS = ("raw", "observed", "ceiling", "accounts", "accounts_due", "endorsed")
"""What of a person's state is one number a person, by the names of its parts in person_state."""

PARTS = (*KINDS, "endorsement")
"""Parts of a score that belong to a network, in the order of `PersonState.parts`."""


@dataclass(frozen=True)
class PersonState:
    """What the next day needs of each person: (people,) and, for `parts`, (people, networks, P).

    `raw` is the score of attention before ceiling and smoothing, NaN for people not scored yesterday;
    `observed` the same before smoothing; `parts`, `ceiling` and `accounts` are smoothed points. `accounts`
    is what accounts that joined or left lately are not yet counted for. `accounts_due` and `endorsed` are
    accounts and endorsements before smoothing.
    """

    raw: Floats
    observed: Floats
    ceiling: Floats
    accounts: Floats
    accounts_due: Floats
    parts: Floats
    endorsed: Floats

    @classmethod
    def empty(cls, people: int, networks: int) -> PersonState:
        return cls(
            raw=np.full(people, np.nan),
            observed=np.full(people, np.nan),
            ceiling=np.zeros(people),
            accounts=np.zeros(people),
            accounts_due=np.zeros(people),
            parts=np.zeros((people, networks, len(PARTS))),
            endorsed=np.zeros(people),
        )

    @property
    def score(self) -> Floats:
        """Unrounded score; meaningless where `raw` is NaN."""
        return np.asarray(1 + self.parts.sum(axis=(1, 2)) + self.ceiling + self.accounts)


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


def person_day(before: PersonState, rows: AccountRows, scored: Bools, model: ScoringModel) -> PersonDay:
    """Score all people of a task for one day.

    `scored` (people,) marks who may be scored today; the others lose their state and start anew when
    they may be.
    """
    people, networks = before.parts.shape[0], before.parts.shape[1]
    by_network = ByNetwork(rows, people, networks)

    today = stand(by_network, rows, rows.share, model)
    # What changed with the accounts is told apart from what happened to the accounts.
    same = np.array_equal(rows.share, rows.share_before)
    as_held = today if same else stand(by_network, rows, rows.share_before, model)
    outstanding = _outstanding(before, by_network, rows, today, as_held, scored, model)
    now, level, raw = today.by_network, today.level, today.raw

    share = np.divide(now**2, level[:, None] ** 2, out=np.zeros_like(now), where=level[:, None] > 0)
    vouched = _endorsement_parts(by_network, rows, today, outstanding, model)
    parts = np.concatenate((_parts(by_network, rows, share, raw), vouched[:, :, None]), axis=2)
    state = _smoothed(before, today, parts, outstanding, scored, model)
    score = state.score

    deviation = np.sqrt(_variance(by_network, rows, now, level, model))
    upwards = points(level + model.interval.z * deviation, model) - raw
    low, high = score - model.interval.down * upwards, score + upwards
    fast = combined(
        by_network.sum(rows.share * np.minimum(rows.fast_level, level_at(rows.ceiling_points, model)))
    )
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
        network_influence=by_network.largest(np.where(rows.share > 0, rows.network_influence, 0.0)),
        changes=_changes(before, state, by_network, rows, as_held, today, model),
        network_share=share,
    )


def _parts(by_network: ByNetwork, rows: AccountRows, share: Floats, raw: Floats) -> Floats:
    """Points by network and kind, (people, networks, K): each its share of the level's points."""
    _people, _networks = share.shape
    slow = np.stack([by_network.sum(rows.share * rows.slow[:, kind]) for kind in range(len(KINDS))], axis=2)
    total = slow.sum(axis=2, keepdims=True)
    of_network = np.divide(slow, total, out=np.zeros_like(slow), where=total > 0)
    return np.asarray(of_network * share[:, :, None] * (raw - 1)[:, None, None])


def _endorsement_parts(
    by_network: ByNetwork, rows: AccountRows, today: Stand, outstanding: Outstanding, model: ScoringModel
) -> Floats:
    """Points of endorsements by network, (people, networks); no more than the cap leaves room for."""
    if rows.endorsed is None:
        return np.zeros(by_network.shape)
    worth = by_network.sum(rows.share * rows.endorsed)
    total = worth.sum(axis=1)
    room = model.score.cap - today.observed - np.maximum(outstanding.due, 0.0)
    earned = np.clip(endorsement_points(total, today.raw - 1, model), 0.0, np.maximum(room, 0.0))
    return np.asarray(worth * ratio(earned, total)[:, None])


def _outstanding(
    before: PersonState,
    by_network: ByNetwork,
    rows: AccountRows,
    today: Stand,
    as_held: Stand,
    scored: Bools,
    model: ScoringModel,
) -> Outstanding:
    """What is not yet counted for of accounts that joined or left, and where new people begin."""
    known = ~np.isnan(before.raw)
    due = walked(before.accounts_due, model) - (today.observed - as_held.observed)
    due = bounded(np.where(known, due, 0.0), today.observed, model)
    smoothed = before.accounts + smoothing_pace(model) * (due - before.accounts)
    beginning = scored & ~known
    if beginning.any():
        begin = begun(by_network, rows, model)
        begins_with = bounded(begin.observed - today.observed, today.observed, model)
        due = np.where(beginning, begins_with, due)
        smoothed = np.where(beginning, begin.score - today.observed, smoothed)
    arrived = (due == 0) & (np.abs(smoothed) < FAINTEST_OUTSTANDING)
    return Outstanding(due, np.where(arrived, 0.0, smoothed))


def _smoothed(
    before: PersonState,
    today: Stand,
    parts: Floats,
    outstanding: Outstanding,
    scored: Bools,
    model: ScoringModel,
) -> PersonState:
    known = ~np.isnan(before.raw)
    ceiling = today.observed - today.raw
    follow = np.where(known, smoothing_pace(model), 1.0)
    return PersonState(
        raw=np.where(scored, today.raw, np.nan),
        observed=np.where(scored, today.observed, np.nan),
        ceiling=np.where(scored, before.ceiling + follow * (ceiling - before.ceiling), 0.0),
        accounts=np.where(scored, outstanding.smoothed, 0.0),
        accounts_due=np.where(scored, outstanding.due, 0.0),
        parts=np.where(
            scored[:, None, None], before.parts + follow[:, None, None] * (parts - before.parts), 0.0
        ),
        endorsed=np.where(scored, parts[:, :, -1].sum(axis=1), 0.0),
    )


def _variance(
    by_network: ByNetwork, rows: AccountRows, now: Floats, level: Floats, model: ScoringModel
) -> Floats:
    """Variance of the level: of the daily flows behind it, and a part of it squared, more where few people
    stand behind it.
    """
    weight = np.divide(now, level[:, None], out=np.zeros_like(now), where=level[:, None] > 0)
    of_flow = (weight**2 * by_network.sum(rows.share**2 * rows.variance)).sum(axis=1)
    evidence = by_network.sum(rows.share * rows.evidence).sum(axis=1)
    interval = model.interval
    doubt = interval.evidence_weight**2 / (1 + evidence) + interval.least_doubt**2
    return np.asarray(of_flow + doubt * level**2)


def _changes(
    before: PersonState,
    after: PersonState,
    by_network: ByNetwork,
    rows: AccountRows,
    as_held: Stand,
    today: Stand,
    model: ScoringModel,
) -> Floats:
    """Points by cause, (people, causes), adding up to the change of the unrounded score.

    The level's change is split by cause account by account; (L - L')(L + L') of the networks' squares
    brings it to the person exactly. This is done as if the accounts were yesterday's: what today's
    differ is `accounts`, together with how much of it is counted for, and with accounts that are gone
    without having been given to anybody.
    """
    now, earlier = as_held.by_network, by_network.sum(rows.share_before * rows.level_before)
    level, level_before = as_held.level, combined(earlier)
    raw_before = points(level_before, model)
    both = level + level_before
    weight = np.divide(now + earlier, both[:, None], out=np.zeros_like(now), where=both[:, None] > 0)
    difference = level - level_before
    slope = np.where(
        np.abs(difference) > 1e-12 * np.maximum(level, 1e-12),
        _slope(as_held.raw - raw_before, difference),
        model.score.points_per_e_fold / (model.score.scale + level),
    )
    causes = np.zeros((len(level), len(CAUSES)))
    for index in range(_LEVEL_CAUSES):
        moved = by_network.sum(rows.share_before * rows.changes[:, index])
        causes[:, index] = (weight * moved).sum(axis=1) * slope
    due = after.accounts_due - before.accounts_due
    causes[:, 4] = (raw_before - before.raw) + (today.observed - as_held.observed) + due
    causes[:, 5] = (as_held.observed - as_held.raw) - (before.observed - before.raw)
    causes[:, 6] = (after.score - before.score) - (today.observed - before.observed) - due
    causes[:, 7] = after.endorsed - before.endorsed
    causes[:, 6] -= causes[:, 7]
    return causes


def _slope(part: Floats, whole: Floats) -> Floats:
    """part / whole, and 0 where whole is exactly 0."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole != 0)
