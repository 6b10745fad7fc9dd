"""The whole pipeline as one job, and its schedule."""

import dagster as dg

from orchestration.defs.partitions import daily, range_tags
from orchestration.runs import DAY, RunError, plan_run, read_history
from orchestration.settings import settings
from spark_jobs.lake import Lake

JOB = "daily"

job = dg.define_asset_job(
    JOB,
    selection=dg.AssetSelection.all(),
    partitions_def=daily,
    description="From the sources to the published warehouse, for a day or a range of days.",
)


@dg.schedule(
    job=job,
    cron_schedule="0 2 * * *",
    execution_timezone="UTC",
    description="Yesterday, and before it every day that is not published yet: one bad night heals itself.",
)
def every_night(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    configured = settings()
    last = context.scheduled_execution_time.date() - DAY
    try:
        history = read_history(configured, Lake(configured.home))
        plan = plan_run(history, None if history.first_day else last, last, last)
    except RunError as error:
        return dg.SkipReason(str(error))
    if plan is None:
        return dg.SkipReason(f"Everything up to {last} is published.")
    return dg.RunRequest(run_key=f"{plan.start}…{plan.end}", tags=dict(range_tags(plan.start, plan.end)))
