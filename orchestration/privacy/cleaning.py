"""The lake without the rows of erased people: its tables, what waits in `pending/`, and the raw files.

A day is rewritten as the lake writes days: new files beside the old, then the manifest that names them, then
the old files go. So a reader finds the day as it was or as it is, and a run that is killed leaves days that
are either. Cleaning again finds what is left.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orchestration.privacy import PRIVACY_TABLES
from orchestration.privacy.marks import Erasures
from orchestration.privacy.raw_files import (
    ANSWERS,
    CONTACTS,
    REQUESTS,
    Cleaned,
    Task,
    clean,
    replaced_rows,
)
from orchestration.privacy.reporting import Report
from orchestration.privacy.subjects import CONTENT, columns_of, named_in, whose
from spark_jobs.contracts import contract, contracts
from spark_jobs.erasure import subject
from spark_jobs.jobs.conform_files import AREAS, REFUSED, raw_sources
from spark_jobs.lake import Lake, LakeFile, Manifest

_DELIVERIES = "deliveries"
"""Their values are activation's to forget: how a record was sent says what is left to empty in the CRM."""

_COUNTED, _QUARANTINE = "conform_count", "quarantine"


def clean_lake(lake: Lake, erasures: Erasures, report: Report, say: Callable[[str], None]) -> None:
    """Every table of the lake and of `pending/` without the erased, on every day before they came back."""
    contents = _contents(lake, erasures)
    for area in (lake, lake.pending):
        for table in _tables():
            days = [d for d, m in area.manifests(table).items() if m.rows]
            report.places.add(f"{area.area}/{table}")
            for day in days:
                _clean_day(area, table, day, erasures, contents, report)
    _count_again(lake)
    say(f"{report.rows:,} rows cleaned in the lake's tables")


def clean_raw(
    lake: Lake,
    erasures: Erasures,
    report: Report,
    days: Mapping[str, Collection[date]] | None = None,
) -> None:
    """Every raw file, and what was mapped from answers, without the erased.

    `days`: of these sources only these days; None: everything.
    """
    contents = _contents(lake, erasures) if days is None else {}
    for area in AREAS:
        for source in raw_sources(lake, area):
            table = f"{area}/{source}"
            wanted = None if days is None else days.get(source, ())
            for manifest in lake.manifests(table, wanted).values():
                _clean_raw_day(lake, table, source, manifest, erasures, contents, report)


def _tables() -> list[str]:
    """Tables of the lake that may name somebody."""
    return [
        name
        for name, dataset in contracts().items()
        if dataset.layer != "mart"
        and name not in (*PRIVACY_TABLES, _DELIVERIES)
        and named_in(dataset.columns)
    ]


def _contents(lake: Lake, erasures: Erasures) -> dict[str, str]:
    """What the erased wrote, by the subject that `deletions` may speak of: network and content id."""
    found: dict[str, str] = {}
    if not lake.days("deletions"):
        return found
    columns = ["network", "activity_id", "actor_account_id"]
    named = tuple(n for n in named_in(columns))
    for day, manifest in lake.manifests("activities").items():
        rows = lake.read_arrow("activities", day, columns) if manifest.rows else None
        if rows is None:
            continue
        marks = whose(rows, named, erasures, day)
        for place, name in enumerate(marks):
            if name is not None:
                network, content = (rows[c][place].as_py() for c in ("network", "activity_id"))
                found[subject(f"{network}{CONTENT}", content)] = name
    return found


# --- a day of a table -----------------------------------------------------------------------------


def _clean_day(
    lake: Lake,
    table: str,
    day: date,
    erasures: Erasures,
    contents: Mapping[str, str],
    report: Report,
) -> None:
    manifest = lake.manifest(table, day)
    if manifest is None:
        return
    named = named_in(contract(table).columns)
    folder = lake.day_path(table, day)
    files, changed = [], Cleaned()
    for old in manifest.files:
        file, path = old, f"{folder}/{old.name}"
        with lake.open(path) as handle:
            held = set(pq.read_schema(handle).names)
        with lake.open(path) as handle:
            some = pq.read_table(handle, columns=[c for c in columns_of(named) if c in held])
        marks = whose(some, named, erasures, day, contents)
        cleaned = Cleaned()
        if any(marks):
            with lake.open(path) as handle:
                rows = pq.read_table(handle)
            rows = _without(rows, marks, table, day, erasures, cleaned)
            if cleaned.deeds:
                written = lake.put_parquet(table, day, rows)
                file = LakeFile(written.name, written.rows, written.bytes, old.extra)
        files.append(file)
        changed.deeds.update(cleaned.deeds)
    if changed.deeds:
        report.note(f"{lake.area}/{table}", _version(manifest), changed.deeds)
        lake.commit(table, day, files, manifest.run_id, manifest.notes)


def _without(
    rows: pa.Table, marks: list[str | None], table: str, day: date, erasures: Erasures, cleaned: Cleaned
) -> pa.Table:
    if table == REQUESTS:
        named = tuple(n for n in named_in(rows.column_names) if n.column == "account_id")
        ids = rows["account_id"].to_pylist()
        of_accounts = whose(rows, named, erasures, day)
        marks = [None if name == known else name for name, known in zip(of_accounts, ids, strict=True)]
    # In the lake a contact stays whenever its row came: its fields in the CRM have to be emptied.
    task = Task(erasures, date.min if table == CONTACTS else day, "", table)
    return replaced_rows(rows, marks, task, cleaned)


def clean_refused(
    lake: Lake, erasures: Erasures, days: Iterable[date], report: Report
) -> dict[str, set[date]]:
    """The quarantine of these days without the erased: what nobody can read comes in as it is.

    Their days by source, for the raw files have these rows too.
    """
    found: dict[str, set[date]] = {}
    named = named_in(contract(_QUARANTINE).columns)
    for day, manifest in lake.manifests(_QUARANTINE, days).items():
        rows = lake.read_arrow(_QUARANTINE, day, [*columns_of(named), "source"]) if manifest.rows else None
        if rows is None:
            continue
        marks = whose(rows, named, erasures, day)
        for source, name in zip(rows["source"].to_pylist(), marks, strict=True):
            if name is not None:
                found.setdefault(source, set()).add(day)
        if any(marks):
            _clean_day(lake, _QUARANTINE, day, erasures, {}, report)
    if found:
        _count_again(lake, set().union(*found.values()))
    return found


def refused_requests(lake: Lake, days: Iterable[date]) -> int:
    """Privacy requests of these days that broke their contract."""
    count = 0
    for day in lake.manifests(_QUARANTINE, days):
        rows = lake.read_arrow(_QUARANTINE, day, ["table_name"])
        if rows is not None and rows.num_rows:
            count += int(pc.sum(pc.equal(rows["table_name"], REQUESTS)).as_py() or 0)
    return count


def _count_again(lake: Lake, days: Collection[date] | None = None) -> None:
    """Rows that were accepted or refused and are gone since count as suppressed; on all days, or on these.

    Told by what the tables hold, so that a second call changes nothing.
    """
    inputs = [name for name, dataset in contracts().items() if dataset.layer == "input"]
    for day, manifest in lake.manifests(_COUNTED, days).items():
        counts = lake.read_arrow(_COUNTED, day) if manifest.rows else None
        if counts is None:
            continue
        rows = counts.to_pylist()
        before = [dict(row) for row in rows]
        for table, field_ in [*((name, "accepted") for name in inputs), (_QUARANTINE, "quarantined")]:
            of_table = [r for r in rows if field_ == "quarantined" or r["table_name"] == table]
            held = lake.manifest(table, day)
            if held is None or held.rows == sum(row[field_] for row in of_table):
                continue
            by = ["source", "table_name"] if table == _QUARANTINE else ["source"]
            found = _rows_by(lake, table, day, by)
            for row in of_table:
                missing = row[field_] - found.get(tuple(row[name] for name in by), 0)
                row[field_] -= missing
                row["suppressed"] += missing
        if rows != before:
            lake.write_arrow(
                _COUNTED, day, pa.Table.from_pylist(rows, counts.schema), manifest.run_id, manifest.notes
            )


def _rows_by(lake: Lake, table: str, day: date, columns: list[str]) -> dict[tuple[Any, ...], int]:
    rows = lake.read_arrow(table, day, columns)
    if rows is None or not rows.num_rows:
        return {}
    counted = rows.group_by(columns).aggregate([([], "count_all")]).to_pylist()
    return {tuple(row[name] for name in columns): row["count_all"] for row in counted}


def _version(manifest: Manifest) -> str:
    """A day as it is now: whatever is rewritten gets files of other names."""
    return f"{manifest.day} {' '.join(file.name for file in manifest.files)}"


# --- raw files ------------------------------------------------------------------------------------


def _clean_raw_day(
    lake: Lake,
    table: str,
    source: str,
    manifest: Manifest,
    erasures: Erasures,
    contents: Mapping[str, str],
    report: Report,
) -> None:
    day, files, touched = manifest.day, [], {}
    deeds: dict[str, Counter[tuple[str, str]]] = {}
    for old in manifest.files:
        file, of_table = old, str(old.extra.get("table", ""))
        place = f"{table}/{of_table or 'unknown'}"
        report.places.add(place)
        cleaned = _clean_file(
            lake, f"{lake.day_path(table, day)}/{file.name}", file, source, day, erasures, contents
        )
        if cleaned is None:
            report.unread.add((place, f"{day}/{file.name}"))
        elif cleaned.content is not None:
            deeds.setdefault(place, Counter()).update(cleaned.deeds)
            touched[file.extra.get("origin")] = (file.bytes, file.extra.get("stamp"))
            file = _put(lake, table, day, old, cleaned)
        files.append(file)
    if deeds:
        for place, of_place in deeds.items():
            report.note(place, _version(manifest), of_place)
        notes = dict(manifest.notes)
        if any("stamp" in file.extra for file in files):
            # The inbox tells its files by size and time of change: what was landed is known as it was.
            known = {origin: mark for origin, mark in touched.items() if origin and mark[1] is not None}
            notes["touched"] = {**notes.get("touched", {}), **known}
        lake.commit(table, day, files, manifest.run_id, notes)


def _clean_file(
    lake: Lake,
    path: str,
    file: LakeFile,
    source: str,
    day: date,
    erasures: Erasures,
    contents: Mapping[str, str],
) -> Cleaned | None:
    """The file's new content; None where it cannot be read."""
    table = str(file.extra.get("table", ""))
    if file.extra.get("format") == REFUSED:  # names fields of answers, and nobody
        return Cleaned()
    if table != ANSWERS and (table not in contracts() or contract(table).layer != "input"):
        return None
    try:
        with lake.open(path) as handle:
            content = handle.read()
        return clean(content, str(file.extra.get("format", "")), Task(erasures, day, source, table, contents))
    except (OSError, ValueError, KeyError, pa.ArrowException):
        return None


def _put(lake: Lake, table: str, day: date, file: LakeFile, cleaned: Cleaned) -> LakeFile:
    """The new content beside the old file; what its manifest said of it stays, with the rows taken out."""
    content = cleaned.content or b""
    name = _next_name(file.name)
    written, _ = lake.put_stream(io.BytesIO(content), table, day, name)
    rows = file.rows
    if rows is not None:
        rows = pq.ParquetFile(io.BytesIO(content)).metadata.num_rows
    extra = {**file.extra, "erased": int(file.extra.get("erased", 0)) + cleaned.removed}
    return LakeFile(written.name, rows, written.bytes, extra)


def _next_name(name: str) -> str:
    """A name that the folder does not have yet: the versions of a file are numbered."""
    folder, slash, file = name.rpartition("/")
    stem, dot, ending = file.partition(".")
    base, mark, number = stem.rpartition("~")
    version = int(number) + 1 if mark and number.isdigit() else 2
    return f"{folder}{slash}{base if mark and number.isdigit() else stem}~{version}{dot}{ending}"


def mark_requests(lake: Lake, erasures: Erasures, days: Iterable[date], report: Report) -> None:
    """Requests of the erased that came again, by their marks: who is erased need not ask under a name."""
    for day in lake.manifests(REQUESTS, days):
        _clean_day(lake, REQUESTS, day, erasures, {}, report)


def suppressed_days(lake: Lake, days: Iterable[date]) -> dict[str, set[date]]:
    """The days, by source, on which rows came that were counted and not kept, or requests: their raw files
    still name people.
    """
    found: dict[str, set[date]] = {}
    for day, manifest in lake.manifests(_COUNTED, days).items():
        columns = ["source", "table_name", "suppressed"]
        counts = lake.read_arrow(_COUNTED, day, columns) if manifest.rows else None
        if counts is None:
            continue
        named = pc.or_(pc.greater(counts["suppressed"], 0), pc.equal(counts["table_name"], REQUESTS))
        for source in counts.filter(named)["source"].unique().to_pylist():
            found.setdefault(source, set()).add(day)
    return found


def recipients(lake: Lake, erasures: Erasures) -> dict[tuple[str, str], str]:
    """The contacts (CRM, id) about whom something was sent and is to be forgotten, and by which mark.

    Those who are erased, and whoever else got the values of a person who is.
    """
    found: dict[tuple[str, str], str] = {}
    columns = ["crm", "contact_id", "person_id"]
    for day in lake.days(_DELIVERIES):
        rows = lake.read_arrow(_DELIVERIES, day, columns)
        if rows is None or not rows.num_rows:
            continue
        # The day is the sending's, by the clock; it says nothing of which of the scores' days were sent.
        marks = whose(rows, named_in(columns), erasures, date.min)
        pairs = zip(rows["crm"].to_pylist(), rows["contact_id"].to_pylist(), marks, strict=True)
        found |= {
            (crm, contact): name
            for crm, contact, name in pairs
            if name is not None and erasures.is_erased(name)
        }
    return found
