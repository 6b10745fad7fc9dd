"""The days: one partition a UTC day, from the declared first day on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from orchestration.settings import settings
from spark_jobs.lake import Lake

DEFAULT_FIRST_DAY = date(2026, 1, 1)

SINGLE_RUN = dg.BackfillPolicy.single_run()
"""A range of days is one run, and so one Spark process."""

YESTERDAY = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)
"""A day of a table that is carried on from its own day before."""


def first_day() -> date:
    """Where the partitions begin: the history's first day, else the setting, else the sample's first day."""
    configured = settings()
    return Lake(configured.home).first_day() or configured.first_day or DEFAULT_FIRST_DAY


daily = dg.DailyPartitionsDefinition(start_date=first_day().isoformat(), timezone="UTC")


def range_tags(start: date, end: date) -> Mapping[str, str]:
    """Tags that make one run of all the days from start to end."""
    return {
        ASSET_PARTITION_RANGE_START_TAG: start.isoformat(),
        ASSET_PARTITION_RANGE_END_TAG: end.isoformat(),
    }


def days_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> list[date]:
    """The days of a run's step, in order."""
    return sorted(date.fromisoformat(key) for key in context.partition_keys)
