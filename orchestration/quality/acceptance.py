"""Days that somebody has looked at and found unusual but true.

Checks against the past compare a day with the days before it. A campaign, a holiday or a network's own
change can be more than they allow and still be what happened. Accepting the day says so, once and with a
reason, which stays beside the check's result. What a day must be in itself cannot be accepted: rows that
break their contract, or parts that do not add up, are no news of the world.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

from orchestration.quality.results import CheckResult, read
from spark_jobs.lake import Lake

AGAINST_THE_PAST = (
    "volume.",
    "filled.",
    "quarantined.",
    "people",
    "scored_share",
    "psi",
    "psi_30d",
    "change_p50",
    "change_p99",
)
"""Checks that may be accepted, by their name or how it begins."""

_FILE = "accepted_days.json"


def accept_day(lake: Lake, day: date, reason: str) -> None:
    """Note that the day is as it should be. The next run of the day checks and publishes it."""
    marks = Lake(lake.root, "marks")
    noted = _read(marks) | {
        day.isoformat(): {"reason": reason, "accepted_at": datetime.now(UTC).isoformat(timespec="seconds")}
    }
    marks.write_json(marks.table_path(_FILE), noted)


def accepted_days(lake: Lake) -> dict[date, str]:
    """Days accepted so far, each with its reason."""
    noted = _read(Lake(lake.root, "marks"))
    return {date.fromisoformat(day): entry["reason"] for day, entry in noted.items()}


def may_be_accepted(lake: Lake, day: date) -> bool:
    """Whether what holds the day back is nothing but being unlike the days before it."""
    failed = [result.check_name for result in read(lake, day) if not result.passed]
    return bool(failed) and all(is_against_the_past(name) for name in failed)


def with_acceptances(results: Iterable[CheckResult], accepted: Mapping[date, str]) -> list[CheckResult]:
    """The results, with failures against the past passed on accepted days, and saying so."""
    return [
        replace(result, passed=True, detail=_told(result, accepted[result.day]))
        if not result.passed and result.day in accepted and is_against_the_past(result.check_name)
        else result
        for result in results
    ]


def is_against_the_past(check_name: str) -> bool:
    return any(
        check_name == name or (name.endswith(".") and check_name.startswith(name))
        for name in AGAINST_THE_PAST
    )


def _told(result: CheckResult, reason: str) -> str:
    return f"accepted: {reason}" + (f" ({result.detail})" if result.detail else "")


def _read(marks: Lake) -> dict[str, dict[str, str]]:
    try:
        with marks.open(marks.table_path(_FILE), "r") as handle:
            found: dict[str, dict[str, str]] = json.load(handle)
    except FileNotFoundError:
        return {}
    return found
