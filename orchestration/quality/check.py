"""The two entry points: measure, judge, record."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date

import duckdb

from orchestration.quality.acceptance import accepted_days, with_acceptances
from orchestration.quality.bounds import BOUNDS, Bounds
from orchestration.quality.conform_checks import conform_panels
from orchestration.quality.measure import connection
from orchestration.quality.panel import Panel
from orchestration.quality.results import CheckResult, History, Stage, history, record
from orchestration.quality.score_checks import score_panels
from spark_jobs.lake import Lake

_Panels = Callable[[duckdb.DuckDBPyConnection, Lake, Sequence[date], History, Bounds], list[Panel]]


def check_conform(
    lake: Lake, days: Collection[date], run_id: str, bounds: Bounds = BOUNDS
) -> list[CheckResult]:
    """Check what conform wrote for these days, by day, and record the results in `check_result`."""
    return _check(lake, "conform", conform_panels, days, run_id, bounds)


def check_scores(
    lake: Lake, days: Collection[date], run_id: str, bounds: Bounds = BOUNDS
) -> list[CheckResult]:
    """Check the scores that wait in `pending/` for these days, by day, and record the results."""
    return _check(lake, "score", score_panels, days, run_id, bounds)


def _check(
    lake: Lake, stage: Stage, panels_of: _Panels, days: Collection[date], run_id: str, bounds: Bounds
) -> list[CheckResult]:
    ordered = sorted(set(days))
    if not ordered:
        return []
    past = history(lake, stage, ordered[0], bounds.history_days)
    with connection(lake) as con:
        panels = panels_of(con, lake, ordered, past, bounds)
    # Here, not above: loading Great Expectations takes seconds, and only runs need it.
    from orchestration.quality.expectations import judge

    results = with_acceptances(judge(lake, stage, panels, ordered, run_id), accepted_days(lake))
    record(lake, stage, ordered, results, run_id)
    return results
