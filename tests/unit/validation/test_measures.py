"""Ranks, deciles, lift and intervals against their references."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from orchestration.validation.measures import (
    deciles,
    difference,
    forecasts,
    mean_ranks,
    spearman,
    top_decile_lift,
    wilson,
)

# Few different values, so that ties are the rule.
COUNTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=60)


def names(number: int) -> list[str]:
    return [f"acct:forum:{n}" for n in range(number)]


def test_equal_values_share_their_mean_rank() -> None:
    assert mean_ranks(np.array([5.0, 1.0, 5.0, 9.0])).tolist() == [2.5, 1.0, 2.5, 4.0]


@given(COUNTS)
def test_spearman_is_scipys_and_needs_spread(pairs: list[tuple[int, int]]) -> None:
    left, right = (np.array(side, dtype=np.float64) for side in zip(*pairs, strict=True))
    found = spearman(left, right)
    if len(set(left)) == 1 or len(set(right)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(stats.spearmanr(left, right).statistic)
        assert spearman(right, left) == pytest.approx(found)


def test_deciles_are_those_of_sql_whatever_the_order_of_the_rows() -> None:
    rng = np.random.default_rng(4)
    values = rng.integers(0, 9, 47).astype(np.float64)
    people = names(47)
    found = dict(zip(people, deciles(values, people).tolist(), strict=True))
    with duckdb.connect() as con:
        con.execute("create table t (person varchar, value double)")
        con.executemany("insert into t values (?, ?)", list(zip(people, values.tolist(), strict=True)))
        query = "select person, ntile(10) over (order by value, md5(person)) from t"
        assert dict(con.execute(query).fetchall()) == found
    shuffled = rng.permutation(47)
    again = deciles(values[shuffled], [people[n] for n in shuffled])
    assert dict(zip((people[n] for n in shuffled), again.tolist(), strict=True)) == found


def test_the_top_decile_of_a_perfect_and_of_a_perverse_predictor() -> None:
    received = np.arange(20, dtype=np.float64)
    assert top_decile_lift(received, received, names(20)) == pytest.approx(18.5 / 9.5)
    assert top_decile_lift(-received, received, names(20)) == pytest.approx(0.5 / 9.5)
    assert top_decile_lift(received, np.zeros(20), names(20)) is None
    assert top_decile_lift(received[:9], received[:9], names(9)) is None


def test_every_predictor_gets_its_own_forecast() -> None:
    received = np.arange(30, dtype=np.float64)
    found = forecasts({"good": received**2, "flat": np.ones(30)}, received, names(30))
    assert found["good"].spearman == pytest.approx(1)
    assert found["flat"].spearman is None
    assert (found["good"].top_decile_lift or 0) > (found["flat"].top_decile_lift or 0)


@given(st.integers(0, 200), st.integers(1, 200))
def test_wilson_is_scipys(successes: int, trials: int) -> None:
    if successes > trials:
        successes, trials = trials, successes
    reference = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    assert wilson(successes, trials) == pytest.approx((reference.low, reference.high), abs=1e-9)


def test_no_trials_no_interval() -> None:
    assert wilson(0, 0) is None
    assert difference(1, 2, 0, 0) is None


@pytest.mark.parametrize(
    ("rates", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0),
    ],
)
def test_differences_are_those_of_newcombes_table(
    rates: tuple[int, int, int, int], low: float, high: float
) -> None:
    assert difference(*rates)[1:] == pytest.approx((low, high), abs=5e-5)  # type: ignore[index]


@given(st.integers(0, 50), st.integers(1, 50), st.integers(0, 50), st.integers(1, 50))
def test_a_difference_lies_in_its_interval_and_turns_with_its_groups(a: int, m: int, b: int, n: int) -> None:
    there, back = difference(min(a, m), m, min(b, n), n), difference(min(b, n), n, min(a, m), m)
    assert there is not None
    assert back is not None
    assert -1 <= there[1] <= there[0] <= there[2] <= 1
    assert (-back[0], -back[2], -back[1]) == pytest.approx(there)
