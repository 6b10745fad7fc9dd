"""People's scores: formula, ceiling, parts, changes, smoothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spark_jobs.scoring_model import KINDS, load_model
from spark_jobs.transforms.scoring.own_score import level_at, points
from spark_jobs.transforms.scoring.person_day import CAUSES, PersonState, person_day
from spark_jobs.transforms.scoring.person_rows import NO_ORIGIN, AccountRows

MODEL = load_model("v1")
PEOPLE, NETWORKS = 4, 2
ROWS = PEOPLE * NETWORKS


def account_rows(level, before, ceiling, shares, split, shares_before=None):
    """One account a person and network; `split` cuts each level into kinds and each change into causes."""
    kinds = split[:, : len(KINDS)]
    causes = split[:, -4:] / split[:, -4:].sum(axis=1, keepdims=True)
    return AccountRows(
        person=np.repeat(np.arange(PEOPLE), NETWORKS),
        network=np.tile(np.arange(NETWORKS), PEOPLE),
        origin=np.full(ROWS, NO_ORIGIN),
        share=shares,
        share_before=shares if shares_before is None else shares_before,
        share_start=shares,
        own_score=np.minimum(points(level, MODEL), ceiling),
        level=level,
        level_before=before,
        fast_level=level,
        variance=level**2 / 50,
        ceiling_points=ceiling,
        evidence=np.ones(ROWS),
        reach=np.ones(ROWS),
        posts_a_day=np.ones(ROWS),
        network_influence=np.ones(ROWS),
        slow=level[:, None] * kinds / kinds.sum(axis=1, keepdims=True),
        changes=(level - before)[:, None] * causes,
    )


levels = arrays(np.float64, ROWS, elements=st.one_of(st.just(0.0), st.floats(1e-6, 50)))
ceilings = arrays(np.float64, ROWS, elements=st.floats(9, 100))
shares = arrays(np.float64, ROWS, elements=st.floats(0.1, 1))
splits = arrays(np.float64, (ROWS, len(KINDS) + 4), elements=st.floats(0.01, 1))
days = st.lists(st.tuples(levels, ceilings, splits), min_size=1, max_size=4)
EVERYBODY = np.ones(PEOPLE, dtype=bool)


@settings(deadline=None)
@given(days, shares)
def test_parts_and_changes_add_up_every_day(history, share):
    state = PersonState.empty(PEOPLE, NETWORKS)
    before = np.zeros(ROWS)
    score_before = None
    for level, ceiling, split in history:
        day = person_day(state, account_rows(level, before, ceiling, share, split), EVERYBODY, MODEL)
        parts = 1 + day.state.parts.sum(axis=(1, 2)) + day.state.ceiling
        np.testing.assert_allclose(parts, day.score, atol=1e-9)
        assert (day.state.parts >= -1e-12).all()
        assert (day.state.ceiling <= 1e-12).all()
        if score_before is not None:
            np.testing.assert_allclose(day.changes.sum(axis=1), day.score - score_before, atol=1e-7)
        assert (day.low <= day.score + 1e-9).all()
        assert (day.high >= np.minimum(day.score, 100) - 1e-9).all()
        assert (day.score >= 1 - 1e-9).all()
        assert (day.score <= 100 + 1e-9).all()
        state, before, score_before = day.state, level, day.score


@settings(deadline=None)
@given(levels, ceilings, shares, splits)
def test_the_range_reaches_further_down_than_up_and_evidence_makes_it_narrower(level, ceiling, share, split):
    rows = account_rows(level, level, ceiling, share, split)
    empty = PersonState.empty(PEOPLE, NETWORKS)
    day = person_day(empty, rows, EVERYBODY, MODEL)
    whole = (day.low > 1) & (day.high < MODEL.score.cap)
    np.testing.assert_allclose(
        (day.score - day.low)[whole], MODEL.interval.down * (day.high - day.score)[whole], atol=1e-9
    )
    more = person_day(empty, replace(rows, evidence=np.full(ROWS, 50.0)), EVERYBODY, MODEL)
    np.testing.assert_array_equal(more.score, day.score)
    assert (more.high - more.low <= day.high - day.low + 1e-9).all()
    heard = whole & (more.high < MODEL.score.cap)
    assert (more.high < day.high)[heard].all()


any_shares = arrays(np.float64, ROWS, elements=st.one_of(st.just(0.0), st.floats(0, 1)))


@settings(deadline=None)
@given(st.lists(st.tuples(levels, ceilings, splits, any_shares), min_size=2, max_size=5))
def test_parts_and_changes_add_up_while_accounts_come_and_go(history):
    state, before, share_before = PersonState.empty(PEOPLE, NETWORKS), np.zeros(ROWS), np.ones(ROWS)
    score_before = None
    for level, ceiling, split, share in history:
        rows = account_rows(level, before, ceiling, share, split, share_before)
        day = person_day(state, rows, EVERYBODY, MODEL)
        parts = 1 + day.state.parts.sum(axis=(1, 2)) + day.state.ceiling + day.state.accounts
        np.testing.assert_allclose(parts, day.score, atol=1e-9)
        assert (day.score >= 1 - 1e-9).all()
        assert (day.score <= 100 + 1e-9).all()
        if score_before is not None:
            np.testing.assert_allclose(day.changes.sum(axis=1), day.score - score_before, atol=1e-7)
        state, before, share_before, score_before = day.state, level, share, day.score


@settings(deadline=None, max_examples=30)
@given(levels, ceilings, splits, any_shares, any_shares)
def test_a_change_of_accounts_alone_walks_to_its_new_height(level, ceiling, split, share, other):
    at_rest = account_rows(level, level, ceiling, share, split)
    state = person_day(PersonState.empty(PEOPLE, NETWORKS), at_rest, EVERYBODY, MODEL).state
    changed = account_rows(level, level, ceiling, other, split, share)
    after = account_rows(level, level, ceiling, other, split)
    scores = [state.score]
    for day in range(250):
        result = person_day(state, changed if day == 0 else after, EVERYBODY, MODEL)
        state = result.state
        scores.append(result.score)
        # Nothing happened to the accounts, so nothing but them and the smoothing moved the score.
        assert np.abs(result.changes[:, :4]).max() <= 1e-9
        assert np.abs(result.changes[:, 5]).max() <= 1e-9
    steps = np.abs(np.diff(scores, axis=0))
    assert steps.max() <= MODEL.identity.points_a_day + 1e-3
    np.testing.assert_allclose(scores[-1], state.observed, atol=0.01)


@settings(deadline=None)
@given(levels, shares, splits, arrays(np.float64, ROWS, elements=st.floats(0, 5)))
def test_more_never_scores_less(level, share, split, more):
    ceiling = np.full(ROWS, 100.0)
    start = PersonState.empty(PEOPLE, NETWORKS)
    less = person_day(start, account_rows(level, level, ceiling, share, split), EVERYBODY, MODEL)
    grown = person_day(start, account_rows(level + more, level, ceiling, share, split), EVERYBODY, MODEL)
    assert (grown.score >= less.score - 1e-9).all()


def test_without_reactions_it_is_exactly_one():
    nothing = np.zeros(ROWS)
    rows = account_rows(nothing, nothing, np.full(ROWS, 9.0), np.ones(ROWS), np.ones((ROWS, 9)))
    day = person_day(PersonState.empty(PEOPLE, NETWORKS), rows, EVERYBODY, MODEL)
    assert day.score.tolist() == [1.0] * PEOPLE


def test_a_young_account_stays_under_its_ceiling():
    level = np.full(ROWS, 40.0)
    rows = account_rows(level, level * 0, np.full(ROWS, 9.0), np.ones(ROWS), np.ones((ROWS, 9)))
    day = person_day(PersonState.empty(PEOPLE, NETWORKS), rows, EVERYBODY, MODEL)
    # Two accounts of the same ceiling: the networks' levels combine, each cut at its own.
    alone = points(level_at(np.array([9.0]), MODEL), MODEL)[0]
    assert alone == pytest.approx(9.0)
    assert (day.score < 9 + MODEL.score.points_per_e_fold * np.log(2)).all()


def test_an_empty_second_network_changes_nothing():
    level = np.where(np.arange(ROWS) % NETWORKS == 0, 3.0, 0.0)
    rows = account_rows(level, level, np.full(ROWS, 100.0), np.ones(ROWS), np.ones((ROWS, 9)))
    day = person_day(PersonState.empty(PEOPLE, NETWORKS), rows, EVERYBODY, MODEL)
    np.testing.assert_allclose(day.score, points(np.full(PEOPLE, 3.0), MODEL))


def test_whoever_may_not_be_scored_starts_anew_later():
    level = np.full(ROWS, 2.0)
    rows = account_rows(level, level, np.full(ROWS, 100.0), np.ones(ROWS), np.ones((ROWS, 9)))
    nobody = ~EVERYBODY
    out = person_day(PersonState.empty(PEOPLE, NETWORKS), rows, nobody, MODEL)
    assert np.isnan(out.state.raw).all()
    assert out.state.parts.sum() == 0
    back = person_day(out.state, rows, EVERYBODY, MODEL)
    np.testing.assert_allclose(back.score, back.state.observed)


@given(st.floats(1, 100))
def test_level_and_points_are_inverse(score):
    assert points(level_at(np.array([score]), MODEL), MODEL)[0] == pytest.approx(score)


def test_causes_are_those_of_the_contract():
    from spark_jobs.contracts import contract

    assert tuple(contract("score_change").field("cause").enum) == CAUSES
