"""The first row of a key wins: within the range, and against what was accepted in the 90 days before."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.contracts import Dataset

LOOK_BACK_DAYS = 90


def mark_duplicates(rows: DataFrame, dataset: Dataset, seen: DataFrame | None = None) -> DataFrame:
    """`rows` (`day`, `source`, `file` and the contract's input columns) with the boolean `duplicate`.

    Rows of a key are taken by day, source and file, and then by all their columns, so that the place of a row
    in a file and the cut of partitions decide nothing: two rows that are still equal are the same row.

    `seen`: keys accepted before the range, with the last day in `last_day` (`last_seen`). A key that was
    accepted more than 90 days before a row's day does not count any more. The range must not be longer than
    90 days: then one accepted row settles the rest of the range, and the result is that of day after day.
    """
    key = list(dataset.key)
    ties = [f.name for f in dataset.input_fields if f.name not in key]
    order = ", ".join(["day", "source", "file", *ties])
    known = rows.withColumn("known", F.lit(False)) if seen is None else _known(rows, dataset, seen)
    rank = f"row_number() OVER (PARTITION BY {', '.join(key)}, known ORDER BY {order})"
    return known.selectExpr("*", f"known OR {rank} > 1 AS duplicate").drop("known")


def last_seen(history: DataFrame, rows: DataFrame, dataset: Dataset, *, few: bool) -> DataFrame:
    """The last day on which each key of `rows` was accepted, as far as `history` (key columns, `day`) knows.

    `few`: the rows fit into one machine's memory, so that they go to the history and not both across the net.
    """
    keys = rows.select(*[F.col(name).alias(f"sought_{name}") for name in dataset.key]).distinct()
    found = history.join(
        F.broadcast(keys) if few else keys,
        _same_key(dataset, "sought_"),
        "left_semi",
    )
    return found.groupBy(*dataset.key).agg(F.max("day").alias("last_day"))


def _known(rows: DataFrame, dataset: Dataset, seen: DataFrame) -> DataFrame:
    renamed = seen.select(*[F.col(name).alias(f"seen_{name}") for name in dataset.key], "last_day")
    joined = rows.join(renamed, _same_key(dataset, "seen_"), "left")
    recent = f"coalesce(datediff(day, last_day) <= {LOOK_BACK_DAYS}, false)"
    columns: Sequence[str] = rows.columns
    return joined.selectExpr(*columns, f"{recent} AS known")


def _same_key(dataset: Dataset, prefix: str) -> Column:
    # A key column that may be null equals null; the others keep the plain form, which joins faster.
    parts = [
        f"{name} {'=' if dataset.field(name).required else '<=>'} {prefix}{name}" for name in dataset.key
    ]
    return F.expr(" AND ".join(parts))
