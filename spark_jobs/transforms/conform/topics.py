"""A reaction that names no topics takes those of the content it reacts to.

The content is a post, reply or quote accepted on the same day or in the 90 days before. A reply without
topics takes its parent's and hands them on, so a thread is followed to its root, by doubling steps.
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.transforms.conform.duplicates import LOOK_BACK_DAYS

IS_CONTENT = "kind IN ('post', 'reply', 'quote')"
CONTENT = ("day", "network", "activity_id", "topics")
_LACKS = "size(topics) = 0 AND content_id IS NOT NULL AND kind <> 'post'"
# Enough for a thread of 65,536 replies. A ring of replies has no root: it ends here and stays without topics.
_DOUBLINGS = 16


def inherit(
    rows: DataFrame, stored: DataFrame | None, *, few: bool, settle: Callable[[DataFrame], DataFrame]
) -> DataFrame:
    """`rows` (activities of the range) with their topics filled in where they inherit some.

    `stored` (`CONTENT`): content accepted before the range, its own inheritance done. `few`: the rows fit
    into one machine's memory. `settle` computes a frame once and for all, for the steps through threads.
    """

    def shared(frame: DataFrame) -> DataFrame:
        return F.broadcast(frame) if few else frame

    lacking = rows.where(_LACKS)
    origins = shared(_origins(lacking, settle))
    answered = F.expr(f"network = on_network AND content_id = on_id AND {_seen('day', 'on_day')}")
    sought = lacking.join(origins, answered, "left").selectExpr(
        *rows.columns,
        "coalesce(origin_id, content_id) AS sought_id",
        "coalesce(origin_day, day) AS sought_day",
    )
    content = rows.where(f"{IS_CONTENT} AND size(topics) > 0").select(*CONTENT)
    if stored is not None:
        ids = shared(sought.selectExpr("network AS on_network", "sought_id AS on_id").distinct())
        asked = F.expr("network = on_network AND activity_id = on_id")
        content = content.unionByName(
            stored.where("size(topics) > 0").join(ids, asked, "left_semi").select(*CONTENT)
        )
    found = content.selectExpr(
        "network AS on_network", "activity_id AS on_id", "day AS on_day", "topics AS inherited"
    )
    answered = F.expr(f"network = on_network AND sought_id = on_id AND {_seen('sought_day', 'on_day')}")
    columns = ["coalesce(inherited, topics) AS topics" if name == "topics" else name for name in rows.columns]
    filled = sought.join(shared(found), answered, "left").selectExpr(*columns)
    return rows.where(f"NOT ({_LACKS})").unionByName(filled)


def _origins(lacking: DataFrame, settle: Callable[[DataFrame], DataFrame]) -> DataFrame:
    """For the range's replies and quotes without topics: what the root of their thread reacts to, and when.

    Columns: `on_network`, `on_id`, `on_day` (the reply or quote), `origin_id`, `origin_day`.
    """
    mute = lacking.where(IS_CONTENT).selectExpr(
        "network AS on_network", "activity_id AS on_id", "day AS on_day", "content_id AS parent"
    )
    parents = mute.selectExpr("on_network AS network", "on_id AS id", "on_day AS day")
    mute_parent = F.expr(f"on_network = network AND parent = id AND {_seen('on_day', 'day')}")
    steps = settle(
        mute.join(parents, mute_parent, "left").selectExpr(
            "on_network", "on_id", "on_day", "parent", "coalesce(id, on_id) AS next", "id <> on_id AS climbs"
        )
    )
    for _ in range(_DOUBLINGS):
        if steps.where("climbs").isEmpty():
            break
        ahead = steps.selectExpr("on_network AS network", "on_id AS id", "next AS further")
        doubled = steps.join(ahead, F.expr("on_network = network AND next = id"))
        steps = settle(
            doubled.selectExpr(
                "on_network", "on_id", "on_day", "parent", "further AS next", "further <> next AS climbs"
            )
        )
    roots = steps.selectExpr(
        "on_network AS network", "on_id AS id", "parent AS origin_id", "on_day AS origin_day"
    )
    return steps.join(roots, F.expr("on_network = network AND next = id")).select(
        "on_network", "on_id", "on_day", "origin_id", "origin_day"
    )


def _seen(day: str, content_day: str) -> str:
    return f"datediff({day}, {content_day}) BETWEEN 0 AND {LOOK_BACK_DAYS}"
