"""The day's bound: what fills it first, and that more never gives less."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.transforms.scoring.flow import Intake
from spark_jobs.transforms.scoring.pairs import Reactions

LEVEL, BASE, ALIKE = np.array([1.0, 0.5]), 0.25, 0.02

groups = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 2), st.floats(0, 5), st.sampled_from([0.1, 0.5, 0.9, 1.0])),
    max_size=12,
)


def intake(rows):
    target, age, offered, give_back = (np.array(column) for column in zip(*rows, strict=True))
    many = len(rows)
    reactions = Reactions(np.arange(many), target, np.zeros(many, int), age, np.ones(many, int))
    return Intake(reactions, offered, give_back, LEVEL, BASE, ALIKE)


def received(rows, factor):
    """Flow by receiver and age, (2, 3)."""
    total = np.zeros((2, 3))
    if rows:
        for (target, age, _, _), flow in zip(rows, intake(rows).taken(factor), strict=True):
            total[target, age] += flow
    return total


@given(groups, st.floats(0.5, 5))
def test_no_day_brings_more_than_its_bound(rows, factor):
    assert (received(rows, factor) <= (factor * LEVEL + BASE)[:, None] + 1e-9).all()


@given(groups, groups, st.floats(0.5, 5))
def test_more_never_gives_less(rows, more, factor):
    assert (received(rows + more, factor) >= received(rows, factor) - 1e-9).all()


hardly_told_apart = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 2), st.floats(0, 5), st.floats(0.9, 0.95)), max_size=12
)


@given(hardly_told_apart, hardly_told_apart, st.floats(0.5, 5))
def test_more_of_what_is_worth_alike_takes_no_more_than_the_difference(rows, more, factor):
    bound = (factor * LEVEL + BASE)[:, None]
    assert (received(rows + more, factor) >= received(rows, factor) - ALIKE * bound - 1e-9).all()


@given(st.floats(0.8, 0.9), st.floats(1e-6, 1e-3))
def test_a_hair_lets_nobody_in_and_leaves_nobody_out(worth, hair):
    """Two reactions where there is room for one: by how much the better one is better, it gets more."""
    rows = [(0, 0, 2.25, worth), (0, 0, 2.25, worth + hair)]
    one, other = intake(rows).fraction(2.0)
    assert abs(one - other) <= 2 / 5
    far = intake([(0, 0, 2.25, worth), (0, 0, 2.25, worth + 2 * ALIKE)]).fraction(2.0)
    np.testing.assert_allclose(far, [0, 1], atol=1e-12)


@given(groups, st.randoms())
def test_the_order_of_rows_does_not_matter(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    np.testing.assert_allclose(received(rows, 2.0), received(shuffled, 2.0), atol=1e-12)


def test_attention_that_owes_nothing_fills_the_bound_before_applause():
    applause, free = (0, 0, 10.0, 0.1), (0, 0, 1.25, 1.0)
    assert received([applause, free], 2.0)[0, 0] == 1.25 + 0.1 * 1.0
