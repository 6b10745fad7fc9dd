"""Everything in this folder as one set of definitions."""

from __future__ import annotations

import dagster as dg

from orchestration.defs.activation import sync
from orchestration.defs.ingestion import conform, raw
from orchestration.defs.jobs import every_night, job
from orchestration.defs.privacy import requests, step
from orchestration.defs.quality import checks
from orchestration.defs.resources import Home, SparkJobs
from orchestration.defs.scoring import publish, score
from orchestration.defs.validation import baseline
from orchestration.defs.warehouse import dbt, published


def load() -> dg.Definitions:
    """Assets, checks, job and schedule. A run is one process; Spark and dbt are processes of their own."""
    return dg.Definitions(
        assets=[
            *raw.assets,
            requests.requests,
            conform.conform,
            step.privacy,
            score.score,
            publish.ledger,
            baseline.validation,
            dbt.warehouse,
            published.published,
            *sync.assets,
            checks.verdicts,
        ],
        asset_checks=[checks.conform_checks, checks.score_checks, checks.all_days_published],
        jobs=[job],
        schedules=[every_night],
        resources={"home": Home(), "spark_jobs": SparkJobs(), "dbt": dbt.dbt},
        executor=dg.in_process_executor,
    )
