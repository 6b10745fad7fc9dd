"""published/warehouse: the marts in a fresh file, swapped in whole, for everybody who reads."""

import time

import dagster as dg

from orchestration.defs.partitions import SINGLE_RUN, daily
from orchestration.defs.resources import POOL, Home, refused
from orchestration.defs.tables import key
from orchestration.defs.warehouse.dbt import warehouse
from orchestration.publishing import PublishingError, publish_warehouse
from orchestration.runs import mark_warehouse

COPY = key("warehouse", "published")
_MARTS = sorted(asset for asset in warehouse.keys if asset.path[0] in {"core", "bi", "crm"})


@dg.asset(
    key=COPY,
    deps=_MARTS,
    group_name="published",
    kinds={"duckdb"},
    partitions_def=daily,
    backfill_policy=SINGLE_RUN,
    pool=POOL,
    description="Read-only copy of core, bi and crm for BI tools, notebooks and the CRM sync.",
)
def published(context: dg.AssetExecutionContext, home: Home) -> None:
    started = time.perf_counter()
    try:
        copy = publish_warehouse(home.settings)
    except PublishingError as error:
        raise refused(str(error)) from error
    days = home.lake.days("ledger_digest")
    mark_warehouse(home.settings, days[-1] if days else None)
    seconds = round(time.perf_counter() - started, 2)
    tables = "\n".join(f"| {name} | {rows:,} |" for name, rows in sorted(copy.tables.items()))
    context.add_asset_metadata(
        {
            "path": dg.MetadataValue.path(copy.path),
            "rows": sum(copy.tables.values()),
            "bytes": copy.bytes,
            "seconds": seconds,
            "tables": dg.MetadataValue.md(f"| table | rows |\n|---|---|\n{tables}"),
        }
    )
    context.log.info(
        f"{len(copy.tables)} tables, {sum(copy.tables.values()):,} rows, {copy.bytes / 1e6:.1f} MB"
    )
