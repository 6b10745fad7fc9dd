"""PSI, tau-b and rank-biased overlap: their properties, and values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.validation.agreement import histogram, kendall_tau_b, psi, rank_biased_overlap

# Scores in steps of a quarter, so that ties and coinciding deciles are common.
SCORES = st.lists(st.integers(4, 80).map(lambda quarter: quarter / 4), min_size=1, max_size=80)
BOARDS = st.dictionaries(
    st.sampled_from([f"p{n}" for n in range(30)]), st.integers(1, 8).map(float), min_size=1
)


# --- PSI ------------------------------------------------------------------------------------------


@given(SCORES)
def test_psi_of_a_list_with_itself_is_zero(scores: list[float]) -> None:
    found = psi(np.array(scores), np.array(scores[::-1]))
    assert found is not None
    assert found.value == 0
    assert sum(found.first) == len(scores)
    assert found.bins <= 10


@given(SCORES, SCORES)
def test_psi_is_never_negative(first: list[float], second: list[float]) -> None:
    found = psi(np.array(first), np.array(second))
    assert found is not None
    assert found.value >= 0
    assert (sum(found.first), sum(found.second)) == (len(first), len(second))


def test_psi_by_hand_with_bins_that_nobody_is_in() -> None:
    first, second = np.arange(1.0, 21.0), np.full(20, 20.0)
    found = psi(first, second)
    assert found is not None
    assert found.edges == (2, 4, 6, 8, 10, 12, 14, 16, 18)
    assert found.first == (2,) * 10
    assert found.second == (0,) * 9 + (20,)
    few, many = 0.5 / 25, 20.5 / 25
    expected = 9 * (few - 0.1) * math.log(few / 0.1) + (many - 0.1) * math.log(many / 0.1)
    assert found.value == pytest.approx(expected)


def test_people_on_one_score_are_one_bin_and_moving_off_it_shows() -> None:
    first = np.array([1.0] * 70 + [5.0] * 30)
    found = psi(first, np.array([1.0] * 70 + [5.0] * 30))
    assert found is not None
    assert (found.edges, found.first, found.value) == ((1, 5), (70, 30, 0), 0)
    everybody_up = psi(np.ones(100), np.full(100, 2.0))
    assert everybody_up is not None
    assert everybody_up.value > 1


def test_psi_without_people_says_nothing() -> None:
    assert psi(np.zeros(0), np.ones(3)) is None


# --- tau-b ----------------------------------------------------------------------------------------


def test_tau_b_corrects_for_ties() -> None:
    # Pairs of (1, 1, 2, 3) and (1, 2, 2, 3): 4 concordant, one tied in each; 4 / sqrt(5 * 5).
    found = kendall_tau_b(np.array([1.0, 1.0, 2.0, 3.0]), np.array([1.0, 2.0, 2.0, 3.0]))
    assert found == pytest.approx(0.8)
    assert kendall_tau_b(np.ones(5), np.arange(5.0)) is None
    assert kendall_tau_b(np.ones(1), np.ones(1)) is None


# --- RBO ------------------------------------------------------------------------------------------


@given(BOARDS, st.integers(1, 40))
def test_rbo_of_a_board_with_itself_is_one(board: dict[str, float], top: int) -> None:
    assert rank_biased_overlap(board, board, top) == pytest.approx(1)


@given(BOARDS, st.integers(1, 40))
def test_rbo_of_strangers_is_zero(board: dict[str, float], top: int) -> None:
    strangers = {f"other {person}": score for person, score in board.items()}
    assert rank_biased_overlap(board, strangers, top) == 0


@given(BOARDS, BOARDS, st.integers(1, 40))
def test_rbo_is_symmetric_and_a_share(left: dict[str, float], right: dict[str, float], top: int) -> None:
    found = rank_biased_overlap(left, right, top)
    assert found is not None
    assert -1e-12 <= found <= 1 + 1e-12
    assert rank_biased_overlap(right, left, top) == pytest.approx(found)


def test_rbo_by_hand() -> None:
    """Agreements 0, 1 and 2/3 to depth 3: (1 - p)/p * (p² + 2/3 p³) + 2/3 p³, as in the paper's form."""
    left, right = {"a": 3.0, "b": 2.0, "c": 1.0}, {"b": 3.0, "a": 2.0, "d": 1.0}
    p = 0.5
    expected = (1 - p) / p * (p**2 + 2 / 3 * p**3) + 2 / 3 * p**3
    assert rank_biased_overlap(left, right, 3, p) == pytest.approx(expected)
    # A shorter list bounds the depth: of two, the first two are compared.
    assert rank_biased_overlap(left, {"b": 2.0, "a": 1.0}, 3, p) == pytest.approx((1 - p) / p * p**2 + p**2)


def test_the_order_among_equals_does_not_matter_to_rbo() -> None:
    tied = {"a": 5.0, "b": 5.0, "c": 1.0}
    assert rank_biased_overlap(tied, dict(reversed(tied.items())), 2) == pytest.approx(1)
    one, other = {"a": 6.0, "b": 5.0, "c": 1.0}, {"a": 5.0, "b": 6.0, "c": 1.0}
    assert rank_biased_overlap(tied, one) == pytest.approx(rank_biased_overlap(tied, other))
    # At the cut, too: of a thousand equals nobody is the hundredth.
    crowd = {f"p{n}": 1.0 for n in range(1000)}
    assert rank_biased_overlap(crowd, dict(sorted(crowd.items(), reverse=True))) == pytest.approx(1)


def test_rbo_with_nobody_says_nothing() -> None:
    assert rank_biased_overlap({}, {"a": 1.0}) is None


def test_the_histogram_counts_everybody_once() -> None:
    found = histogram(np.array([-25.0, -0.5, 0.0, 0.49, 0.5, 30.0]))
    assert sum(people for *_, people in found) == 6
    assert found[0] == (None, -20.0, 1)
    assert (-0.5, 0.5, 3) in found
    assert (0.5, 1.0, 1) in found
    assert found[-1] == (20.0, None, 1)
