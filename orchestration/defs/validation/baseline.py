"""lake/validation_baseline: rivals of the score and what followed, once thirty days follow a month-end."""

import time
from collections.abc import Iterator
from typing import Any

import dagster as dg

from orchestration.defs.partitions import SINGLE_RUN, days_of
from orchestration.defs.resources import POOL, RETRY, Home
from orchestration.defs.tables import key, noted, table_spec
from orchestration.validation.baseline import TABLE, update

_inputs = [key(name) for name in ("daily_score", "person_account", "activities", "follow_state", "accounts")]
specs = [table_spec(TABLE, "validation", [*_inputs, key("ledger_digest")], kinds=("duckdb", "parquet"))]


@dg.multi_asset(
    name="validation",
    specs=specs,
    backfill_policy=SINGLE_RUN,
    retry_policy=RETRY,
    pool=POOL,
    description="A partition stands for the run's day; the table's own days are those that were evaluated.",
)
def validation(context: dg.AssetExecutionContext, home: Home) -> Iterator[dg.MaterializeResult[Any]]:
    started = time.perf_counter()
    found = update(home.lake, context.run.run_id, context.log.info)
    days = [day for day in days_of(context) if day in found.standing]
    yield from noted(context, home.lake, [spec.key for spec in specs], days, time.perf_counter() - started)
    made = ", ".join(day.isoformat() for day in found.made)
    context.log.info(f"evaluated {made}" if made else "no day is due")
