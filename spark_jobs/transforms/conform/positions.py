"""Line numbers of refused rows. Spark numbers rows by task, so a line's number is counted from its block."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

_FILE = "day, source, table_name, file"


def blocks(judged: DataFrame, table: str) -> DataFrame:
    """What `number_rows` needs of every row of a text file, blank lines included."""
    return judged.where("block IS NOT NULL").selectExpr(
        "day", "source", f"'{table}' AS table_name", "file", "block", "position"
    )


def number_rows(refused: DataFrame, lines: DataFrame | None) -> DataFrame:
    """`refused` with `row_number`, from 1, in place of `block` and `position`.

    `lines` (`blocks`): all rows of the text files among them; None where there are none.
    """
    if lines is None:
        return refused.withColumnRenamed("position", "row_number").drop("block")
    counted = lines.groupBy("day", "source", "table_name", "file", "block").agg(
        F.min("position").alias("first"), F.count("*").alias("rows")
    )
    before = (
        f"coalesce(sum(rows) OVER (PARTITION BY {_FILE} ORDER BY block ROWS BETWEEN "
        "UNBOUNDED PRECEDING AND 1 PRECEDING), 0)"
    )
    starts = counted.selectExpr(*_FILE.split(", "), "block", "first", f"{before} AS before")
    joined = refused.join(starts, [*_FILE.split(", "), "block"], "left")
    number = "IF(block IS NULL, position, position - first + before + 1)"
    return joined.selectExpr(
        *[name for name in refused.columns if name not in ("block", "position")], f"{number} AS row_number"
    )
