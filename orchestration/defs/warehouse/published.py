"""published/warehouse: the marts in a fresh file, swapped in whole, for everybody who reads."""

import time

import dagster as dg

from orchestration.defs.partitions import SINGLE_RUN, daily
from orchestration.defs.resources import POOL, Home
from orchestration.defs.tables import key
from orchestration.defs.warehouse.dbt import warehouse
from orchestration.publishing import publish_warehouse
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
    copy = publish_warehouse(home.settings)
    days = home.lake.days("ledger_digest")
    mark_warehouse(home.settings, days[-1] if days else None)
    seconds = round(time.perf_counter() - started, 2)
    context.add_asset_metadata({"path": str(copy.path), "seconds": seconds})
    context.log.info(str(copy.path))
