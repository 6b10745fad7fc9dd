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

FOLLOW, UNFOLLOW = "follow", "unfollow"
IS_FOLLOW = f"kind IN ('{FOLLOW}', '{UNFOLLOW}') AND target_account_id IS NOT NULL"
EVENT = ("day", "network", "actor_account_id", "target_account_id", "kind", "occurred_at", "activity_id")
STATE = ("network", "actor_account_id", "target_account_id", "since")
_PAIR = "network, actor_account_id, target_account_id"
_OF_PAIR = f"OVER (PARTITION BY {_PAIR} ORDER BY day, occurred_at, activity_id)"


def is_snapshot_day(day: date) -> bool:
    """Whether follow_state is written whole at the end of that day."""
    return day.weekday() == 0


def as_events(state: DataFrame) -> DataFrame:
    """Standing follows (`STATE` and `day`) as events: each began on or before that day."""
    return state.selectExpr(
        "day", "network", "actor_account_id", "target_account_id", f"'{FOLLOW}' AS kind",
        "since AS occurred_at", "'' AS activity_id",
    )  # fmt: skip


def of_pairs(past: DataFrame, events: DataFrame, *, few: bool) -> DataFrame:
    """Those of `past` whose pair occurs in `events`."""
    pairs = events.selectExpr("network AS n", "actor_account_id AS a", "target_account_id AS t").distinct()
    same = F.expr("network = n AND actor_account_id = a AND target_account_id = t")
    return past.join(F.broadcast(pairs) if few else pairs, same, "left_semi")


def mark_standing(events: DataFrame, past: DataFrame | None) -> DataFrame:
    """`events` (at least `EVENT`) with `duplicate`: a follow that stands, an unfollow of what does not.

    An event leaves its pair in the state that its kind says, duplicate or not, so the state before each is
    the kind before it. `past` (`EVENT`): what was accepted before the range, at least each pair's last.
    """
    both = events.withColumn("past", F.lit(False))
    if past is not None:
        both = both.unionByName(past.withColumn("past", F.lit(True)), allowMissingColumns=True)
    before = f"coalesce(lag(kind) {_OF_PAIR}, '{UNFOLLOW}')"
    marked = both.selectExpr("*", f"kind = {before} AS duplicate")
    return marked.where("NOT past").drop("past")


def standing(accepted: DataFrame, days: Sequence[date]) -> DataFrame:
    """The follows that stand at the end of each of `days`: `STATE` and `day`.

    `accepted` (`EVENT`): all follows and unfollows that were accepted, or the state of an earlier day and
    those accepted since.
    """
    ended = accepted.selectExpr("*", f"lead(day) {_OF_PAIR} AS ended").where(f"kind = '{FOLLOW}'")
    wanted = ", ".join(f"DATE '{day}'" for day in days)
    stood = f"filter(array({wanted}), at -> at >= day AND (ended IS NULL OR at < ended))"
    return ended.selectExpr(*_PAIR.split(", "), "occurred_at AS since", f"explode({stood}) AS day")
