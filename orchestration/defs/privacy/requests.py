"""raw/requests: privacy requests made with the `stature` command, whatever sources the settings ask for."""

import dagster as dg

from orchestration.defs.partitions import SINGLE_RUN, daily, days_of
from orchestration.defs.resources import POOL, RETRY, Home, restate_reason
from orchestration.defs.tables import key
from orchestration.privacy.asking import SOURCE, land_requests


@dg.asset(
    key=key(SOURCE, "raw"),
    group_name="raw",
    kinds={"file"},
    partitions_def=daily,
    backfill_policy=SINGLE_RUN,
    retry_policy=RETRY,
    pool=POOL,
    description="What people asked for about their own data, in the first day that is run after.",
)
def requests(context: dg.AssetExecutionContext, home: Home) -> None:
    # A restatement revises what was made of the deliveries, never the deliveries.
    days = [] if restate_reason(context) else days_of(context)
    landed = land_requests(home.lake, days, context.run.run_id)
    context.add_asset_metadata({"requests": landed})
    context.log.info(f"{landed} privacy requests" if landed else "nobody asked for anything")
