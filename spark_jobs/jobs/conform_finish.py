"""The end of a table's way through conform: its rows counted, and the accepted ones written.

A table whose rows of the chunk fit into memory is finished there (`conform.local`); a larger one by Spark.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from spark_jobs.contracts import Dataset
from spark_jobs.jobs.conform_lake import QUARANTINE_SCHEMA, put_days, write_days
from spark_jobs.jobs.conform_reading import readable_name
from spark_jobs.lake import Lake
from spark_jobs.transforms.conform import local
from spark_jobs.transforms.conform.counting import Place, Tally, tally, unknown_names
from spark_jobs.transforms.conform.judging import ACCEPTED, QUARANTINED, REFUSAL, lake_columns, lake_rows
from spark_jobs.transforms.conform.positions import (
    counted_blocks,
    line_starts,
    lines_read,
    number_rows,
)


@dataclass
class Finished:
    """What became of a table's rows. The refused ones are at hand, or still Spark's where they are many."""

    tallies: list[Tally] = field(default_factory=list)
    lines: Counter[Place] = field(default_factory=Counter)
    unknown: dict[Place, set[str]] = field(default_factory=dict)
    refused: pa.Table | None = None
    refused_frame: DataFrame | None = None

    def rows(self, fate: str) -> int:
        return sum(found.rows for found in self.tallies if found.fate == fate)


def collect(fated: DataFrame, dataset: Dataset) -> pa.Table:
    """The rows of a table that fit into this process; `local.LAKE` marks the columns of the lake's files."""
    row = [f"{sql} AS {local.LAKE}{name}" for name, sql in lake_columns(dataset).items()]
    return fated.selectExpr(*[name for name in fated.columns if name != "row"], *row).toArrow()


def finish_in_memory(rows: pa.Table, lake: Lake, dataset: Dataset) -> Finished:
    """Count and write the rows of a table that `collect` brought here."""
    blocks = local.counted_blocks(rows)
    done = Finished(local.tallies(rows), lines_read(blocks), local.unknown_names(rows))
    if done.rows(ACCEPTED):
        put_days(lake, dataset.name, local.accepted_days(rows, list(dataset.key)))
    if done.rows(QUARANTINED):
        done.refused = _as_quarantine(local.refused(rows, blocks), dataset.name)
    return done


def finish_in_spark(
    fated: DataFrame, session: SparkSession, lake: Lake, dataset: Dataset, *, from_text: bool
) -> Finished:
    """Count and write the rows of a table of any size; `fated` is used several times."""
    done = Finished([Tally(**row.asDict()) for row in tally(fated).collect()])
    blocks = counted_blocks(fated).toArrow() if from_text else None
    if blocks is not None:
        done.lines = lines_read(blocks)
    if any(found.unknown for found in done.tallies):
        for day, source, name in unknown_names(fated).collect():
            done.unknown.setdefault((day, source), set()).add(name)
    if done.rows(ACCEPTED):
        write_days(lake_rows(fated, dataset), lake, dataset.name, dataset.key)
    if done.rows(QUARANTINED):
        starts = None if blocks is None else session.createDataFrame(line_starts(blocks))
        refused = fated.where(f"fate = '{QUARANTINED}'")
        numbered = number_rows(refused.drop("fate", "unknown", "row"), starts)
        done.refused_frame = numbered.selectExpr(
            "day",
            "source",
            f"'{dataset.name}' AS table_name",
            f"{readable_name('file')} AS file",
            "row_number",
            *REFUSAL,
        )
    return done


def write_refused(
    finished: Sequence[Finished], unreadable: pa.Table, lake: Lake, quarantine: Dataset
) -> None:
    """Write the refused rows of all tables, those in memory in one file a day."""
    order = ["source", "table_name", "file", "row_number"]
    in_memory = [unreadable, *(done.refused for done in finished if done.refused is not None)]
    rows = pa.concat_tables(in_memory)
    if rows.num_rows:
        put_days(lake, quarantine.name, local.by_day(rows, order))
    columns = [f.name for f in quarantine.fields]
    for done in finished:
        if done.refused_frame is not None:
            write_days(done.refused_frame.select(*columns), lake, quarantine.name, order)


def _as_quarantine(refused: pa.Table, table: str) -> pa.Table:
    names = refused["file"].to_pylist()
    readable = {name: unquote(name) for name in set(names)}
    files = pa.array([readable[name] for name in names], pa.string())
    named = refused.set_column(refused.schema.get_field_index("file"), "file", files)
    named = named.append_column("table_name", pa.repeat(table, refused.num_rows))
    return named.select(QUARANTINE_SCHEMA.names).cast(QUARANTINE_SCHEMA)
