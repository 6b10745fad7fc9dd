"""activation/<crm>: one asset a CRM that STATURE_CRMS names, and none where it names none."""

import time

import dagster as dg

from orchestration.activation.apply import Report
from orchestration.activation.mapping import MappingError
from orchestration.activation.sync import SyncError, sync_crm
from orchestration.defs.partitions import SINGLE_RUN, daily, days_of
from orchestration.defs.resources import POOL, Home, refused
from orchestration.defs.tables import key
from orchestration.defs.warehouse.published import CONTACTS
from orchestration.settings import settings

AREA = "activation"


def sync_asset(crm: str) -> dg.AssetsDefinition:
    """The sync of one CRM. It fails alone: what was published stays published."""

    @dg.asset(
        key=key(crm, AREA),
        deps=[CONTACTS],
        group_name=AREA,
        partitions_def=daily,
        backfill_policy=SINGLE_RUN,
        pool=POOL,
        description=f"The scores in the contacts of {crm}, as of the newest published day.",
    )
    def sync(context: dg.AssetExecutionContext, home: Home) -> None:
        started = time.perf_counter()
        try:
            report = sync_crm(
                home.settings,
                crm,
                context.run.run_id,
                progress=context.log.info,
                last_day=days_of(context)[-1],
            )
        except (SyncError, MappingError) as error:
            raise refused(f"CRM sync: {error}") from error
        counts = _counts(report, time.perf_counter() - started)
        if report.failure:
            # No retry: what went wrong is written down a record at a time, and the next run takes it up.
            raise dg.Failure(
                f"CRM sync {crm}: {report.failure} ({report.text})", metadata=counts, allow_retries=False
            )
        context.add_asset_metadata(counts)
        context.log.info(report.text)

    return sync


def _counts(report: Report, seconds: float) -> dict[str, int | float | str]:
    said = {"not sent": report.not_sent} if report.not_sent else {}
    return {**report.run.counts, "calls": report.run.calls, "seconds": round(seconds, 2), **said}


assets = [sync_asset(crm) for crm in dict.fromkeys(settings().crms)]
