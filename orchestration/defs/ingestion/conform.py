"""lake/<table>: the deliveries by their contracts, each row accepted or in quarantine with its reason."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from orchestration.defs.ingestion.raw import sources
from orchestration.defs.partitions import SINGLE_RUN, days_of
from orchestration.defs.resources import POOL, RETRY, Home, SparkJobs, restate_reason
from orchestration.defs.tables import key, noted, table_spec
from orchestration.privacy.asking import SOURCE
from orchestration.runs import unpublished
from spark_jobs.contracts import contracts

INPUTS = tuple(sorted(name for name, dataset in contracts().items() if dataset.layer == "input"))
"""The input tables, by their contracts."""

_BESIDE = ("quarantine", "conform_count")

_raw = [key(source, "raw") for source in (*sources, SOURCE)]
specs = [
    *(table_spec(name, "lake", _raw, kinds=("spark", "parquet")) for name in (*INPUTS, *_BESIDE)),
    table_spec("follow_state", "lake", _raw, carried_on=True, kinds=("spark", "parquet")),
]


@dg.multi_asset(
    name="conform",
    specs=specs,
    backfill_policy=SINGLE_RUN,
    retry_policy=RETRY,
    pool=POOL,
    description="Contract rules, duplicates, late rows and quarantine, over all the days of the run at once.",
)
def conform(
    context: dg.AssetExecutionContext, home: Home, spark_jobs: SparkJobs
) -> Iterator[dg.MaterializeResult[Any]]:
    days = days_of(context)
    restate = restate_reason(context) is not None
    todo = days if restate else unpublished(home.lake, days)
    seconds = 0.0
    if todo:
        run = spark_jobs.run(context, home, "conform", todo, restate=restate)
        seconds = run.seconds
    yield from noted(context, home.lake, [spec.key for spec in specs], days, seconds)
    context.log.info(_summary(home, todo))


def _summary(home: Home, days: list[Any]) -> str:
    counts = [home.lake.read_arrow("conform_count", day) for day in days]
    fields = ("received", "accepted", "quarantined", "duplicates", "suppressed")
    totals = {
        field: sum(sum(table[field].to_pylist()) for table in counts if table is not None and table.num_rows)
        for field in fields
    }
    said = ", ".join(f"{totals[field]:,} {field}" for field in fields)
    return f"{len(days)} days, rows: {said}" if days else "nothing to do"
