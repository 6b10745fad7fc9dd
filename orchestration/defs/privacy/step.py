"""lake/privacy_extension, erased_mark and privacy_report: requests carried out before anything is scored."""

import time
from collections.abc import Iterator
from typing import Any

import dagster as dg

from orchestration.defs.partitions import SINGLE_RUN, days_of
from orchestration.defs.resources import POOL, RETRY, Home
from orchestration.defs.tables import key, noted, table_spec
from orchestration.privacy import PRIVACY_TABLES
from orchestration.privacy.carry_out import carry_out

# Not of `activities`: a day that fails its checks must not keep anybody from getting out.
_inputs = [key(name) for name in ("privacy_requests", "crm_contacts", "crm_contact_accounts")]
specs = [table_spec(name, "privacy", _inputs) for name in PRIVACY_TABLES]


@dg.multi_asset(
    name="privacy",
    specs=specs,
    backfill_policy=SINGLE_RUN,
    retry_policy=RETRY,
    pool=POOL,
    description="Opt-out, objection and erasure: of the person's every account, before scores and marts.",
)
def privacy(context: dg.AssetExecutionContext, home: Home) -> Iterator[dg.MaterializeResult[Any]]:
    started = time.perf_counter()
    days = days_of(context)
    done = carry_out(home.settings, home.lake, days, context.run.run_id, context.log.info)
    yield from noted(context, home.lake, [spec.key for spec in specs], days, time.perf_counter() - started)
    said = []
    if done.erased:
        said.append(f"{done.erased} erased, {done.rows:,} rows in {done.places} places")
    if done.refused:
        said.append(
            f"{done.refused} privacy requests COULD NOT BE READ and hold for nobody: "
            "lake/quarantine has them, table_name privacy_requests"
        )
    if done.unread:
        said.append(f"not searched: {', '.join(done.unread[:3])}")
    context.log.info("; ".join(said) or "nothing to clean")
