"""One raw file without the rows of erased people; all other rows stay as they came, byte for byte in text.

Rows of privacy_requests stay, with a mark in the place of the account: what was asked must be known when a
day is made again. Of an erased contact's rows in crm_contacts only the contact's id stays, because its fields
in the CRM have to be emptied and kept so.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.privacy import answers
from orchestration.privacy.marks import Erasures
from orchestration.privacy.subjects import Named, in_words, named_in, whose
from spark_jobs.contracts import contract
from spark_jobs.erasure import handle_scope, plain_handle, subject
from spark_jobs.jobs.conform_files import csv_traits

Deed = Literal["removed", "emptied", "replaced"]
REQUESTS, CONTACTS, ANSWERS = "privacy_requests", "crm_contacts", "answers"
KEPT_OF_CONTACTS = ("crm", "contact_id", "deleted", "updated_at", "source")


@dataclass
class Cleaned:
    """A file's new content, or None where nothing in it changes; the rows taken out, and by whose request."""

    content: bytes | None = None
    removed: int = 0
    deeds: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass(frozen=True)
class Task:
    """What is to go: `source` names the network of its answers, `contents` as in `subjects.whose`."""

    erasures: Erasures
    day: date
    source: str
    table: str
    contents: Mapping[str, str] = field(default_factory=dict)
    taken: list[Any] | None = None  # gathers the rows themselves, where somebody asks to see them

    def take(self, row: Any) -> None:
        """Gather a row that speaks of somebody sought."""
        if self.taken is not None:
            self.taken.append(row)

    def deed(self, name: str) -> Deed:
        """What becomes of a row that speaks of the mark."""
        if self.table == REQUESTS:
            return "replaced"
        # Later rows are not taken in: nothing of them is needed.
        return "emptied" if self.table == CONTACTS and self.day < self.erasures.since(name) else "removed"

    def count(self, cleaned: Cleaned, name: str, deed: Deed, rows: int = 1) -> None:
        cleaned.deeds[self.erasures.request(name), deed] += rows
        cleaned.removed += rows if deed == "removed" else 0


def clean(content: bytes, format_: str, task: Task) -> Cleaned:
    """The file of one of the raw lake's formats. ValueError or ArrowException where it cannot be read."""
    if task.table == ANSWERS:
        return _answers(content, task)
    named = named_in([f.name for f in contract(task.table).input_fields])
    if not named:
        return Cleaned()
    if format_ == "parquet":
        return _parquet(content, named, task)
    return _jsonl(content, named, task) if format_ == "jsonl" else _csv(content, named, task)


def replaced_rows(rows: pa.Table, marks: list[str | None], task: Task, cleaned: Cleaned) -> pa.Table:
    """Rows after the deeds that their marks call for, counted in `cleaned`."""
    deeds = [None if name is None else task.deed(name) for name in marks]
    if "emptied" in deeds:
        told = [c for c in rows.column_names if c not in KEPT_OF_CONTACTS]
        empty = [all(v in (None, "") for v in row.values()) for row in rows.select(told).to_pylist()]
        deeds = [None if deed == "emptied" and was else deed for deed, was in zip(deeds, empty, strict=True)]
    for name, deed in zip(marks, deeds, strict=True):
        if name is not None and deed is not None:
            task.count(cleaned, name, deed)
    if "replaced" in deeds and "account_id" in rows.column_names:
        ids = [
            name if deed == "replaced" else before
            for name, deed, before in zip(marks, deeds, rows["account_id"].to_pylist(), strict=True)
        ]
        place = rows.schema.get_field_index("account_id")
        rows = rows.set_column(place, "account_id", pa.array(ids, pa.string()))
    if "emptied" in deeds:
        for name in set(rows.column_names) - set(KEPT_OF_CONTACTS):
            column = rows.schema.field(name)
            kept = zip(deeds, rows[name].to_pylist(), strict=True)
            values = pa.array([None if deed == "emptied" else value for deed, value in kept], column.type)
            rows = rows.set_column(rows.schema.get_field_index(name), column, values)
    return rows.filter(pa.array([deed != "removed" for deed in deeds], pa.bool_()))


def _parquet(content: bytes, named: tuple[Named, ...], task: Task) -> Cleaned:
    rows = pq.read_table(io.BytesIO(content))
    marks = _requests_alone(whose(rows, named, task.erasures, task.day, task.contents), rows, task)
    for place in _nameless(rows, named):
        words = " ".join(str(value) for value in rows.slice(place, 1).to_pylist()[0].values())
        marks[place] = in_words(words, task.erasures, task.day)
    cleaned = Cleaned()
    if any(marks):
        if task.taken is not None:
            task.taken.extend(rows.filter(pa.array([name is not None for name in marks])).to_pylist())
        kept = replaced_rows(rows, marks, task, cleaned)
        sink = io.BytesIO()
        pq.write_table(kept, sink, compression="zstd")
        cleaned.content = sink.getvalue()
    return cleaned


def _nameless(rows: pa.Table, named: tuple[Named, ...]) -> list[int]:
    """Places of rows that name nobody by an id: they were refused, and may name somebody by other words."""
    columns = [rows[n.column] for n in named if n.column in rows.column_names]
    empty = np.ones(rows.num_rows, dtype=bool)
    for column in columns:
        empty &= column.is_null().to_numpy()
    return [int(place) for place in np.flatnonzero(empty)]


def _requests_alone(marks: list[str | None], rows: pa.Table, task: Task) -> list[str | None]:
    """Of privacy_requests, the marks of accounts alone: a contact's id stays as it is."""
    if task.table != REQUESTS:
        return marks
    named = tuple(n for n in named_in(rows.column_names) if n.column == "account_id")
    of_accounts = whose(rows, named, task.erasures, task.day)
    ids = rows["account_id"].to_pylist() if "account_id" in rows.column_names else []
    return [None if name == before else name for name, before in zip(of_accounts, ids, strict=True)]


# --- text -----------------------------------------------------------------------------------------


def _jsonl(content: bytes, named: tuple[Named, ...], task: Task) -> Cleaned:
    cleaned, kept = Cleaned(), []
    for line in content.splitlines(keepends=True):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        known = isinstance(row, dict)
        name = _whose_row(row, named, task) if known else _whose_text(line, task)
        kept.append(_text_row(line, name, row, task, cleaned, _as_json))
    return _joined(kept, cleaned)


def _as_json(row: dict[str, Any], line: bytes) -> bytes:
    return json.dumps({k: v for k, v in row.items() if v is not None}).encode() + _ending(line)


def _csv(content: bytes, named: tuple[Named, ...], task: Task) -> Cleaned:
    multiline, _, _ = csv_traits(io.BytesIO(content), len(content))
    cleaned, kept, header = Cleaned(), [], None
    for record in _records(content, multiline):
        cells = next(csv.reader([record.decode("utf-8", "surrogateescape")]), [])
        if header is None:
            header = [cell.removeprefix("\ufeff") for cell in cells]
            kept.append(record)
            continue
        columns = header
        row = dict(zip(columns, cells, strict=False))
        name = _whose_row(row, named, task) or (
            None if len(cells) == len(columns) else _whose_text(record, task)
        )

        def as_csv(changed: dict[str, Any], line: bytes, columns: list[str] = columns) -> bytes:
            text = io.StringIO(newline="")
            csv.writer(text, lineterminator="").writerow([changed.get(c) or "" for c in columns])
            return text.getvalue().encode("utf-8", "surrogateescape") + _ending(line)

        kept.append(_text_row(record, name, row, task, cleaned, as_csv))
    return _joined(kept, cleaned)


def _records(content: bytes, multiline: bool) -> Iterator[bytes]:
    """The records of a CSV file as they came; where cells hold line breaks, several lines are one."""
    waiting = b""
    for line in content.splitlines(keepends=True):
        waiting += line
        if not multiline or waiting.count(b'"') % 2 == 0:
            yield waiting
            waiting = b""
    if waiting:
        yield waiting


def _text_row(
    line: bytes,
    name: str | None,
    row: dict[str, Any] | None,
    task: Task,
    cleaned: Cleaned,
    write: Callable[[dict[str, Any], bytes], bytes],
) -> bytes:
    if name is None:
        return line
    task.take(row if row is not None else line.decode("utf-8", "replace"))
    deed = task.deed(name)
    if row is None or (deed == "emptied" and not row.get("contact_id")):
        deed = "removed"
    if deed == "replaced" and row is not None:
        if row.get("account_id") in (None, "", name) or not _names_account(row, name, task):
            return line  # a contact's request, or a mark already
        task.count(cleaned, name, deed)
        return write({**row, "account_id": name}, line)
    if deed == "emptied" and row is not None:
        kept = {
            key: value for key, value in row.items() if key in KEPT_OF_CONTACTS and _says_only(key, value)
        }
        if all(value in (None, "") for key, value in row.items() if key not in kept):
            return line  # emptied before
        task.count(cleaned, name, deed)
        return write(kept, line)
    task.count(cleaned, name, deed)
    return b""


def _says_only(key: str, value: Any) -> bool:
    """Whether a kept field holds what its column is for: a refused row may hold any words in its place."""
    if value in (None, ""):
        return True
    if key == "updated_at":
        try:
            datetime.fromisoformat(str(value))
        except ValueError:
            return False
    return key != "deleted" or str(value).lower() in ("true", "false", "0", "1")


def _names_account(row: dict[str, Any], name: str, task: Task) -> bool:
    network, account = str(row.get("network") or "").lower(), str(row.get("account_id"))
    return task.erasures.found(subject(network, account), task.day) == name


def _whose_row(row: dict[str, Any], named: tuple[Named, ...], task: Task) -> str | None:
    present = [n for n in named if row.get(n.column) not in (None, "")]
    if not present:  # what names nobody by an id was refused, and may name them by other words
        return in_words(" ".join(map(str, row.values())), task.erasures, task.day)
    if task.table == REQUESTS:
        present = [n for n in present if n.column == "account_id"]
    for each in present:
        scope = each.scope
        if each.scope_column is not None:
            found = str(row.get(each.scope_column) or "")
            scope = (found.lower() if each.scope_column == "network" else found) + each.scope
        identifier = str(row[each.column])
        of = subject(scope, plain_handle(identifier) if each.handle else identifier)
        name = task.contents.get(of) or task.erasures.found(of, task.day)
        if name is not None:
            return name
    return None


def _whose_text(line: bytes, task: Task) -> str | None:
    return in_words(line.decode("utf-8", "replace"), task.erasures, task.day)


def _ending(line: bytes) -> bytes:
    return line[len(line.rstrip(b"\r\n")) :]


def _joined(kept: list[bytes], cleaned: Cleaned) -> Cleaned:
    if cleaned.deeds:
        cleaned.content = b"".join(kept)
    return cleaned


# --- answers --------------------------------------------------------------------------------------


def _answers(content: bytes, task: Task) -> Cleaned:
    """A Parquet file of answers: url, body, about, and whatever else the columns say."""
    rows = pq.read_table(io.BytesIO(content))
    cleaned = Cleaned()
    bodies, kept = [], []
    columns = zip(
        rows["url"].to_pylist(),
        rows["body"].to_pylist(),
        rows["about"].to_pylist() if "about" in rows.column_names else [None] * rows.num_rows,
        strict=True,
    )
    for url, body, about in columns:
        seen: list[str] = []

        def is_erased(text: str, seen: list[str] = seen) -> bool:
            name = task.erasures.found(subject(task.source, text), task.day) or task.erasures.found(
                subject(handle_scope(task.source), plain_handle(text)), task.day
            )
            seen += [name] if name else []
            return name is not None

        if answers.concerns(url or "", _about(about), is_erased):
            left, gone = "", 1
            kept.append(False)
        else:
            left, gone = answers.without(body or "", is_erased)
            kept.append(not gone or left != "")
        bodies.append(left)
        if gone:
            task.take({"url": url, "items": gone})
            task.count(cleaned, seen[0], "removed", gone)
    if cleaned.deeds:
        place = rows.schema.get_field_index("body")
        changed = rows.set_column(place, "body", pa.array(bodies, pa.string())).filter(pa.array(kept))
        sink = io.BytesIO()
        pq.write_table(changed, sink, compression="zstd")
        cleaned.content = sink.getvalue()
    return cleaned


def _about(about: Any) -> Mapping[str, Any]:
    try:
        found = json.loads(about) if isinstance(about, str) else about
    except ValueError:
        return {"about": about}
    return found if isinstance(found, Mapping) else {}
