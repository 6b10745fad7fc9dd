"""What conform reads from the lake's tables and writes into them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from spark_jobs.contracts import contract
from spark_jobs.erasure import ERASE, OPT_IN, mark, subject
from spark_jobs.jobs.conform_files import ANSWERS, RawFile, Unreadable
from spark_jobs.lake import Lake, LakeError, Manifest
from spark_jobs.schemas import lake_schema
from spark_jobs.transforms.conform import follows
from spark_jobs.transforms.conform.counting import TableCount, Tally
from spark_jobs.transforms.conform.judging import QUARANTINED
from spark_jobs.transforms.conform.rules import UNREADABLE_FILE
from spark_jobs.transforms.conform.suppression import Request

_THREADS = 8  # commits wait for the disk, not for the processor
_LONG_AGO = date(1970, 1, 1)
_COUNT_SCHEMA = pa.schema(
    [("source", pa.string()), ("table_name", pa.string())]
    + [(name, pa.int64()) for name in ("received", "accepted", "quarantined", "duplicates", "suppressed")]
    + [("unknown_columns", pa.list_(pa.string()))]
)
QUARANTINE_SCHEMA = pa.schema(
    [
        (f.name, {"bigint": pa.int64(), "date": pa.date32()}.get(f.type, pa.string()))
        for f in contract("quarantine").fields
    ]
)


def manifests_before(lake: Lake, table: str, first: date, days: int) -> list[Manifest]:
    """The manifests of a table's days with rows, of the `days` days before `first`."""
    before = [first - timedelta(days=back) for back in range(days, 0, -1)]
    return [manifest for manifest in lake.manifests(table, before).values() if manifest.rows]


def history(
    session: SparkSession, lake: Lake, columns: Sequence[str], manifests: Sequence[Manifest]
) -> DataFrame | None:
    """`columns` and `day` of a table's rows on the days of these manifests; None where there are no rows."""
    uris = [
        lake.uri(f"{lake.day_path(manifest.table, manifest.day)}/{file.name}")
        for manifest in manifests
        for file in manifest.files
        if file.rows
    ]
    if not uris:
        return None
    table = manifests[0].table
    held = lake_schema(table)
    schema = ", ".join([*(f"{name} {held[name].dataType.simpleString()}" for name in columns), "day DATE"])
    reader = session.read.options(basePath=lake.uri(lake.table_path(table)), __globPaths__="false")
    return reader.schema(schema).parquet(*uris)


def last_seen_at_hand(
    session: SparkSession, lake: Lake, key: Sequence[str], manifests: Sequence[Manifest]
) -> DataFrame:
    """`duplicates.last_seen` of a short history, read in this process: many small files are quick here."""

    with ThreadPoolExecutor(_THREADS) as pool:
        days = pool.map(lambda manifest: _read(lake, manifest, key), manifests)
        rows = pa.concat_tables(days, promote_options="permissive")
    last = rows.group_by(list(key)).aggregate([("day", "max")])
    return session.createDataFrame(last.rename_columns([*key, "last_day"]))


def past_follows(session: SparkSession, lake: Lake, first: date) -> DataFrame | None:
    """The follows that stand before `first`, as events: the last whole state, and what came after it."""
    state, since = _follow_days(lake, first)
    found = history(session, lake, follows.STATE, state)
    events = history(session, lake, [name for name in follows.EVENT if name != "day"], since)
    if events is not None:
        events = events.where(follows.IS_FOLLOW).select(*follows.EVENT)
    if found is None:
        return events
    past = follows.as_events(found)
    return past if events is None else past.unionByName(events)


def past_follows_at_hand(lake: Lake, first: date) -> pa.Table | None:
    """`past_follows`, read in this process."""
    state, since = _follow_days(lake, first)
    found = []
    for manifest in state:
        rows = _read(lake, manifest, follows.STATE).rename_columns([*follows.PAIR, "occurred_at", "day"])
        rows = rows.append_column("kind", pa.repeat(follows.FOLLOW, rows.num_rows))
        found.append(rows.append_column("activity_id", pa.repeat("", rows.num_rows)))
    kinds = pa.array([follows.FOLLOW, follows.UNFOLLOW])
    for manifest in since:
        rows = _read(lake, manifest, [name for name in follows.EVENT if name != "day"])
        is_follow = pc.is_in(rows["kind"], value_set=kinds)
        found.append(rows.filter(pc.and_(is_follow, pc.is_valid(rows["target_account_id"]))))
    if not found:
        return None
    return pa.concat_tables(
        [rows.select(list(follows.EVENT)) for rows in found], promote_options="permissive"
    )


def _follow_days(lake: Lake, first: date) -> tuple[list[Manifest], list[Manifest]]:
    """The last day before `first` that has follow_state whole, and the days of activities after it."""
    whole = [day for day in lake.days("follow_state") if day < first and follows.is_snapshot_day(day)]
    since = [day for day in lake.days("activities") if day < first and (not whole or day > whole[-1])]
    state = lake.manifests("follow_state", whole[-1:]).values()
    return [m for m in state if m.rows], [m for m in lake.manifests("activities", since).values() if m.rows]


def _read(lake: Lake, manifest: Manifest, columns: Sequence[str]) -> pa.Table:
    """`columns` and `day` of a day's rows."""
    rows = lake.read_arrow(manifest.table, manifest.day, columns)
    if rows is None:
        raise LakeError(f"{manifest.table} on {manifest.day} is gone while it is read.")
    return rows.append_column("day", pa.repeat(pa.scalar(manifest.day, pa.date32()), rows.num_rows))


def privacy_requests(lake: Lake, until: date, salt: str) -> list[Request]:
    """The requests delivered up to a day, by the marks of those whom they name.

    With them, what follows from an erasure: whatever else was the person's is erased as well (`erased_mark`),
    and comes back with the opt-in of the account or contact that it belonged to.
    """
    found = []
    for day, manifest in lake.manifests("privacy_requests").items():
        if day > until or not manifest.rows:
            continue
        rows = lake.read_arrow("privacy_requests", day)
        for row in rows.to_pylist() if rows is not None else []:
            for scope, identifier in (("network", "account_id"), ("crm", "contact_id")):
                if row[scope] is not None and row[identifier] is not None:
                    name = mark(salt, subject(row[scope], row[identifier]))
                    found.append(Request(name, row["request"], row["requested_at"], day))
    return found + _erased_with(lake, until, found)


def _erased_with(lake: Lake, until: date, requests: Sequence[Request]) -> list[Request]:
    known = lake.days("erased_mark")
    marks = lake.read_arrow("erased_mark", known[-1]) if known else None
    opt_ins: dict[str, list[Request]] = {}
    for request in requests:
        if request.request == OPT_IN:
            opt_ins.setdefault(request.subject, []).append(request)
    found = []
    for row in marks.to_pylist() if marks is not None else []:
        # What was deleted once does not come back with a day that is made again, were it before the request.
        since = row["erased_from"] if row["cleaned_at"] is None else _LONG_AGO
        if since > until:
            continue
        found.append(Request(row["mark"], ERASE, row["requested_at"], since))
        if row["owner"] != row["mark"]:
            found += [replace(request, subject=row["mark"]) for request in opt_ins.get(row["owner"], ())]
    return found


def write_days(rows: DataFrame, lake: Lake, table: str, order: Sequence[str]) -> None:
    """Append `rows` (with `day`) to the folders of their days: one file a day, several where a day is large.

    Files count only once they are committed, so Spark's faster committer will do, which moves each when its
    task is done; it also never takes up what a killed run had under way.
    """
    parts = rows.hint("rebalance", "day").sortWithinPartitions("day", *order)
    parts.write.partitionBy("day").mode("append").options(
        **{
            "mapreduce.fileoutputcommitter.algorithm.version": "2",
            "mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
        }
    ).parquet(lake.uri(lake.table_path(table)))


def commit_days(
    lake: Lake,
    table: str,
    days: Iterable[date],
    run_id: str,
    notes: Mapping[date, Mapping[str, object]] | None = None,
) -> dict[date, int]:
    """Make what was written the table's days; rows by day."""

    def commit(day: date) -> tuple[date, int]:
        of_day = (notes or {}).get(day)
        return day, lake.commit(table, day, lake.adopt(table, day), run_id, of_day).rows

    with ThreadPoolExecutor(_THREADS) as pool:
        return dict(pool.map(commit, days))


def put_days(lake: Lake, table: str, rows: Iterable[tuple[date, pa.Table]]) -> None:
    """Write the rows of each day into one file; they count once they are committed."""
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda of_day: lake.put_parquet(table, *of_day), rows))


def unreadable_rows(files: Iterable[Unreadable]) -> pa.Table:
    """One row of quarantine (and `day`) a file that could not be read."""
    rows = [
        {
            "day": unreadable.file.day,
            "source": unreadable.file.source,
            "table_name": unreadable.file.table,
            "file": unreadable.file.name,
            "reason": UNREADABLE_FILE,
            "detail": f"{unreadable.detail}; {unreadable.file.bytes} bytes,"
            f" SHA-256 {unreadable.file.sha256 or 'not known'}",
            "raw_bytes": unreadable.file.bytes,
            "raw_sha256": unreadable.file.sha256,
        }
        for unreadable in files
    ]
    return pa.Table.from_pylist(rows, schema=QUARANTINE_SCHEMA)


def refused_rows(lake: Lake, files: Iterable[RawFile]) -> pa.Table:
    """One row of quarantine (and `day`) a thing in a web API's answers that a mapping refused."""
    rows = []
    for file in files:
        with lake.open(file.path) as handle:
            refused = pq.read_table(handle, columns=["reason", "detail", "answer"]).to_pylist()
        for number, row in enumerate(refused, start=1):
            rows.append(
                {
                    "day": file.day,
                    "source": file.source,
                    "table_name": ANSWERS,
                    "file": file.name,
                    "row_number": number,
                    "reason": row["reason"],
                    "detail": f"{row['detail']} (answer {row['answer']})",
                }
            )
    return pa.Table.from_pylist(rows, schema=QUARANTINE_SCHEMA)


def refusals(rows: pa.Table) -> list[Tally]:
    """How many of `refused_rows` a day, source and reason."""
    counted = Counter(zip(*(rows[name].to_pylist() for name in ("day", "source", "reason")), strict=True))
    return [Tally(day, source, QUARANTINED, reason, n, 0) for (day, source, reason), n in counted.items()]


def write_counts(lake: Lake, days: Iterable[date], counts: Iterable[TableCount], run_id: str) -> None:
    """Write conform_count, the last of a day's tables: a day that has it is wholly conformed."""
    by_day: dict[date, list[dict[str, object]]] = {day: [] for day in days}
    for each in counts:
        row = {name: getattr(each, name) for name in _COUNT_SCHEMA.names if name != "table_name"}
        by_day[each.day].append(row | {"table_name": each.table})

    def write(day: date) -> None:
        lake.write_arrow(
            "conform_count", day, pa.Table.from_pylist(by_day[day], schema=_COUNT_SCHEMA), run_id
        )

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(write, by_day))
