"""Lake tables as DataFrames: reading the files that manifests name, appending days and committing them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import DateType, StructField, StructType

from spark_jobs.lake import Lake, Manifest
from spark_jobs.schemas import lake_schema


def read_days(spark: SparkSession, lake: Lake, table: str, days: Iterable[date]) -> DataFrame:
    """A lake table's rows of those days that exist, with the column `day`; empty where none does.

    The schema is the contract's, so no file is opened to find it out.
    """
    schema = StructType([*lake_schema(table).fields, StructField("day", DateType())])
    files = lake.files(table, days)
    if not files:
        return spark.createDataFrame([], schema)
    reader = spark.read.schema(schema).option("basePath", lake.uri(lake.table_path(table)))
    return reader.parquet(*files)


def append_days(rows: DataFrame, lake: Lake, table: str, days: Sequence[date]) -> None:
    """Write rows, with their column `day`, beside what these days' folders hold.

    They count once `commit_days` names them; leftovers of a killed run are removed first.
    """
    lake.discard_uncommitted(table, days)
    rows.write.mode("append").partitionBy("day").parquet(lake.uri(lake.table_path(table)))


def commit_day(
    lake: Lake, table: str, day: date, run_id: str, notes: Mapping[str, object] | None = None
) -> Manifest:
    """Make what was appended to the day's folder the day; what it was before is removed."""
    return lake.commit(table, day, lake.adopt(table, day), run_id, notes)
