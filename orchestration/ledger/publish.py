"""Scored days enter the ledger: keys, leaves, the rows, and last the digest that makes them published."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.ledger.book import Book, Digest, file_revision, read_keys
from orchestration.ledger.form import KEY_BYTES, LedgerError, canonical_rows, leaf_of, salt_of
from spark_jobs.arrow_schemas import arrow_schema
from spark_jobs.lake import Lake, LakeFile, Manifest

# daily_score comes last: who sees its rows finds their parts beside them.
SCORE_TABLES = ("score_part", "score_change", "score_reactor", "topic_score", "daily_score")

_LEDGER_TABLES = ("person_key", "ledger_leaf", *SCORE_TABLES, "ledger_digest")
_BATCH_ROWS = 1 << 16
_FILE_ROWS = 1 << 20


@dataclass(frozen=True, slots=True)
class PublishedDay:
    """A day that this call published; `rows` counts people."""

    day: date
    revision: int
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class HeldDay:
    """A day that was not published, and why."""

    day: date
    why: str


@dataclass(frozen=True, slots=True)
class PublishReport:
    """What became of the days asked for; each is in exactly one of the three."""

    published: tuple[PublishedDay, ...]
    already: tuple[date, ...]
    held: tuple[HeldDay, ...]


def publish_days(
    lake: Lake,
    days: Collection[date],
    run_id: str,
    gate: Collection[date],
    reason: str | None = None,
    on_day: Callable[[PublishedDay], None] | None = None,
) -> PublishReport:
    """Publish scored days in order, up to the first that may not be.

    `gate` holds the days whose checks passed. A day is held where it is not in the gate, was not scored, or
    its yesterday is not published and it is not the declared first day; then so are all after it. A day
    already published is left alone, unless `reason` is given and the day was scored again: it gets its next
    revision. The caller restates every later day too.

    A killed call leaves files that no digest covers; calling again replaces them, with the same leaves.
    Raises LedgerError where the chain is broken or the scored rows cannot be published as they are.
    """
    book = Book.read(lake)
    book.require_whole()
    keys: dict[str, bytes] | None = None
    published: list[PublishedDay] = []
    already: list[date] = []
    held: list[HeldDay] = []
    for day in sorted(set(days)):
        if _is_done(lake, book, day, reason):
            already.append(day)
            continue
        obstacle = f"{held[0].day} is held back" if held else _obstacle(lake, book, day, gate)
        if obstacle:
            held.append(HeldDay(day, obstacle))
            continue
        keys = read_keys(lake) if keys is None else keys
        done = _publish(lake, day, run_id, book, keys, reason)
        published.append(done)
        if on_day:
            on_day(done)
    return PublishReport(tuple(published), tuple(already), tuple(held))


def _is_done(lake: Lake, book: Book, day: date, reason: str | None) -> bool:
    """Whether the day is published and nothing newer waits for it; clears what a killed call left waiting."""
    if not book.revision(day):
        return False
    scored = lake.pending.manifest("daily_score", day)
    if scored is None:
        return True
    digest = lake.manifest("ledger_digest", day)
    if digest and digest.notes.get("scored") == _identity(scored):
        _drop_pending(lake, day)
        return True
    return reason is None


def _obstacle(lake: Lake, book: Book, day: date, gate: Collection[date]) -> str | None:
    if day not in gate:
        return "its checks did not pass"
    if day != lake.first_day() and not book.revision(day - timedelta(days=1)):
        return "the day before is not published, and this is not the declared first day"
    if not all(lake.pending.exists(table, day) for table in SCORE_TABLES):
        return "it was not scored"
    return None


def _publish(
    lake: Lake, day: date, run_id: str, book: Book, keys: dict[str, bytes], reason: str | None
) -> PublishedDay:
    """Write one day. What a reader may find half done is always without its digest, which is written last."""
    scored = lake.pending.manifest("daily_score", day)
    if scored is None:
        raise LedgerError(f"{day} was not scored.")
    for table in _LEDGER_TABLES:
        lake.discard_uncommitted(table, [day])
    before = book.revision(day)
    revision, published_at = before + 1, datetime.now(UTC)
    reason = reason if before else None
    added = {"revision": revision, "reason": reason, "published_at": published_at}

    _write_new_keys(lake, day, run_id, keys)
    leaves, model_version = _leaves(lake, day, keys, added)
    _write_leaves(lake, day, run_id, before, revision, leaves)
    for table in SCORE_TABLES:
        files = _standing(lake, table, day, before)
        for rows in _pieces(_scored_tables(lake, table, day, added)):
            files.append(_put(lake, table, day, rows, revision))
        lake.commit(table, day, files, run_id)

    head = book.head
    entry = Digest(
        day=day,
        sequence=head.sequence + 1 if head else 1,
        revision=revision,
        rows=len(leaves),
        digest="",
        previous_digest=head.digest if head else None,
        model_version=model_version or str(scored.notes.get("model_version", "none")),
        reason=reason,
        published_at=published_at,
    )
    entry = _with_digest(entry, leaves)
    fields = {name: getattr(entry, name) for name in arrow_schema("ledger_digest").names}
    row = pa.Table.from_pylist([fields], schema=arrow_schema("ledger_digest"))
    files = [
        *_standing(lake, "ledger_digest", day, before),
        _put(lake, "ledger_digest", day, row, revision),
    ]
    lake.commit("ledger_digest", day, files, run_id, {"scored": _identity(scored)})
    book.add(entry)
    _drop_pending(lake, day)
    return PublishedDay(day, revision, len(leaves), entry.digest)


def _write_new_keys(lake: Lake, day: date, run_id: str, keys: dict[str, bytes]) -> None:
    """Give everybody without a key one, on the disk before any leaf is made with it."""
    people: list[str] = []
    for batch in _batches(lake.pending, "daily_score", day, ["person_id"]):
        people += batch.column("person_id").to_pylist()
    if len(set(people)) != len(people):
        raise LedgerError(
            f"{day}: a person was scored twice ({len(people) - len(set(people))} rows too many)."
        )
    new = {person: secrets.token_bytes(KEY_BYTES) for person in people if person not in keys}
    standing = lake.manifest("person_key", day)
    files = list(standing.files) if standing else []
    if new:
        columns = [list(new), [key.hex() for key in new.values()]]
        files.append(
            lake.put_parquet("person_key", day, pa.table(columns, schema=arrow_schema("person_key")))
        )
    if new or standing is None:
        lake.commit("person_key", day, files, run_id)
    keys.update(new)


def _leaves(
    lake: Lake, day: date, keys: dict[str, bytes], added: dict[str, Any]
) -> tuple[list[str], str | None]:
    """The day's leaves, sorted, and the one model that made it (None where nobody is there)."""
    leaves: list[str] = []
    models: set[str] = set()
    for rows in _scored_tables(lake, "daily_score", day, added):
        models.update(rows.column("model_version").unique().to_pylist())
        for person, revision, form in canonical_rows(rows, day):
            leaves.append(leaf_of(salt_of(keys[person], day, revision), form))
    if len(models) > 1:
        raise LedgerError(f"{day} was scored by several models: {', '.join(sorted(models))}.")
    return sorted(leaves), next(iter(models), None)


def _write_leaves(lake: Lake, day: date, run_id: str, before: int, revision: int, leaves: list[str]) -> None:
    files = _standing(lake, "ledger_leaf", day, before)
    if leaves:
        columns = [pa.array([revision] * len(leaves), pa.int32()), pa.array(leaves)]
        files.append(
            _put(lake, "ledger_leaf", day, pa.table(columns, schema=arrow_schema("ledger_leaf")), revision)
        )
    lake.commit("ledger_leaf", day, files, run_id)


def _standing(lake: Lake, table: str, day: date, before: int) -> list[LakeFile]:
    """The day's files of published revisions. A killed call may have left a later one: not kept."""
    manifest = lake.manifest(table, day)
    if manifest is None or not before:
        return []
    return [file for file in manifest.files if file_revision(lake, table, day, file) <= before]


def _put(lake: Lake, table: str, day: date, rows: pa.Table, revision: int) -> LakeFile:
    file = lake.put_parquet(table, day, rows)
    return LakeFile(file.name, file.rows, file.bytes, {"revision": revision})


def _scored_tables(lake: Lake, table: str, day: date, added: dict[str, Any]) -> Iterator[pa.Table]:
    """A pending day in pieces of some 65,000 rows, in the published form.

    Raises LedgerError where a column of the contract is missing.
    """
    schema = arrow_schema(table)
    own = [name for name in schema.names if name not in added]
    for batch in _batches(lake.pending, table, day, None):
        missing = [name for name in own if name not in batch.schema.names]
        if missing:
            raise LedgerError(f"{day}: the scored {table} has no column {', '.join(missing)}.")
        columns = [
            pa.repeat(pa.scalar(added[field.name], field.type), batch.num_rows)
            if field.name in added
            else batch.column(field.name).cast(field.type)
            for field in schema
        ]
        yield pa.table(columns, schema=schema)


def _batches(lake: Lake, table: str, day: date, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
    manifest = lake.manifest(table, day)
    for file in manifest.files if manifest else ():
        with lake.open(f"{lake.day_path(table, day)}/{file.name}") as handle:
            yield from pq.ParquetFile(handle).iter_batches(_BATCH_ROWS, columns=columns)


def _pieces(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of about a million: one file each, and no more in memory at once."""
    waiting: list[pa.Table] = []
    rows = 0
    for table in tables:
        waiting.append(table)
        rows += table.num_rows
        if rows >= _FILE_ROWS:
            yield pa.concat_tables(waiting)
            waiting, rows = [], 0
    if rows:
        yield pa.concat_tables(waiting)


def _with_digest(entry: Digest, leaves: list[str]) -> Digest:
    return replace(entry, digest=entry.expected(leaves))


def _identity(scored: Manifest) -> dict[str, str]:
    """What tells one scoring of a day from another."""
    return {"run_id": scored.run_id, "written_at": scored.written_at.isoformat()}


def _drop_pending(lake: Lake, day: date) -> None:
    # daily_score last: while it is there, the next call knows that the rest may be, too.
    for table in SCORE_TABLES:
        lake.pending.drop_day(table, day)
