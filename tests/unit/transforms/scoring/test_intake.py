"""The day's bound: what fills it first, and that more never gives less."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.transforms.scoring.flow import Intake
from spark_jobs.transforms.scoring.pairs import Reactions

LEVEL, BASE = np.array([1.0, 0.5]), 0.25

groups = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 2), st.floats(0, 5), st.sampled_from([0.1, 0.5, 0.9, 1.0])),
    max_size=12,
)


def intake(rows):
    target, age, offered, give_back = (np.array(column) for column in zip(*rows, strict=True))
    many = len(rows)
    reactions = Reactions(np.arange(many), target, np.zeros(many, int), age, np.ones(many, int))
    return Intake(reactions, offered, give_back, LEVEL, BASE)


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


@given(groups, st.randoms())
def test_the_order_of_rows_does_not_matter(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    np.testing.assert_allclose(received(rows, 2.0), received(shuffled, 2.0), atol=1e-12)


def test_attention_that_owes_nothing_fills_the_bound_before_applause():
    applause, free = (0, 0, 10.0, 0.1), (0, 0, 1.25, 1.0)
    assert received([applause, free], 2.0)[0, 0] == 1.25 + 0.1 * 1.0
