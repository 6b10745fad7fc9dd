"""Follows by standing pair: what changes nothing is a duplicate, and what stands at the end of a day.

Events of a pair are taken by day, and within a day by their time. One is accepted if it changes what stands
and its id was not accepted before; so a follow that is delivered again after its unfollow is no new follow.
What was not accepted leaves no trace, in the lake or here: therefore a range ends the same however it is cut.
That takes one event after the other, as SQL's windows do not, and so is plain Python over Arrow batches.

The state is kept whole on Mondays alone. Written every day, a million standing follows are a million rows
a day, whether anybody followed or not, and an erasure has every copy to rewrite. The days between need none:
the accepted follows and unfollows of at most six days, which the lake holds anyway, bring Monday's state to
any of them. Which days are whole depends on the calendar and on nothing else, so a range cut otherwise, or
begun again after a failure, writes the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import BooleanType, StructType

from spark_jobs.erasure import mark_sql, subject
from spark_jobs.transforms.conform.judging import ACCEPTED, DUPLICATE

FOLLOW, UNFOLLOW = "follow", "unfollow"
EVENT = ("day", "network", "actor_account_id", "target_account_id", "kind", "occurred_at", "activity_id")
STATE = ("network", "actor_account_id", "target_account_id", "since")
PAIR = ("network", "actor_account_id", "target_account_id")
IS_FOLLOW = f"kind IN ('{FOLLOW}', '{UNFOLLOW}') AND target_account_id IS NOT NULL"
_IS_EVENT = f"row.kind IN ('{FOLLOW}', '{UNFOLLOW}') AND row.target_account_id IS NOT NULL"
IS_EVENT = f"coalesce(fate = '{ACCEPTED}' AND {_IS_EVENT}, false)"
# Rows of one key that are the same event: it is for this module to say which of them is accepted.
SAME_EVENT = f"IF({_IS_EVENT}, struct(row.kind, row.actor_account_id, row.target_account_id), NULL)"
_ORDER = ("day", "occurred_at", "activity_id")


@dataclass(frozen=True)
class ErasedFrom:
    """The days from which accounts are erased, by the name that `named` gives a `subject`: its mark."""

    days: Mapping[str, Sequence[date]] = field(default_factory=dict)
    named: Callable[[str], str] = str

    def of(self, network: str, account: str) -> Sequence[date]:
        """The days from which an account is erased; none for nearly all."""
        return self.days.get(self.named(subject(network, account)), ()) if self.days else ()


class Standing:
    """Says of one event after the other, in the order of pair, day, time and id, whether it is accepted.

    `erased_from`: the days from which accounts are erased. What stood before is then forgotten, and whoever
    comes back begins anew.
    """

    def __init__(self, erased_from: ErasedFrom) -> None:
        self._erased_from = erased_from
        self._pair: tuple[str, str, str] | None = None
        self._day = date.min
        self._stands = False
        self._taken: set[str] = set()

    def accepts(self, day: date, pair: tuple[str, str, str], kind: str, activity_id: str, past: bool) -> bool:
        """`past`: the event was accepted before the range."""
        if pair != self._pair:
            self._pair, self._day, self._stands, self._taken = pair, day, False, set()
        if self._erased_from.days and any(self._day < since <= day for since in self._erasures(pair)):
            self._stands = False
        self._day = day
        follows = kind == FOLLOW
        accepted = past or (follows != self._stands and activity_id not in self._taken)
        if accepted:
            self._stands = follows
            self._taken.add(activity_id)
        return accepted

    def _erasures(self, pair: tuple[str, str, str]) -> Iterator[date]:
        network, *accounts = pair
        for account in accounts:
            yield from self._erased_from.of(network, account)


def is_snapshot_day(day: date) -> bool:
    """Whether follow_state is written whole at the end of that day."""
    return day.weekday() == 0


def as_events(state: DataFrame) -> DataFrame:
    """Standing follows (`STATE` and `day`) as events: each began on or before that day."""
    since = [f"'{FOLLOW}' AS kind", "since AS occurred_at", "'' AS activity_id"]
    return state.selectExpr("day", *PAIR, *since)


def accepted_events(fated: DataFrame) -> DataFrame:
    """The accepted follows and unfollows among `fated` (columns `judging.FATED`), as events."""
    return fated.where(IS_EVENT).selectExpr(*(n if n == "day" else f"row.{n}" for n in EVENT))


def of_pairs(past: DataFrame, events: DataFrame) -> DataFrame:
    """Those of `past` whose pair occurs in `events`."""
    pairs = events.selectExpr(*[f"{name} AS of_{name}" for name in PAIR]).distinct()
    return past.join(pairs, F.expr(" AND ".join(f"{name} = of_{name}" for name in PAIR)), "left_semi")


def mark_standing(fated: DataFrame, past: DataFrame | None, erased_from: ErasedFrom) -> DataFrame:
    """Follow events (`fated`, those that are `IS_EVENT`) with the fate duplicate where they are not accepted.

    `past` (`EVENT`): what was accepted before the range, of these pairs at least. `erased_from`: `Standing`.
    """
    columns = fated.columns
    events = fated.selectExpr("*", "false AS past", *[f"row.{n} AS of_{n}" for n in EVENT if n != "day"])
    if past is not None:
        before = past.selectExpr("day", "true AS past", *[f"{n} AS of_{n}" for n in EVENT if n != "day"])
        events = events.unionByName(before, allowMissingColumns=True)
    pair = [f"of_{name}" for name in PAIR]
    order = [*pair, "day", "of_occurred_at", "of_activity_id", "source", "file", "row"]
    events = events.repartition(*pair).sortWithinPartitions(*order)
    schema = StructType([*events.schema.fields]).add("again", BooleanType())
    marked = events.mapInArrow(partial(_mark, erased_from), schema).where("NOT past")
    changed = {"fate": f"IF(again, '{DUPLICATE}', fate)", "row": "IF(again, NULL, row)"}
    return marked.selectExpr(*[f"{changed[n]} AS {n}" if n in changed else n for n in columns])


def _mark(erased_from: ErasedFrom, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    standing = Standing(erased_from)
    for batch in batches:
        days, past = batch.column("day").to_pylist(), batch.column("past").to_pylist()
        pairs = zip(*(batch.column(f"of_{name}").to_pylist() for name in PAIR), strict=True)
        kinds, ids = (batch.column(name).to_pylist() for name in ("of_kind", "of_activity_id"))
        events = zip(days, pairs, kinds, ids, past, strict=True)
        again = [not standing.accepts(*event) for event in events]
        yield pa.RecordBatch.from_arrays(
            [*batch.columns, pa.array(again, pa.bool_())], [*batch.schema.names, "again"]
        )


def standing(
    accepted: DataFrame, days: Sequence[date], erased: DataFrame | None = None, salt: str = ""
) -> DataFrame:
    """The follows that stand at the end of each of `days`: `STATE` and `day`.

    `accepted` (`EVENT`): all follows and unfollows that were accepted, or the state of an earlier day and
    those accepted since. What stood when one of `erased` (marks by `salt`) was erased is left out.
    """
    next_day = f"lead(day) OVER (PARTITION BY {', '.join(PAIR)} ORDER BY {', '.join(_ORDER)})"
    follows = accepted.selectExpr("*", f"{next_day} AS ended").where(f"kind = '{FOLLOW}'")
    wanted = ", ".join(f"DATE '{day}'" for day in days)
    stood = f"filter(array({wanted}), at -> at >= day AND (ended IS NULL OR at < ended))"
    state = follows.selectExpr(*PAIR, "occurred_at AS since", "day AS begun", f"explode({stood}) AS day")
    if erased is not None:
        for account in PAIR[1:]:
            name = mark_sql(salt, rf"concat(network, '\u001F', {account})")
            forgotten = f"{name} = subject AND first_day > begun AND first_day <= day"
            state = state.join(F.broadcast(erased), F.expr(forgotten), "left_anti")
    return state.select(*STATE, "day")
