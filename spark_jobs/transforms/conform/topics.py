"""A reaction that names no topics takes those of the content it reacts to.

The content is a post, reply or quote accepted on the same day or in the 90 days before. A reply without
topics takes its parent's and hands them on, so a thread is followed to its root, by doubling steps.
"""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.transforms.conform.duplicates import LOOK_BACK_DAYS
from spark_jobs.transforms.conform.judging import ACCEPTED

IS_CONTENT = "kind IN ('post', 'reply', 'quote')"
CONTENT = ("day", "network", "activity_id", "topics")
_LACKS = (
    f"coalesce(fate = '{ACCEPTED}' AND size(row.topics) = 0 AND row.content_id IS NOT NULL"
    " AND row.kind <> 'post', false)"
)
# Enough for a thread of 65,536 replies. A ring of replies has no root: it ends here and stays without topics.
_DOUBLINGS = 16
_LOOK_BACK = timedelta(days=LOOK_BACK_DAYS)
_ORIGINS = pa.schema(
    [
        ("on_network", pa.string()), ("on_id", pa.string()), ("on_day", pa.date32()),
        ("origin_id", pa.string()), ("origin_day", pa.date32()),
    ]
)  # fmt: skip


def inherit(fated: DataFrame, stored: DataFrame | None, *, few: bool) -> DataFrame:
    """`fated` (activities, columns `judging.FATED`) with the topics of accepted rows filled in.

    `stored` (`CONTENT`): content accepted before the range, its own inheritance done. `few`: the rows fit
    into one machine's memory.
    """
    lacking = fated.where(_LACKS)
    mute = lacking.where(f"row.{IS_CONTENT}").selectExpr(
        "row.network AS on_network", "row.activity_id AS on_id", "day AS on_day", "row.content_id AS parent"
    )
    origins = F.broadcast(_origins_at_hand(mute)) if few else _origins(mute)
    same = f"row.network = on_network AND row.content_id = on_id AND {_seen('day', 'on_day')}"
    asking = lacking.join(origins, F.expr(same), "left").selectExpr(
        *fated.columns,
        "coalesce(origin_id, row.content_id) AS asked_id",
        "coalesce(origin_day, day) AS asked_day",
    )
    content = fated.where(f"fate = '{ACCEPTED}' AND row.{IS_CONTENT} AND size(row.topics) > 0")
    content = content.selectExpr("day", "row.network", "row.activity_id", "row.topics")
    if stored is not None:
        ids = asking.selectExpr("row.network AS on_network", "asked_id AS on_id")
        asked = F.expr("network = on_network AND activity_id = on_id")
        with_topics = stored.where("size(topics) > 0").select(*CONTENT)
        content = content.unionByName(
            with_topics.join(F.broadcast(ids) if few else ids.distinct(), asked, "left_semi")
        )
    answers = content.selectExpr(
        "network AS on_network", "activity_id AS on_id", "day AS on_day", "topics AS inherited"
    )
    same = f"row.network = on_network AND asked_id = on_id AND {_seen('asked_day', 'on_day')}"
    topics = F.expr("coalesce(inherited, row.topics)")
    filled = asking.join(F.broadcast(answers) if few else answers, F.expr(same), "left")
    filled = filled.withColumn("row", F.col("row").withField("topics", topics))
    return fated.where(f"NOT {_LACKS}").unionByName(filled.select(*fated.columns))


def _origins_at_hand(mute: DataFrame) -> DataFrame:
    """`_origins` of a few rows, found in this process: each doubling in Spark is a job of its own."""
    rows = mute.toArrow().to_pylist()
    by_id = {(row["on_network"], row["on_id"]): row for row in rows}
    origins = []
    for row in rows:
        root, passed = row, set()
        while root["on_id"] not in passed:
            passed.add(root["on_id"])
            parent = by_id.get((root["on_network"], root["parent"]))
            if parent is None or not timedelta(0) <= root["on_day"] - parent["on_day"] <= _LOOK_BACK:
                break
            root = parent
        origins.append({**row, "origin_id": root["parent"], "origin_day": root["on_day"]})
    return mute.sparkSession.createDataFrame(pa.Table.from_pylist(origins, schema=_ORIGINS))


def _origins(mute: DataFrame) -> DataFrame:
    """What the root of each reply's or quote's thread reacts to, and when.

    `mute`: replies and quotes of the range without topics, `on_network`, `on_id`, `on_day` and `parent`.
    The result: the first three, `origin_id` and `origin_day`.
    """
    parents = mute.selectExpr("on_network AS network", "on_id AS id", "on_day AS day")
    mute_parent = F.expr(f"on_network = network AND parent = id AND {_seen('on_day', 'day')}")
    steps = mute.join(parents, mute_parent, "left").selectExpr(
        "on_network", "on_id", "on_day", "parent", "coalesce(id, on_id) AS next", "id <> on_id AS climbs"
    )
    for _ in range(_DOUBLINGS):
        # Each round is computed once and its past forgotten, or the plan would double as well.
        steps = steps.localCheckpoint()
        if steps.where("climbs").isEmpty():
            break
        ahead = steps.selectExpr("on_network AS network", "on_id AS id", "next AS further")
        doubled = steps.join(ahead, F.expr("on_network = network AND next = id"))
        steps = doubled.selectExpr(
            "on_network", "on_id", "on_day", "parent", "further AS next", "further <> next AS climbs"
        )
    roots = steps.selectExpr(
        "on_network AS network", "on_id AS id", "parent AS origin_id", "on_day AS origin_day"
    )
    return steps.join(roots, F.expr("on_network = network AND next = id")).select(*_ORIGINS.names)


def _seen(day: str, content_day: str) -> str:
    return f"datediff({day}, {content_day}) BETWEEN 0 AND {LOOK_BACK_DAYS}"
