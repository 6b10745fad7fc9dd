"""The blocking checks between the stages, and the last word on a run.

Nothing of a day that failed goes on, nor of any later day. Where days before it are good, the check
only warns, so that these are published; the run then fails at its end and says where it stopped.
"""

import time
from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg

from orchestration.defs.partitions import daily, days_of
from orchestration.defs.quality.gate import Failure, days_before_failure, first_failure, run_goes_on
from orchestration.defs.resources import POOL, Home, restate_reason
from orchestration.defs.tables import key
from orchestration.defs.warehouse.published import COPY
from orchestration.quality import check_conform, check_scores
from orchestration.quality.results import Stage
from orchestration.quality.stability import warnings
from orchestration.runs import unpublished

# The checks below write it; Dagster lets a check make no asset.
verdicts = dg.AssetSpec(
    key("check_result"),
    deps=[key("activities"), key("daily_score", "pending")],
    group_name="quality",
    kinds={"greatexpectations"},
    partitions_def=daily,
    description="A row a check and day: what was observed, what was expected, and whether it passed.",
)


@dg.asset_check(
    asset=key("activities"),
    name="conform_checks",
    blocking=True,
    partitions_def=daily,
    pool=POOL,
    description="Volume, null shares, value sets and the equation of rows, a verdict a day.",
)
def conform_checks(context: dg.AssetCheckExecutionContext, home: Home) -> dg.AssetCheckResult:
    started = time.perf_counter()
    todo = _todo(context, home)
    if todo:
        check_conform(home.lake, todo, context.run.run_id)
    return _verdict(context, home, todo, "conform", time.perf_counter() - started)


@dg.asset_check(
    asset=key("daily_score", "pending"),
    name="score_checks",
    blocking=True,
    partitions_def=daily,
    pool=POOL,
    description="Score range, share of people scored, and the distribution against the day before.",
)
def score_checks(context: dg.AssetCheckExecutionContext, home: Home) -> dg.AssetCheckResult:
    started = time.perf_counter()
    todo = days_before_failure(home.lake, _todo(context, home), ["conform"])
    warned = warnings(check_scores(home.lake, todo, context.run.run_id)) if todo else []
    return _verdict(context, home, todo, "score", time.perf_counter() - started, warned)


@dg.asset_check(
    asset=COPY,
    name="all_days_published",
    blocking=True,
    partitions_def=daily,
    description="Fails the run where a day that it was asked for is not published, and says why.",
)
def all_days_published(context: dg.AssetCheckExecutionContext, home: Home) -> dg.AssetCheckResult:
    days = days_of(context)
    missing = _not_published(context, home, days)
    if missing is None:
        context.log.info(f"{len(days)} of {len(days)} days published")
        return dg.AssetCheckResult(passed=True, metadata={"days": len(days)})
    count, first = missing
    why = f"{len(days) - count} of {len(days)} days published; {first.day} was not: {first.why}"
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.ERROR, description=why)


def _todo(context: dg.AssetCheckExecutionContext, home: Home) -> list[date]:
    days = days_of(context)
    return days if restate_reason(context) else unpublished(home.lake, days)


def _verdict(
    context: dg.AssetCheckExecutionContext,
    home: Home,
    days: list[date],
    stage: Stage,
    seconds: float,
    warned: Sequence[str] = (),
) -> dg.AssetCheckResult:
    failure = first_failure(home.lake, days, [stage])
    docs = f"{home.settings.home}/quality/data_docs/index.html"
    metadata: dict[str, Any] = {
        "days": len(days),
        "seconds": round(seconds, 2),
        "data docs": dg.MetadataValue.path(docs),
    }
    if warned:
        metadata["warnings"] = "; ".join(warned)
    if failure is None:
        many = f"{len(warned)} days warn, the last: " if len(warned) > 1 else ""
        said = f"; {many}{warned[-1]}" if warned else ""
        context.log.info(f"{len(days)} days passed{said}" if days else "nothing to do")
        return dg.AssetCheckResult(passed=True, metadata=metadata)
    passed = days_before_failure(home.lake, days, [stage])
    description = f"{failure.day} did not pass: {failure.why}"
    goes_on = run_goes_on(
        home.settings,
        home.lake,
        days_of(context),
        some_passed=bool(passed),
        restating=bool(restate_reason(context)),
    )
    context.log.info(f"{len(passed)} of {len(days)} days passed; {description}")
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN if goes_on else dg.AssetCheckSeverity.ERROR,
        description=description,
        metadata={**metadata, "days_passed": len(passed), "first_failed_day": failure.day.isoformat()},
    )


def _not_published(
    context: dg.AssetCheckExecutionContext, home: Home, days: list[date]
) -> tuple[int, Failure] | None:
    """How many days are missing, and the first of them with its reason."""
    todo = _todo(context, home)
    failure = first_failure(home.lake, todo)
    if failure is not None:
        return sum(day >= failure.day for day in days), failure
    if todo and not restate_reason(context):
        return len(todo), Failure(todo[0], "the ledger did not take it")
    return None
