"""Follows by standing pair: what changes nothing is a duplicate, and what stands at the end of a day.

The state is kept whole on Mondays alone. Written every day, a million standing follows are a million rows
a day, whether anybody followed or not, and an erasure has every copy to rewrite. The days between need none:
the accepted follows and unfollows of at most six days, which the lake holds anyway, bring Monday's state to
any of them. Which days are whole depends on the calendar and on nothing else, so a range cut otherwise, or
begun again after a failure, writes the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.transforms.conform.judging import ACCEPTED, DUPLICATE

FOLLOW, UNFOLLOW = "follow", "unfollow"
IS_FOLLOW = f"kind IN ('{FOLLOW}', '{UNFOLLOW}') AND target_account_id IS NOT NULL"
IS_EVENT = (
    f"fate = '{ACCEPTED}' AND row.kind IN ('{FOLLOW}', '{UNFOLLOW}') AND row.target_account_id IS NOT NULL"
)
EVENT = ("day", "network", "actor_account_id", "target_account_id", "kind", "occurred_at", "activity_id")
STATE = ("network", "actor_account_id", "target_account_id", "since")
_PAIR = ("network", "actor_account_id", "target_account_id")
_ORDER = "day, occurred_at, activity_id"


def is_snapshot_day(day: date) -> bool:
    """Whether follow_state is written whole at the end of that day."""
    return day.weekday() == 0


def as_events(state: DataFrame) -> DataFrame:
    """Standing follows (`STATE` and `day`) as events: each began on or before that day."""
    since = [f"'{FOLLOW}' AS kind", "since AS occurred_at", "'' AS activity_id"]
    return state.selectExpr("day", *_PAIR, *since)


def accepted_events(fated: DataFrame) -> DataFrame:
    """The accepted follows and unfollows among `fated` (columns `judging.FATED`), as events."""
    return fated.where(IS_EVENT).selectExpr(*(n if n == "day" else f"row.{n}" for n in EVENT))


def of_pairs(past: DataFrame, events: DataFrame, *, few: bool) -> DataFrame:
    """Those of `past` whose pair occurs in `events`; `few`: these fit into one machine's memory."""
    pairs = events.selectExpr(*[f"{name} AS of_{name}" for name in _PAIR])
    same = F.expr(" AND ".join(f"{name} = of_{name}" for name in _PAIR))
    return past.join(F.broadcast(pairs) if few else pairs.distinct(), same, "left_semi")


def mark_standing(fated: DataFrame, past: DataFrame | None, *, one_task: bool = False) -> DataFrame:
    """Follow events (`fated`, those that are `IS_EVENT`) with the fate duplicate where they change nothing.

    That is a follow that stands, or an unfollow of what does not. An event leaves its pair in the state that
    its kind says, duplicate or not, so the state before each is the kind before it. `past` (`EVENT`): what
    was accepted before the range, at least each pair's last. `one_task`: too little to be shared out.
    """
    columns = fated.columns
    events = fated.selectExpr("*", *[f"row.{name}" for name in EVENT if name not in (*columns, "day")])
    # The column `network` belongs to refused rows, and so is free in these.
    events = events.withColumn("network", F.col("row.network")).withColumn("past", F.lit(False))
    if past is not None:
        events = events.unionByName(past.withColumn("past", F.lit(True)), allowMissingColumns=True)
        events = events.coalesce(1) if one_task else events
    before = f"lag(kind) OVER (PARTITION BY {', '.join(_PAIR)} ORDER BY {_ORDER})"
    marked = events.selectExpr("*", f"kind = coalesce({before}, '{UNFOLLOW}') AS again").where("NOT past")
    changed = {
        "fate": f"IF(again, '{DUPLICATE}', fate)",
        "row": "IF(again, NULL, row)",
        "network": "CAST(NULL AS STRING)",
    }
    return marked.selectExpr(*[f"{changed[n]} AS {n}" if n in changed else n for n in columns])


def standing(accepted: DataFrame, days: Sequence[date]) -> DataFrame:
    """The follows that stand at the end of each of `days`: `STATE` and `day`.

    `accepted` (`EVENT`): all follows and unfollows that were accepted, or the state of an earlier day and
    those accepted since.
    """
    next_day = f"lead(day) OVER (PARTITION BY {', '.join(_PAIR)} ORDER BY {_ORDER})"
    follows = accepted.selectExpr("*", f"{next_day} AS ended").where(f"kind = '{FOLLOW}'")
    wanted = ", ".join(f"DATE '{day}'" for day in days)
    stood = f"filter(array({wanted}), at -> at >= day AND (ended IS NULL OR at < ended))"
    return follows.selectExpr(*_PAIR, "occurred_at AS since", f"explode({stood}) AS day")
