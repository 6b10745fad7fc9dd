"""lake/daily_score and its parts: the ledger takes the days before the first failed check."""

import time
from collections.abc import Iterator
from typing import Any

import dagster as dg

from orchestration.defs.partitions import SINGLE_RUN, days_of
from orchestration.defs.quality.gate import days_before_failure
from orchestration.defs.resources import POOL, RETRY, Home, refused, restate_reason
from orchestration.defs.tables import key, noted, table_spec
from orchestration.ledger import LedgerError, PublishedDay, publish_days
from orchestration.ledger.publish import SCORE_TABLES
from orchestration.runs import unpublished

_pending = {name: key(name, "pending") for name in SCORE_TABLES}
specs = [
    *(table_spec(name, "ledger", [_pending[name]]) for name in SCORE_TABLES),
    *(
        table_spec(name, "ledger", [_pending["daily_score"]], carried_on=True)
        for name in ("ledger_leaf", "ledger_digest", "person_key")
    ),
]


@dg.multi_asset(
    name="ledger",
    specs=specs,
    backfill_policy=SINGLE_RUN,
    retry_policy=RETRY,
    pool=POOL,
    description="Append-only: a published person, day and revision never changes; digests show it.",
)
def ledger(context: dg.AssetExecutionContext, home: Home) -> Iterator[dg.MaterializeResult[Any]]:
    started = time.perf_counter()
    days = days_of(context)
    reason = restate_reason(context)
    gate = days_before_failure(home.lake, days if reason else unpublished(home.lake, days))

    def said(day: PublishedDay) -> None:
        context.log.info(f"{day.day} published, revision {day.revision}, {day.rows:,} people")

    try:
        report = publish_days(home.lake, days, context.run.run_id, gate, reason, on_day=said)
    except LedgerError as error:
        raise refused(str(error)) from error
    yield from noted(context, home.lake, [spec.key for spec in specs], days, time.perf_counter() - started)
    held = f", held from {report.held[0].day} on: {report.held[0].why}" if report.held else ""
    context.log.info(f"{len(report.published)} days published{held}")
