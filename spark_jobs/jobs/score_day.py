"""Score a range of days: from the conformed lake to pending scores, and the states that days hand on.

Nothing is published here. States go into the lake, where the next day finds them; scores go into
`pending/`, from where the ledger takes the days that pass their checks.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from spark_jobs.jobs.process import Job, JobError, run_by_hand
from spark_jobs.lake import Lake
from spark_jobs.scoring_model import ModelError, ScoringModel, load_model
from spark_jobs.tables import WrittenFile, read_days, write_blocks, written_files
from spark_jobs.taxonomy import DEFAULT, Taxonomy, TaxonomyError, Unknown, load_taxonomy
from spark_jobs.transforms.scoring.block_tables import NETWORK_STATES, PERSON_OUTPUT
from spark_jobs.transforms.scoring.score import (
    network_blocks,
    person_blocks,
    with_percentiles,
)
from spark_jobs.transforms.scoring.topic_input import topic_labels

LAST_WRITTEN = "network_state"
"""The table whose manifest says that a day was scored: it is committed after all the others."""

TOPIC_LABEL = "topic_label"

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
    taxonomy: Taxonomy | None = None,
) -> ScoreReport:
    """Score `days`, which must follow each other; what they held before is replaced.

    Raises JobError where a day is not conformed, or where the first one's yesterday was not scored
    and it is not the declared first day: a score without its history would be another number.
    Without a `taxonomy` the default one is meant.
    """
    taxonomy = taxonomy or load_taxonomy()
    started = time.monotonic()
    days = sorted(days)
    _refuse_gaps(lake, days)
    report = ScoreReport()
    for chunk in _chunks(lake, days):
        progress(f"Scoring {chunk[0]} to {chunk[-1]}")
        report.rows |= _score_chunk(spark, lake, chunk, model, run_id, least_confidence, taxonomy)
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
    taxonomy: Taxonomy,
) -> dict[date, dict[str, int]]:
    yesterday = [days[0] - timedelta(days=1)] if days[0] != lake.first_day() else []
    places = _places(lake)
    for table, place in places.items():
        place.discard_uncommitted(table, days)
    notes = {"model_version": model.version, "taxonomy": taxonomy.name, "taxonomy_digest": taxonomy.digest}
    labels = _labels(lake, days, taxonomy)
    groups = 1 + _people(lake, days, yesterday) // PEOPLE_A_GROUP

    # One Spark job: networks, then people, then days; what is done at each is written on the way.
    tables = _input(spark, lake, days, yesterday)
    if not tables:
        return {day: _commit(places, labels, day, run_id, notes) for day in days}
    blocks = network_blocks(tables, days, model, least_confidence, taxonomy.tags)
    blocks = write_blocks(blocks, "network", places)
    state = read_days(spark, lake, "person_state", yesterday)
    blocks = person_blocks(blocks, state, days, groups, model)
    blocks = write_blocks(blocks, "group", {t: p for t, p in places.items() if t != "daily_score"})
    blocks = write_blocks(with_percentiles(blocks, model), "group", places)
    files = labels + written_files(blocks)
    return {day: _commit(places, files, day, run_id, notes) for day in days}


def _labels(lake: Lake, days: Sequence[date], taxonomy: Taxonomy) -> list[WrittenFile]:
    """What topics are called: a file on the first of `days` where that is another taxonomy than yesterday's.

    Other days have no rows of their own; the newest that has some holds.
    """
    day = days[0]
    yesterday = lake.manifest(TOPIC_LABEL, day - timedelta(days=1))
    if yesterday and yesterday.notes.get("taxonomy_digest") == taxonomy.digest:
        return []
    return [WrittenFile(TOPIC_LABEL, day, lake.put_parquet(TOPIC_LABEL, day, topic_labels(taxonomy)))]


def _places(lake: Lake) -> dict[str, Lake]:
    """Where the tables of a scored day lie, in the order in which they are committed."""
    into_lake = (TOPIC_LABEL, "person_state", "person_account", *NETWORK_STATES)
    return dict.fromkeys(PERSON_OUTPUT, lake.pending) | dict.fromkeys(into_lake, lake)


def _commit(
    places: Mapping[str, Lake],
    files: Sequence[WrittenFile],
    day: date,
    run_id: str,
    notes: Mapping[str, object],
) -> dict[str, int]:
    rows = {}
    for table, place in places.items():
        mine = [w.file for w in files if w.table == table and w.day == day]
        rows[table] = place.commit(table, day, mine, run_id, notes).rows
    return rows


def _input(spark: SparkSession, lake: Lake, days: list[date], yesterday: list[date]) -> dict[str, DataFrame]:
    wanted = {
        "activities": days,
        "accounts": days,
        "endorsements": days,
        "identity_links": days,
        "person_account": yesterday,
        **dict.fromkeys(NETWORK_STATES, yesterday),
        # Few rows, and what was asked or known once holds until something else is.
        "privacy_requests": [day for day in lake.days("privacy_requests") if day <= days[-1]],
        "crm_contact_accounts": [day for day in lake.days("crm_contact_accounts") if day <= days[-1]],
        # Whole each time it is written: the newest says it, also to a day that is made again.
        "privacy_extension": lake.days("privacy_extension")[-1:],
    }
    tables = {name: read_days(spark, lake, name, of_days) for name, of_days in wanted.items()}
    found = {name: table for name, table in tables.items() if table is not None}
    # A request may name a CRM's contact alone; what follows for accounts is in privacy_extension.
    for name in ("privacy_requests", "privacy_extension"):
        if name in found:
            found[name] = found[name].where("network is not null")
    return found


def _people(lake: Lake, days: Sequence[date], yesterday: Sequence[date]) -> int:
    standing = sum(_rows(lake, "account_state", day) for day in yesterday)
    return standing + sum(_rows(lake, "accounts", day) for day in days)


def run(job: Job) -> None:
    """The job: options `home`, `days`, `run_id`, `master`, `model`, `identity_confidence`, `taxonomy` and
    `taxonomy_unknown`.
    """
    try:
        model = load_model(str(job.options.get("model", "v1")))
    except ModelError as error:
        raise JobError(str(error)) from error
    job.report(score_with(job, Lake(job.home), model).as_json())


def score_with(job: Job, lake: Lake, model: ScoringModel) -> ScoreReport:
    """Score the job's days in `lake` by `model`, all else as the job's options say."""
    try:
        unknown: Unknown = "drop" if job.options.get("taxonomy_unknown") == "drop" else "keep"
        taxonomy = load_taxonomy(str(job.options.get("taxonomy") or DEFAULT), unknown)
    except TaxonomyError as error:
        raise JobError(str(error)) from error
    least_confidence = float(job.options.get("identity_confidence", 0.7))
    return score(job.spark(), lake, job.days, model, job.run_id, least_confidence, job.say, taxonomy)


if __name__ == "__main__":
    run_by_hand("score_day", run)
