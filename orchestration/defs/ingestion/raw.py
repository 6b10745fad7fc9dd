"""raw/<source>: what each source delivered, a day at a time, as it came."""

import time
from typing import Any

import dagster as dg

from orchestration.connectors.landing import land_source
from orchestration.connectors.registry import INBOX, ConnectorError, source_names
from orchestration.defs.partitions import SINGLE_RUN, daily, days_of
from orchestration.defs.resources import POOL, RETRY, Home, refused, restate_reason
from orchestration.defs.tables import key
from orchestration.settings import settings

_USUAL = {"already published", "already landed", "nothing delivered", "no folder"}


def _source_asset(source: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=key(source, "raw"),
        group_name="raw",
        kinds={"file" if source == INBOX else "dlt"},
        partitions_def=daily,
        backfill_policy=SINGLE_RUN,
        retry_policy=RETRY,
        pool=POOL,
        description=f"What {source} delivered, unchanged, one folder a day.",
    )
    def land(context: dg.AssetExecutionContext, home: Home) -> None:
        started = time.perf_counter()
        if home.lake.first_day() is None:
            home.lake.declare_first_day(home.settings.first_day or days_of(context)[0])
        # A restatement revises what was made of the deliveries, never the deliveries.
        days = [] if restate_reason(context) else days_of(context)
        try:
            reports = land_source(
                home.settings, home.lake, source, days, context.run.run_id, progress=context.log.info
            )
        except ConnectorError as error:
            raise refused(str(error)) from error
        for report in reports:
            metadata: dict[str, Any] = {"files": report.files, "bytes": report.bytes}
            if report.rows is not None:
                metadata["dagster/partition_row_count"] = report.rows
            if report.notes:
                metadata["notes"] = "; ".join(report.notes)
            context.add_asset_metadata(metadata, partition_key=report.day.isoformat())
        files, rows = sum(r.files for r in reports), sum(r.rows or 0 for r in reports)
        context.add_asset_metadata(
            {"files": files, "rows": rows, "seconds": round(time.perf_counter() - started, 2)}
        )
        counted = f", {rows:,} rows" if rows else ""
        news = [note for report in reports for note in report.notes if note not in _USUAL]
        said = f"; {'; '.join(dict.fromkeys(news))}"[:300] if news else ""
        context.log.info(f"{len(reports)} days, {files} files{counted}{said}")

    return land


sources = tuple(source_names(settings()))
assets = [_source_asset(source) for source in sources]
