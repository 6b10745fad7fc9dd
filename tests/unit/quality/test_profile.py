"""A day against the days before it, in numbers alone."""

from __future__ import annotations

from datetime import date, timedelta
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.quality.bounds import BOUNDS
from orchestration.quality.panel import Reading
from orchestration.quality.profile import filled, judged_if, psi, recent, volume

unhurried = settings(deadline=None)
counts = st.lists(st.integers(0, 100_000).map(float), max_size=28)
bins = st.lists(st.integers(0, 10_000), min_size=10, max_size=10)


def fails(reading: Reading, low: float, high: float) -> bool:
    return reading.judged is not None and not low <= reading.judged <= high


def volume_fails(rows: float, before: list[float]) -> bool:
    return fails(volume(rows, before, BOUNDS), BOUNDS.volume_low, BOUNDS.volume_high)


def test_a_tenth_and_a_tenfold_of_the_usual_rows_fail() -> None:
    usual = [2000.0, 2400.0] * 7
    assert volume_fails(200, usual)
    assert volume_fails(24_000, usual)
    assert not volume_fails(1000, usual)
    assert not volume_fails(5000, usual)
    assert volume(200, usual, BOUNDS).observed == 200


@pytest.mark.parametrize(
    ("rows", "before"),
    [
        (200, [2000] * 6),  # six days are no history
        (200, [0] * 20 + [2000] * 6),  # nor are days without rows
        (0, [2000] * 28),  # a silent network stops its clock
        (300, [2000, 2000, 2000, 2000, 2000, 350, 400] * 4),  # an empty weekend, as every week
        (8, [621, 89, 394, 230, 537, 691, 684, 565, 435, 269]),  # a term ends in a small community
        (6500, [1000] * 20 + [2000, 3000, 4500]),  # a network that has been growing fast
    ],
)
def test_what_looks_odd_but_is_known_does_not_fail(rows: float, before: list[float]) -> None:
    assert not volume_fails(rows, before)


@unhurried
@given(st.integers(0, 1_000_000).map(float), counts)
def test_volume_fails_only_with_a_history_and_outside_it(rows: float, before: list[float]) -> None:
    usual = [count for count in before if count > 0]
    if volume_fails(rows, before):
        assert len(usual) >= BOUNDS.history_min_days
        assert rows < min(usual) / 2 or rows > max(usual) * 1.5
        assert not 0.3 <= rows / fmean(usual) <= 3


def test_a_mostly_filled_column_may_not_lose_half() -> None:
    assert fails(filled(0.4, [0.9] * 7, BOUNDS), BOUNDS.filled_kept, 99)
    assert not fails(filled(0.5, [0.9] * 7, BOUNDS), BOUNDS.filled_kept, 99)
    assert filled(0.4, [0.9] * 6, BOUNDS).judged is None
    assert filled(0.0, [0.5] * 28, BOUNDS).judged is None
    assert filled(None, [0.9] * 28, BOUNDS) == Reading(None, None, "not judged: fewer than 100 rows")


def test_recent_days_are_those_of_the_span() -> None:
    today = date(2026, 3, 1)
    past = {today - timedelta(days=n): float(n) for n in range(40)}
    assert recent(past, today, 3) == [3, 2, 1]
    assert recent({}, today, 3) == []


def test_scores_are_judged_with_enough_days_and_people() -> None:
    assert judged_if(100, 14, 1.0, 2.0, BOUNDS).judged == 2
    assert judged_if(99, 14, 1.0, 2.0, BOUNDS) == Reading(1.0, None, "not judged: 99 people to compare with")
    assert judged_if(100, 13, 1.0, 2.0, BOUNDS).judged is None
    assert judged_if(100, 14, 1.0, None, BOUNDS).judged is None


@unhurried
@given(bins, bins)
def test_psi_is_zero_for_the_same_never_negative_and_symmetric(now: list[int], before: list[int]) -> None:
    assert psi(now, now) == 0
    assert psi(now, before) >= -1e-12
    assert psi(now, before) == pytest.approx(psi(before, now))


def test_psi_of_a_known_shift() -> None:
    # A quarter of 20,000 people move one bin up: ln(2) / 4 + ln(1.5) / 4; the half person is too small.
    assert psi([5000, 15000, *[0] * 8], [10000, 10000, *[0] * 8]) == pytest.approx(0.2747, abs=0.001)
    assert psi([0] * 9 + [100], [100] + [0] * 9) > BOUNDS.psi
