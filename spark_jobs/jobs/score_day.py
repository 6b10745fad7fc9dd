"""Score a range of days: from the conformed lake to pending scores, and the states that days hand on.

Nothing is published here. States go into the lake, where the next day finds them; scores go into
`pending/`, from where the ledger takes the days that pass their checks.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.jobs.process import JobError, job_process
from spark_jobs.lake import Lake
from spark_jobs.scoring_model import ModelError, ScoringModel, load_model
from spark_jobs.tables import append_days, commit_day, read_days
from spark_jobs.transforms.scoring import network_layouts as network
from spark_jobs.transforms.scoring import person_records as person
from spark_jobs.transforms.scoring.identity import link_intervals, standing_intervals
from spark_jobs.transforms.scoring.score import (
    NETWORK_STATES,
    ScoringInput,
    daily_scores,
    network_records,
    network_table,
    person_records,
    person_table,
)

LAST_WRITTEN = "network_state"
"""The table whose manifest says that a day was scored: it is committed after all the others."""

MOST_DAYS_AT_ONCE = 64
MOST_ROWS_AT_ONCE = 4_000_000
PEOPLE_A_GROUP = 250_000


@dataclass
class ScoreReport:
    """What a run scored: rows by day and table, and seconds in all."""

    rows: dict[date, dict[str, int]] = field(default_factory=dict)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        days = {day.isoformat(): tables for day, tables in self.rows.items()}
        return {"days": days, "seconds": round(self.seconds, 2)}


def score(
    spark: SparkSession,
    lake: Lake,
    days: Sequence[date],
    model: ScoringModel,
    run_id: str,
    least_confidence: float = 0.7,
    progress: Callable[[str], None] = lambda _: None,
) -> ScoreReport:
    """Score `days`, which must follow each other; what they held before is replaced.

    Raises JobError where a day is not conformed, or where the first one's yesterday was not scored
    and it is not the declared first day: a score without its history would be another number.
    """
    started = time.monotonic()
    days = sorted(days)
    _refuse_gaps(lake, days)
    report = ScoreReport()
    for chunk in _chunks(lake, days):
        progress(f"Scoring {chunk[0]} to {chunk[-1]}")
        report.rows |= _score_chunk(spark, lake, chunk, model, run_id, least_confidence)
    report.seconds = time.monotonic() - started
    return report


def _refuse_gaps(lake: Lake, days: Sequence[date]) -> None:
    for before, after in itertools.pairwise(days):
        if after - before != timedelta(days=1):
            raise JobError(f"Days must follow each other: {after} comes after {before}.")
    for day in days:
        if not lake.exists("conform_count", day):
            raise JobError(f"{day} is not conformed yet; run the day from its beginning.")
    yesterday = days[0] - timedelta(days=1)
    if days[0] != lake.first_day() and not lake.exists(LAST_WRITTEN, yesterday):
        raise JobError(
            f"{days[0]} cannot be scored: {yesterday} was not, and the history begins on {lake.first_day()}. "
            f"Run from {yesterday} or before."
        )


def _chunks(lake: Lake, days: Sequence[date]) -> Iterator[list[date]]:
    """Ranges that one task a network can hold: bounded in days and in rows that pass through it."""
    chunk: list[date] = []
    rows = 0
    yesterday = days[0] - timedelta(days=1)
    standing = sum(_rows(lake, table, yesterday) for table in ("account_state", "pair_state", "topic_state"))
    for day in days:
        brought = _rows(lake, "activities", day) + _rows(lake, "accounts", day)
        standing += brought
        if chunk and (len(chunk) == MOST_DAYS_AT_ONCE or rows + standing + brought > MOST_ROWS_AT_ONCE):
            yield chunk
            chunk, rows = [], 0
        chunk.append(day)
        rows += standing + brought
    yield chunk


def _rows(lake: Lake, table: str, day: date) -> int:
    manifest = lake.manifest(table, day)
    return manifest.rows if manifest else 0


def _score_chunk(
    spark: SparkSession,
    lake: Lake,
    days: list[date],
    model: ScoringModel,
    run_id: str,
    least_confidence: float,
) -> dict[date, dict[str, int]]:
    yesterday = [days[0] - timedelta(days=1)] if days[0] != lake.first_day() else []
    networks = network_records(_input(spark, lake, days, yesterday, least_confidence), days, model)
    networks = networks.persist(StorageLevel.MEMORY_AND_DISK)
    people_before = read_days(spark, lake, "person_state", yesterday)
    groups = 1 + _people(lake, days, yesterday) // PEOPLE_A_GROUP
    people = person_records(networks, people_before, days, groups, model)
    people = people.persist(StorageLevel.MEMORY_AND_DISK)
    pending = lake.pending
    try:
        # The first write computes everything; the others read what it left in memory, side by side.
        append_days(daily_scores(people, model), pending, "daily_score", days)
        writes: list[tuple[Lake, str, DataFrame]] = [
            (lake, layout.record, network_table(networks, layout)) for layout in NETWORK_STATES
        ]
        writes.append((lake, "person_account", network_table(networks, network.PERSON_ACCOUNT)))
        writes.append((lake, "person_state", person_table(people, person.PERSON_STATE)))
        writes += [
            (pending, layout.record, person_table(people, layout))
            for layout in (person.SCORE_PART, person.SCORE_CHANGE, person.SCORE_REACTOR, person.TOPIC_SCORE)
        ]
        with ThreadPoolExecutor(max_workers=4) as pool:
            list(pool.map(lambda write: append_days(write[2], write[0], write[1], days), writes))
    finally:
        people.unpersist()
        networks.unpersist()
    tables = [(pending, "daily_score"), *((place, table) for place, table, _ in writes)]
    tables.sort(key=lambda entry: entry[1] == LAST_WRITTEN)
    return {day: _commit(tables, day, run_id, {"model_version": model.version}) for day in days}


def _commit(
    tables: Sequence[tuple[Lake, str]], day: date, run_id: str, notes: Mapping[str, object]
) -> dict[str, int]:
    return {table: commit_day(place, table, day, run_id, notes).rows for place, table in tables}


def _input(
    spark: SparkSession, lake: Lake, days: list[date], yesterday: list[date], least_confidence: float
) -> ScoringInput:
    so_far = [day for day in lake.days("privacy_requests") if day <= days[-1]]
    known_by = [day for day in lake.days("crm_contact_accounts") if day <= days[-1]]
    held = read_days(spark, lake, "person_account", yesterday)
    return ScoringInput(
        activities=read_days(spark, lake, "activities", days),
        accounts=read_days(spark, lake, "accounts", days),
        links=link_intervals(
            held.where(F.col("person_id").startswith("key:")),
            read_days(spark, lake, "identity_links", days),
            least_confidence,
        ),
        standings=standing_intervals(read_days(spark, lake, "privacy_requests", so_far)),
        customers=read_days(spark, lake, "crm_contact_accounts", known_by).select(
            "day", "network", F.lower(F.ltrim("handle", F.lit("@"))).alias("handle")
        ),
        states=[read_days(spark, lake, layout.record, yesterday) for layout in NETWORK_STATES],
    )


def _people(lake: Lake, days: Sequence[date], yesterday: Sequence[date]) -> int:
    standing = sum(_rows(lake, "account_state", day) for day in yesterday)
    return standing + sum(_rows(lake, "accounts", day) for day in days)


def main() -> None:
    with job_process("score_day") as job:
        try:
            model = load_model(str(job.options.get("model", "v1")))
        except ModelError as error:
            raise JobError(str(error)) from error
        lake = Lake(job.home)
        report = score(
            job.spark(),
            lake,
            job.days,
            model,
            job.run_id,
            float(job.options.get("identity_confidence", 0.7)),
            job.say,
        )
        job.report(report.as_json())


if __name__ == "__main__":
    main()
