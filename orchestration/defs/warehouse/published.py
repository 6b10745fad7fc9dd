"""published/warehouse: the marts in a fresh file, swapped in whole, for everybody who reads."""

import time
from collections.abc import Iterator
from typing import Any

import dagster as dg

from orchestration.defs.partitions import SINGLE_RUN, daily
from orchestration.defs.resources import POOL, Home, refused
from orchestration.defs.tables import key
from orchestration.defs.warehouse.dbt import warehouse
from orchestration.publishing import PublishingError, publish_warehouse
from orchestration.runs import mark_warehouse

COPY = key("warehouse", "published")
CONTACTS = key("contacts", "published")
"""The same file, for the CRM sync. Of it nobody asks whether all days were published, so that a day that was
held back does not keep an opt-out from the CRMs."""

_MARTS = sorted(asset for asset in warehouse.keys if asset.path[0] in {"core", "bi", "crm"})


def _spec(asset: dg.AssetKey, description: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        asset,
        deps=_MARTS,
        group_name="published",
        kinds={"duckdb"},
        partitions_def=daily,
        description=description,
    )


@dg.multi_asset(
    name="published__warehouse",
    specs=[
        _spec(COPY, "Read-only copy of core, bi and crm for BI tools, notebooks and the CRM sync."),
        _spec(CONTACTS, "The copy as the CRM sync reads it: crm.contact_score."),
    ],
    backfill_policy=SINGLE_RUN,
    pool=POOL,
)
def published(context: dg.AssetExecutionContext, home: Home) -> Iterator[dg.MaterializeResult[Any]]:
    started = time.perf_counter()
    try:
        copy = publish_warehouse(home.settings)
    except PublishingError as error:
        raise refused(str(error)) from error
    days = home.lake.days("ledger_digest")
    mark_warehouse(home.settings, days[-1] if days else None)
    seconds = round(time.perf_counter() - started, 2)
    tables = "\n".join(f"| {name} | {rows:,} |" for name, rows in sorted(copy.tables.items()))
    yield dg.MaterializeResult(
        asset_key=COPY,
        metadata={
            "path": dg.MetadataValue.path(copy.path),
            "rows": sum(copy.tables.values()),
            "bytes": copy.bytes,
            "seconds": seconds,
            "tables": dg.MetadataValue.md(f"| table | rows |\n|---|---|\n{tables}"),
        },
    )
    yield dg.MaterializeResult(
        asset_key=CONTACTS, metadata={"rows": copy.tables.get("crm.contact_score", 0), "seconds": seconds}
    )
    context.log.info(
        f"{len(copy.tables)} tables, {sum(copy.tables.values()):,} rows, {copy.bytes / 1e6:.1f} MB"
    )
