"""Whether a network's days hang together: how much wider its intervals must be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from spark_jobs.scoring_model import load_model
from spark_jobs.transforms.scoring.level import clustering_of

MODEL = load_model("v1")
DAYS = MODEL.level.rise_memory_days
OLD = 3.0 * DAYS


def flows(accounts, rng, lump=1):
    """Flow by account and day, (accounts, DAYS): counts that each draw as much again for `lump` days."""
    counts = rng.poisson(0.5, size=(accounts, DAYS + lump)).astype(float)
    return sum(counts[:, day : day + DAYS] for day in range(lump)) / lump


def test_days_that_do_not_hang_together_are_counted_as_they_are():
    assert clustering_of(flows(5000, np.random.default_rng(1)), OLD, MODEL) == pytest.approx(1.0, abs=0.05)


def test_posts_that_draw_reactions_for_days_make_it_larger():
    rng = np.random.default_rng(2)
    found = [clustering_of(flows(5000, rng, lump), OLD, MODEL) for lump in (1, 2, 4)]
    assert found[0] < 1.1
    assert 1.4 < found[1] < found[2]


def test_a_few_people_do_not_show_it():
    lumps = flows(3, np.random.default_rng(3), 4)
    assert clustering_of(lumps, OLD, MODEL) < 1.3
    assert clustering_of(np.zeros((0, DAYS)), OLD, MODEL) == 1.0


def test_it_comes_in_without_a_step():
    lumps = flows(5000, np.random.default_rng(4), 4)
    whole = clustering_of(lumps, OLD, MODEL) - 1
    assert clustering_of(lumps, float(DAYS), MODEL) == 1.0
    assert clustering_of(lumps, 1.5 * DAYS, MODEL) - 1 == pytest.approx(whole / 2)
    assert clustering_of(lumps, 2.0 * DAYS, MODEL) - 1 == pytest.approx(whole)


@given(
    arrays.arrays(
        float,
        st.tuples(st.integers(0, 20), st.just(DAYS)),
        elements=st.floats(0, 50, allow_subnormal=False),
    ),
    st.randoms(),
)
def test_it_is_never_less_than_one_and_knows_no_order(recent, random):
    order = list(range(len(recent)))
    random.shuffle(order)
    found = clustering_of(recent, OLD, MODEL)
    assert 1.0 <= found <= MODEL.level.rise_window_days + 1e-9
    assert clustering_of(recent[order], OLD, MODEL) == pytest.approx(found)
