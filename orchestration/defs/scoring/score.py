"""pending/<table>: the scores of days whose input passed its checks, and the state for the next day."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from orchestration.defs.ingestion.conform import INPUTS
from orchestration.defs.partitions import SINGLE_RUN, days_of
from orchestration.defs.quality.gate import days_before_failure
from orchestration.defs.resources import POOL, RETRY, Home, SparkJobs, restate_reason
from orchestration.defs.tables import key, noted, table_spec
from orchestration.ledger.publish import SCORE_TABLES
from orchestration.privacy import PRIVACY_TABLES
from orchestration.runs import unpublished
from spark_jobs.contracts import contracts

_ELSEWHERE = {
    *SCORE_TABLES,
    "quarantine",
    "conform_count",
    "follow_state",
    "check_result",
    "validation_baseline",
    *PRIVACY_TABLES,
}
_LEDGER = {"ledger_leaf", "ledger_digest", "person_key"}
STATE = tuple(
    sorted(name for name, d in contracts().items() if d.layer == "lake" and name not in _ELSEWHERE | _LEDGER)
)
"""Tables that a day carries on to the next: pairs, accounts, people, networks, topics."""

# What the model reads; the CRM's tables go straight to the warehouse, but its customers seed trust.
_used = (*INPUTS, "follow_state", "privacy_extension")
_inputs = [key(name) for name in _used if name not in {"outcomes", "service_events"}]
specs = [
    *(table_spec(name, "scoring", _inputs, carried_on=True, kinds=("spark", "parquet")) for name in STATE),
    *(
        table_spec(
            name,
            "scoring",
            _inputs,
            area="pending",
            kinds=("spark", "parquet"),
            description=f"{name} of days that are scored and not yet published.",
        )
        for name in SCORE_TABLES
    ),
]


@dg.multi_asset(
    name="score",
    specs=specs,
    backfill_policy=SINGLE_RUN,
    retry_policy=RETRY,
    pool=POOL,
    description="People, pairs, trust, influence, flow, level and score, day after day in one Spark process.",
)
def score(
    context: dg.AssetExecutionContext, home: Home, spark_jobs: SparkJobs
) -> Iterator[dg.MaterializeResult[Any]]:
    days = days_of(context)
    todo = days if restate_reason(context) else unpublished(home.lake, days)
    todo = days_before_failure(home.lake, todo, ["conform"])
    seconds = 0.0
    if todo:
        seconds = spark_jobs.run(context, home, "score_day", todo).seconds
    spark_jobs.end()  # no stage after this one has work for Spark, and its memory is wanted elsewhere
    yield from noted(context, home.lake, [spec.key for spec in specs], days, seconds)
    manifests = home.lake.pending.manifests("daily_score", todo)
    people = [manifest.rows for manifest in manifests.values()]
    context.log.info(f"{len(todo)} days, {people[-1]:,} people on the last" if people else "nothing to do")
