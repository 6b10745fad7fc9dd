"""The last steps of a table that fits into one machine's memory, on Arrow.

They are the same as those that Spark takes over a large table, and only quicker: a plan, a codegen and a
commit of files cost Spark far more than some thousand rows do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.transforms.conform import follows
from spark_jobs.transforms.conform.counting import Tally
from spark_jobs.transforms.conform.judging import ACCEPTED, DUPLICATE, QUARANTINED, REFUSAL
from spark_jobs.transforms.conform.positions import BLOCK, line_starts

LAKE = "lake_"
_PAST = -1
_EVENT_ORDER = (*follows.PAIR, "day", "occurred_at", "activity_id")
_GROUPS = ("day", "source", "fate", "reason")


def tallies(fated: pa.Table) -> list[Tally]:
    """Rows by fate, as `counting.tally` counts them."""
    names = pc.fill_null(pc.list_value_length(fated["unknown"]), 0)
    grouped = fated.select(list(_GROUPS)).append_column("names", names).group_by(list(_GROUPS))
    counted = grouped.aggregate([([], "count_all"), ("names", "max")])
    return [
        Tally(**{name: row[name] for name in _GROUPS}, rows=row["count_all"], unknown=row["names_max"])
        for row in counted.to_pylist()
    ]


def counted_blocks(fated: pa.Table) -> pa.Table:
    """The blocks of text, as `positions.counted_blocks` counts them."""
    lines = fated.filter(pc.is_valid(fated["block"])).select([*BLOCK, "position"]).group_by(list(BLOCK))
    counted = lines.aggregate([("position", "min"), ("position", "max"), ([], "count_all")])
    return counted.rename_columns([*BLOCK, "first", "last", "rows"])


def unknown_names(fated: pa.Table) -> dict[tuple[date, str], set[str]]:
    """Column names that the contract does not know, by day and source."""
    found: dict[tuple[date, str], set[str]] = defaultdict(set)
    named = fated.filter(pc.is_valid(fated["unknown"])).select(["day", "source", "unknown"])
    for row in named.to_pylist():
        found[row["day"], row["source"]].update(row["unknown"])
    return found


def refused(fated: pa.Table, blocks: pa.Table) -> pa.Table:
    """The refused rows: `day`, `source`, `file`, `row_number` and `judging.REFUSAL`."""
    starts = line_starts(blocks)
    rows = fated.filter(pc.equal(fated["fate"], QUARANTINED)).select([*BLOCK, "position", *REFUSAL])
    # Arrow's join takes nulls for different, and so leaves the rows of Parquet files alone.
    joined = rows.join(starts, list(BLOCK), join_type="left outer")
    number = pc.add(joined["position"], pc.fill_null(joined["offset"], 0))
    return joined.append_column("row_number", number).select(
        ["day", "source", "file", "row_number", *REFUSAL]
    )


def mark_standing(fated: pa.Table, past: pa.Table | None, erased_from: follows.ErasedFrom) -> pa.Table:
    """`fated` activities with the fate duplicate for follow events that are not accepted.

    As `follows.mark_standing`, with the same `past` and `erased_from`.
    """
    places = np.flatnonzero(_is_event(fated).to_numpy(zero_copy_only=False))
    rows = fated.take(pa.array(places))
    events = accepted_events(rows)
    ties = rows.select(["source", "file", f"{LAKE}content_id", f"{LAKE}topics"]).to_pylist()
    taken = [
        (event, repr(tie), place)
        for event, tie, place in zip(events.to_pylist(), ties, places.tolist(), strict=True)
    ]
    if past is not None:
        pairs = events.select(list(follows.PAIR)).group_by(list(follows.PAIR)).aggregate([])
        known = past.join(pairs, list(follows.PAIR), join_type="left semi")
        taken += [(event, "", _PAST) for event in known.to_pylist()]
    standing, again = follows.Standing(erased_from), []
    for event, _, place in sorted(taken, key=lambda t: (*(t[0][name] for name in _EVENT_ORDER), t[1])):
        network, actor, target = (event[name] for name in follows.PAIR)
        of_event = (event["day"], (network, actor, target), event["kind"], event["activity_id"])
        if not standing.accepts(*of_event, past=place == _PAST):
            again.append(place)
    fates = np.array(fated["fate"].to_pylist(), dtype=object)
    fates[again] = DUPLICATE
    return fated.set_column(fated.schema.get_field_index("fate"), "fate", pa.array(fates, pa.string()))


def accepted_events(fated: pa.Table) -> pa.Table:
    """The accepted follows and unfollows among `fated` activities, as `follows.EVENT`."""
    columns = ["day", *(f"{LAKE}{name}" for name in follows.EVENT if name != "day")]
    return fated.filter(_is_event(fated)).select(columns).rename_columns(list(follows.EVENT))


def _is_event(fated: pa.Table) -> pa.ChunkedArray:
    kinds = pa.array([follows.FOLLOW, follows.UNFOLLOW])
    is_follow = pc.is_in(fated[f"{LAKE}kind"], value_set=kinds)
    accepted = pc.equal(fated["fate"], ACCEPTED)
    return pc.and_(pc.and_(accepted, is_follow), pc.is_valid(fated[f"{LAKE}target_account_id"]))


def accepted_days(fated: pa.Table, order: list[str]) -> Iterator[tuple[date, pa.Table]]:
    """The accepted rows of each day, without it, ordered; their columns in `fated` begin with `LAKE`."""
    rows = fated.filter(pc.equal(fated["fate"], ACCEPTED))
    columns = [name for name in rows.column_names if name.startswith(LAKE)]
    named = rows.select(columns).rename_columns([name.removeprefix(LAKE) for name in columns])
    yield from by_day(named.append_column("day", rows["day"]), order)


def by_day(rows: pa.Table, order: list[str]) -> Iterator[tuple[date, pa.Table]]:
    """The rows of each value of `day`, without that column, ordered."""
    ordered = rows.sort_by([(name, "ascending") for name in ["day", *order]])
    days = ordered["day"].combine_chunks()
    encoded = pc.run_end_encode(days)
    begin = 0
    for day, end in zip(encoded.values.to_pylist(), encoded.run_ends.to_pylist(), strict=True):
        yield day, ordered.slice(begin, end - begin).drop_columns(["day"])
        begin = end
