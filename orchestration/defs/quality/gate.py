"""What may go on: days before the first that failed a check or was not checked, and the run itself."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from orchestration.quality.results import STAGES, Stage, first_failed_day
from orchestration.runs import read_history
from orchestration.settings import Settings
from spark_jobs.lake import Lake

_NAMED = 3


@dataclass(frozen=True)
class Failure:
    """The first day that may not go on, and why."""

    day: date
    why: str


def first_failure(lake: Lake, days: Collection[date], stages: Collection[Stage] = STAGES) -> Failure | None:
    """The first of the days that did not pass these stages' checks; None where all did."""
    found = first_failed_day(lake, days, stages)
    if found is None:
        return None
    day, reasons = found
    more = f"; and {len(reasons) - _NAMED} more" if len(reasons) > _NAMED else ""
    return Failure(day, "; ".join(reasons[:_NAMED]) + more)


def days_before_failure(lake: Lake, days: Collection[date], stages: Collection[Stage] = STAGES) -> list[date]:
    """The days, in order, up to the first that did not pass."""
    failure = first_failure(lake, days, stages)
    return [day for day in sorted(days) if failure is None or day < failure.day]


def run_goes_on(
    settings: Settings, lake: Lake, days: Collection[date], *, some_passed: bool, restating: bool
) -> bool:
    """Whether the stages after a failed check run all the same, for the good of other days than the failed.

    Days before it that passed wait for them, and so do published days that no mart has seen yet. Nor does
    privacy wait: whoever asks to leave on a day that fails is gone from marts and CRMs the same night.
    """
    if some_passed or restating:
        return some_passed
    history = read_history(settings, lake)
    if history.published is None:
        return False
    asked = any(manifest.rows for manifest in lake.manifests("privacy_requests", days).values())
    return asked or history.published != history.warehouse
