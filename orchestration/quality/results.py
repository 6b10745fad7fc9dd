"""What checks found, day by day, in the lake's table `check_result`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Literal

import pyarrow as pa

from spark_jobs.lake import Lake

Stage = Literal["conform", "score"]
STAGES: tuple[Stage, ...] = ("conform", "score")
TABLE = "check_result"

_SCHEMA = pa.schema(
    [
        ("stage", pa.string()),
        ("table_name", pa.string()),
        ("check_name", pa.string()),
        ("passed", pa.bool_()),
        ("observed", pa.float64()),
        ("expected", pa.string()),
        ("detail", pa.string()),
    ]
)

# (table, check) -> day -> what was observed; nothing where it was null.
History = Mapping[tuple[str, str], Mapping[date, float]]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of one day. `observed` is None where the check had nothing to measure."""

    stage: Stage
    day: date
    table: str
    check_name: str
    passed: bool
    observed: float | None
    expected: str
    detail: str | None

    def __str__(self) -> str:
        seen = "" if self.observed is None else f" found {self.observed:.6g},"
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.table}: {self.check_name}:{seen} expected {self.expected}{detail}"


def record(
    lake: Lake, stage: Stage, days: Iterable[date], results: Iterable[CheckResult], run_id: str
) -> None:
    """Write a stage's results of these days, in place of its older ones and beside the other stage's."""
    by_day: dict[date, list[CheckResult]] = {day: [] for day in days}
    for result in results:
        by_day[result.day].append(result)
    for day, found in by_day.items():
        others = [result for result in read(lake, day) if result.stage != stage]
        rows = [_row(result) for result in others + found]
        lake.write_arrow(TABLE, day, pa.Table.from_pylist(rows, _SCHEMA), run_id)


def read(lake: Lake, day: date) -> list[CheckResult]:
    """A day's results of both stages; empty where it was never checked."""
    table = lake.read_arrow(TABLE, day)
    if table is None or not table.num_rows:
        return []
    return [
        CheckResult(
            stage=row["stage"],
            day=day,
            table=row["table_name"],
            check_name=row["check_name"],
            passed=row["passed"],
            observed=row["observed"],
            expected=row["expected"] or "",
            detail=row["detail"],
        )
        for row in table.to_pylist()
    ]


def history(lake: Lake, stage: Stage, before: date, days: int) -> dict[tuple[str, str], dict[date, float]]:
    """What a stage observed on the days before `before`.

    The past is read from the results, not from the tables: a day's checks then cost the same in the second
    year as in the first month.
    """
    found: dict[tuple[str, str], dict[date, float]] = {}
    for number in range(days, 0, -1):
        day = before - timedelta(days=number)
        for result in read(lake, day):
            if result.stage == stage and result.observed is not None:
                found.setdefault((result.table, result.check_name), {})[day] = result.observed
    return found


def first_failed_day(
    lake: Lake, days: Collection[date], stages: Collection[Stage] = STAGES
) -> tuple[date, list[str]] | None:
    """The first of these days that must not be published, with its reasons; None where all may be.

    A day that one of the stages never checked has failed: nothing is known of it.
    """
    for day in sorted(days):
        results = [result for result in read(lake, day) if result.stage in stages]
        unchecked = [stage for stage in stages if all(result.stage != stage for result in results)]
        reasons = [str(result) for result in results if not result.passed]
        reasons += [f"the checks after {stage} did not run" for stage in unchecked]
        if reasons:
            return day, reasons
    return None


def _row(result: CheckResult) -> dict[str, object]:
    row = asdict(result)
    row["table_name"] = row.pop("table")
    del row["day"]
    return row
