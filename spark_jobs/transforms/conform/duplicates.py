"""The first row of a key wins: within the range, and against what was accepted in the 90 days before."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.contracts import Dataset
from spark_jobs.transforms.conform.judging import ACCEPTED, DUPLICATE

LOOK_BACK_DAYS = 90


def mark_duplicates(
    judged: DataFrame, dataset: Dataset, seen: DataFrame | None = None, same_event: str = "NULL"
) -> DataFrame:
    """`judged` (columns `judging.FATED`), of each key all accepted rows but the first now duplicates.

    Rows of a key are taken by day, source and file, and then by all their columns, so that the place of a row
    in a file and the cut of partitions decide nothing: two rows that are still equal are the same row.

    `seen`: keys accepted before the range, with the last day in `last_day`. A key that was accepted more than
    90 days before a row's day does not count any more. The range must not be longer than 90 days: then one
    accepted row settles the rest of the range, and the result is that of day after day.

    `same_event`: SQL of what makes repetitions of a key one event. Where it is not null and that of the key's
    first row, a repetition stays accepted, for a later step to decide.
    """
    columns = judged.columns
    known = judged.withColumn("known", F.lit(False)) if seen is None else _known(judged, dataset, seen)
    key = ", ".join(f"row.{name}" for name in dataset.key)
    # Rows that are out of the race have no key; apart from one another, they crowd no partition.
    alone = f"IF(fate = '{ACCEPTED}', NULL, struct(file, position))"
    order = f"OVER (PARTITION BY {key}, known, {alone} ORDER BY day, source, file, row)"
    first = (
        ""
        if same_event == "NULL"
        else f" AND NOT coalesce({same_event} = first_value({same_event}) {order}, false)"
    )
    ranked = known.selectExpr("*", f"known OR row_number() {order} > 1{first} AS repeats")
    again = f"fate = '{ACCEPTED}' AND repeats"
    changed = {"fate": f"IF({again}, '{DUPLICATE}', fate)", "row": f"IF({again}, NULL, row)"}
    return ranked.selectExpr(*[f"{changed[n]} AS {n}" if n in changed else n for n in columns])


def last_seen(history: DataFrame, dataset: Dataset) -> DataFrame:
    """The last day on which each key was accepted. `history`: key columns and `day`."""
    return history.groupBy(*dataset.key).agg(F.max("day").alias("last_day"))


def sought(history: DataFrame, judged: DataFrame, dataset: Dataset, *, few: bool) -> DataFrame:
    """Those rows of `history` whose key occurs in `judged`.

    `few`: the keys fit into one machine's memory, so that they go to the history and not both across the net.
    """
    keys = judged.where(f"fate = '{ACCEPTED}'").selectExpr(
        *[f"row.{name} AS sought_{name}" for name in dataset.key]
    )
    same = _same_key(dataset, "", "sought_")
    return history.join(F.broadcast(keys) if few else keys.distinct(), same, "left_semi")


def _known(judged: DataFrame, dataset: Dataset, seen: DataFrame) -> DataFrame:
    renamed = seen.select(*[F.col(name).alias(f"seen_{name}") for name in dataset.key], "last_day")
    joined = judged.join(renamed, _same_key(dataset, "row.", "seen_"), "left")
    recent = f"coalesce(datediff(day, last_day) <= {LOOK_BACK_DAYS}, false)"
    return joined.selectExpr(*judged.columns, f"{recent} AS known")


def _same_key(dataset: Dataset, left: str, right: str) -> Column:
    # A key column that may be null equals null; the others keep the plain form, which joins faster.
    parts = [
        f"{left}{name} {'=' if dataset.field(name).required else '<=>'} {right}{name}" for name in dataset.key
    ]
    return F.expr(" AND ".join(parts))
