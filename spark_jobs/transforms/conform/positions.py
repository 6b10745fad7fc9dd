"""Line numbers of refused rows. Spark numbers rows by task, so a line's number is counted from its block."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

BLOCK = ("day", "source", "file", "block")


def counted_blocks(fated: DataFrame) -> DataFrame:
    """`BLOCK`, `first` and `last` position and number of `rows` of each block of text, with blank lines."""
    of_text = fated.where("block IS NOT NULL").groupBy(*BLOCK)
    return of_text.agg(
        F.min("position").alias("first"), F.max("position").alias("last"), F.count("*").alias("rows")
    )


def lines_read(counted: pa.Table) -> Counter[tuple[date, str]]:
    """Lines by day and source. Positions in a block leave no gap, so a row that was lost or doubled shows."""
    lines: Counter[tuple[date, str]] = Counter()
    for row in counted.to_pylist():
        lines[row["day"], row["source"]] += row["last"] - row["first"] + 1
    return lines


def line_starts(counted: pa.Table) -> pa.Table:
    """`BLOCK` and `offset`: what added to a row's position gives its number in the file, from 1."""
    offsets, before, file = [], 0, None
    ordered = counted.sort_by([(name, "ascending") for name in BLOCK])
    for row in ordered.to_pylist():
        here = (row["day"], row["source"], row["file"])
        before = before if here == file else 0
        file = here
        offsets.append(before - row["first"] + 1)
        before += row["rows"]
    return ordered.select(list(BLOCK)).append_column("offset", pa.array(offsets, pa.int64()))


def number_rows(refused: DataFrame, starts: DataFrame | None) -> DataFrame:
    """`refused` with `row_number` in place of `block` and `position`; `starts` as `line_starts` gives it."""
    if starts is None:
        return refused.withColumnRenamed("position", "row_number").drop("block")
    offsets = starts.selectExpr(*[f"{name} AS of_{name}" for name in BLOCK], "offset")
    same = F.expr(" AND ".join(f"{name} = of_{name}" for name in BLOCK))
    numbered = refused.join(F.broadcast(offsets), same, "left")
    kept = [name for name in refused.columns if name not in ("block", "position")]
    return numbered.selectExpr(*kept, "position + coalesce(offset, 0) AS row_number")
