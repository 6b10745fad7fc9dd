"""Lake tables in Spark: reading the files that manifests name, and writing blocks as files of days."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import DateType, StructField, StructType

from spark_jobs.lake import Lake, LakeFile
from spark_jobs.schemas import lake_schema
from spark_jobs.transforms.scoring.blocks import block_row, read_block

_WRITTEN = "written file"
"""Stands in the place of a block's table once its rows are in a file; the block then names the file."""


@dataclass(frozen=True)
class WrittenFile:
    """A file of a table's day, not yet named by a manifest."""

    table: str
    day: date
    file: LakeFile


def read_days(spark: SparkSession, lake: Lake, table: str, days: Iterable[date]) -> DataFrame | None:
    """A lake table's rows of those days that exist, with the column `day`; None where there are none.

    The schema is the contract's, so no file is opened to find it out.
    """
    schema = StructType([*lake_schema(table).fields, StructField("day", DateType())])
    files = lake.files(table, days)
    if not files:
        return None
    reader = spark.read.schema(schema).option("basePath", lake.uri(lake.table_path(table)))
    return reader.parquet(*files)


def write_blocks(blocks: DataFrame, group: str, places: Mapping[str, Lake]) -> DataFrame:
    """Write blocks of the tables in `places` as Parquet files where they lie, in the tasks themselves.

    Other blocks pass through; in the place of a written one goes the name of its file, for
    `written_files` to find at the end. Writing here, and not through Spark's writer, leaves out
    turning arrays into rows and back, which is nearly all that a day costs.
    """

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for row in range(batch.num_rows):
                table = batch.column("table")[row].as_py()
                if table not in places:
                    yield batch.slice(row, 1)
                    continue
                for note in _write(places[table], table, read_block(batch.column("block")[row])):
                    yield block_row(group, batch.column(group)[row].as_py(), _WRITTEN, pa.py_buffer(note))

    return blocks.mapInArrow(run, blocks.schema)


def _write(lake: Lake, table: str, rows: pa.Table) -> Iterator[bytes]:
    # A block is of one day; the day is the folder's name and no column of the file.
    day = rows["day"][0].as_py()
    file = lake.put_parquet(table, day, rows.drop_columns(["day"]))
    yield json.dumps({"table": table, "day": day.isoformat(), "file": file.as_json()}).encode()


def written_files(blocks: DataFrame) -> list[WrittenFile]:
    """Run what leads to `blocks`, and collect the files that it wrote."""
    notes = [json.loads(row.block) for row in blocks.where(F.col("table") == _WRITTEN).collect()]
    return [
        WrittenFile(note["table"], date.fromisoformat(note["day"]), LakeFile.from_json(note["file"]))
        for note in notes
    ]
