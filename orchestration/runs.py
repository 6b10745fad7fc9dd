"""Which days a run covers, and the marks of what was finished.

The rules that decide are pure functions over a `History`; only the marks are read and written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from orchestration.publishing import published_path
from orchestration.settings import Settings
from spark_jobs.lake import Lake

DAY = timedelta(days=1)
_WAREHOUSE_MARK, _RESTATE_MARK = "warehouse.json", "restate.json"


class RunError(Exception):
    """A run that cannot start as it was asked for: what is wrong, where, and what to do."""


# --- which days -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class History:
    """What a home holds so far. Published days are without gaps: a day needs its yesterday."""

    first_day: date | None
    published: date | None  # the last published day
    warehouse: date | None  # the last day whose marts were built and published
    restating: Mapping[str, str] | None = None  # an unfinished restatement: its day and reason

    @property
    def next_day(self) -> date | None:
        return self.published + DAY if self.published else self.first_day


@dataclass(frozen=True)
class Plan:
    """Days that a run covers, both included. `first_day` is declared before the run where it is new."""

    first_day: date
    start: date
    end: date
    restate_reason: str | None = None

    @property
    def days(self) -> list[date]:
        return days_between(self.start, self.end)


def days_between(start: date, end: date) -> list[date]:
    """Every day from start to end, both included."""
    return [start + n * DAY for n in range((end - start).days + 1)]


def plan_run(history: History, start: date | None, end: date | None, yesterday: date) -> Plan | None:
    """The days to run for `--from start --to end`; None when they all are published already.

    Without a start: from the day after the last published one. Without an end: to yesterday.
    Raises RunError where the days cannot be run.
    """
    if history.restating:
        day, reason = history.restating["day"], history.restating["reason"]
        raise RunError(
            f"A restatement from {day} on was not finished, and later days would be built on half of it. "
            f"Finish it first: stature restate --day {day} --reason {json.dumps(reason)}"
        )
    end = end or yesterday
    if end > yesterday:
        raise RunError(f"{end} is not over yet (UTC): the last day that can be run is {yesterday}.")
    if start and start > end:
        raise RunError(f"The days end before they begin: from {start} to {end}.")
    first = history.first_day or start
    if first is None:
        raise RunError(
            "Nothing was run here before. Say where the history begins: stature run --from YYYY-MM-DD, "
            "or set STATURE_FIRST_DAY."
        )
    if start and start < first:
        raise RunError(f"The history begins on {first}, which is declared; {start} is before it.")
    if end < first:
        raise RunError(f"The history begins on {first}; {end} is before it.")
    expected = history.published + DAY if history.published else first
    if start and start > expected:
        known = (
            f"{history.published} is the last published day" if history.published else "nothing is published"
        )
        raise RunError(
            f"A day needs its yesterday, and {known}: run from {expected} on "
            f"(stature run --from {expected} --to {end})."
        )
    if history.published and end <= history.published:
        behind = history.warehouse is None or history.warehouse < history.published
        end = history.published
        if not behind:
            return None
    # A run that was stopped after the ledger left days that no mart has seen.
    behind_from = history.warehouse + DAY if history.warehouse else first
    return Plan(first, min(expected, behind_from), end)


def plan_restate(history: History, day: date, reason: str) -> Plan:
    """The days of a restatement: `day` and all published after it. RunError where there is none."""
    if not reason.strip():
        raise RunError("A restatement needs a reason: it is published with the new revision.")
    if history.first_day is None or history.published is None:
        raise RunError("Nothing is published yet, so there is nothing to restate.")
    if not history.first_day <= day <= history.published:
        raise RunError(
            f"{day} is not published: the published days are {history.first_day} to {history.published}."
        )
    if history.restating and date.fromisoformat(history.restating["day"]) < day:
        raise RunError(
            f"A restatement from {history.restating['day']} on was not finished; it includes {day}. "
            "Finish it first."
        )
    return Plan(history.first_day, day, history.published, reason.strip())


def not_restated(lake: Lake, history: History, plan: Plan) -> Plan | None:
    """What a restatement that was stopped still has to do; None where only the warehouse is missing.

    The same day and reason take up the one that was stopped: its days have their new revision already,
    and would get one more. Any other restatement begins at its beginning.
    """
    begun = history.restating
    if not begun or (begun["day"], begun["reason"]) != (plan.start.isoformat(), plan.restate_reason):
        return plan
    since = datetime.fromisoformat(begun["since"])
    for day in plan.days:
        if not _restated(lake, day, begun["reason"], since):
            return replace(plan, start=day)
    return None


def is_restated(settings: Settings, lake: Lake, plan: Plan) -> bool:
    """Whether all days of a restatement have their new revision, and the published warehouse shows it."""
    history = read_history(settings, lake)
    through = history.warehouse
    return through is not None and through >= plan.end and not_restated(lake, history, plan) is None


def _restated(lake: Lake, day: date, reason: str, since: datetime) -> bool:
    digests = lake.read_arrow("ledger_digest", day, ["reason", "published_at"])
    rows = digests.to_pylist() if digests is not None and digests.num_rows else []
    return any(row["reason"] == reason and row["published_at"] >= since for row in rows)


def read_history(settings: Settings, lake: Lake) -> History:
    """What the home holds. RunError where the setting and the lake name two first days."""
    declared = lake.first_day()
    if declared and settings.first_day and declared != settings.first_day:
        raise RunError(
            f"STATURE_FIRST_DAY is {settings.first_day}, but the history in {settings.home} begins on "
            f"{declared}. Unset it, or use another STATURE_HOME."
        )
    published = lake.days("ledger_digest")
    return History(
        first_day=declared or settings.first_day,
        published=published[-1] if published else None,
        warehouse=_warehouse_through(settings),
        restating=_read_mark(settings, _RESTATE_MARK),
    )


def unpublished(lake: Lake, days: Iterable[date]) -> list[date]:
    """Those of the days that the ledger does not have, in order: published days are never made again."""
    return [day for day in sorted(days) if not lake.exists("ledger_digest", day)]


def yesterday() -> date:
    """The last whole UTC day."""
    return datetime.now(UTC).date() - DAY


# --- marks: what was finished ---------------------------------------------------------------------


def published_copy(settings: Settings) -> Path | None:
    """The published warehouse where it is a file of this machine."""
    return None if "://" in settings.home else published_path(settings)


def mark_warehouse(settings: Settings, through: date | None) -> None:
    """Note the last day that the published warehouse holds; None: none is certain."""
    _write_mark(settings, _WAREHOUSE_MARK, {"through": through.isoformat() if through else None})


def mark_restating(settings: Settings, day: date, reason: str) -> None:
    """Note that a restatement has begun: until it is done, later days may not be run."""
    since = datetime.now(UTC).isoformat()
    _write_mark(settings, _RESTATE_MARK, {"day": day.isoformat(), "reason": reason, "since": since})


def clear_restating(settings: Settings) -> None:
    _write_mark(settings, _RESTATE_MARK, {})


def _warehouse_through(settings: Settings) -> date | None:
    copy = published_copy(settings)
    if copy and not copy.exists():
        return None
    through = (_read_mark(settings, _WAREHOUSE_MARK) or {}).get("through")
    return date.fromisoformat(through) if through else None


def _read_mark(settings: Settings, name: str) -> Mapping[str, str] | None:
    marks = Lake(settings.home, "marks")
    try:
        with marks.open(marks.table_path(name), "r") as handle:
            found: dict[str, str] = json.load(handle)
    except FileNotFoundError:
        return None
    return found or None


def _write_mark(settings: Settings, name: str, content: Mapping[str, Any]) -> None:
    marks = Lake(settings.home, "marks")
    marks.write_json(marks.table_path(name), content)
