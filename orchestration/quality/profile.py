"""A day against the days before it. Pure: numbers in, a reading out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from statistics import fmean

from orchestration.quality.bounds import Bounds
from orchestration.quality.panel import Reading


def recent(past: Mapping[date, float], day: date, span: int) -> list[float]:
    """What was observed on the `span` days before `day`, oldest first; days without it are left out."""
    before = (day - timedelta(days=number) for number in range(span, 0, -1))
    return [past[d] for d in before if d in past]


def volume(rows: float, before: Sequence[float], bounds: Bounds) -> Reading:
    """A day's rows of a network against the days before on which it delivered."""
    usual = [count for count in before if count > 0]
    if len(usual) < bounds.history_min_days:
        return Reading(rows, None, f"not judged: {len(usual)} days with rows before")
    mean = fmean(usual)
    if rows == 0:
        # The model stops its clock for a network that delivered nothing, so no score suffers.
        return Reading(rows, None, "not judged: nothing was delivered")
    if mean < bounds.volume_min_mean:
        return Reading(rows, None, f"not judged: {mean:,.0f} rows a day are few")
    seen = f"{rows:,.0f} rows; before {mean:,.0f} a day, {min(usual):,.0f} to {max(usual):,.0f}"
    ratio = rows / mean
    known_low = ratio < bounds.volume_low and rows >= bounds.volume_low_of_least * min(usual)
    known_high = ratio > bounds.volume_high and rows <= bounds.volume_high_of_most * max(usual)
    if known_low or known_high:
        return Reading(rows, None, f"not judged: as on days before: {seen}")
    return Reading(rows, ratio, seen)


def filled(share: float | None, before: Sequence[float], bounds: Bounds) -> Reading:
    """The share of rows in which an optional column is filled, against the days before."""
    if share is None:
        return Reading(None, None, f"not judged: fewer than {bounds.filled_min_rows} rows")
    if len(before) < bounds.history_min_days:
        return Reading(share, None, f"not judged: {len(before)} days before")
    mean = fmean(before)
    if mean < bounds.filled_usual:
        return Reading(share, None, f"not judged: only {mean:.0%} filled before")
    return Reading(share, share / mean, f"{share:.0%} filled; {mean:.0%} before")


def judged_if(
    people: int, days_scored: int, observed: float | None, judged: float | None, bounds: Bounds
) -> Reading:
    """A reading that can fail only with enough scored days before and enough people to compare."""
    if judged is None:
        return Reading(observed, None, "not judged: nobody to compare with")
    if days_scored < bounds.scored_min_days:
        return Reading(observed, None, f"not judged: {days_scored} scored days before")
    if people < bounds.scored_min_people:
        return Reading(observed, None, f"not judged: {people} people to compare with")
    return Reading(observed, judged, f"{people:,} people compared")


def psi(now: Sequence[int], before: Sequence[int]) -> float:
    """Population Stability Index of two counts by bin. Half a person is added to each bin: some are empty."""
    now_total, before_total = sum(now) + len(now) / 2, sum(before) + len(before) / 2
    pairs = [((a + 0.5) / now_total, (b + 0.5) / before_total) for a, b in zip(now, before, strict=True)]
    return sum((p - q) * math.log(p / q) for p, q in pairs)
