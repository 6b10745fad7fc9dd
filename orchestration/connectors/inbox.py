"""What others dropped into the inbox, `<YYYY-MM-DD>/<table>.(parquet|jsonl|csv)`. Nothing is opened here."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import PurePosixPath
from typing import Any

import fsspec
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from orchestration.connectors.registry import ConnectorError
from spark_jobs.contracts import contracts

UNKNOWN = "unknown"
"""Table of the files that name no table of ours; conform puts each into quarantine."""

_FORMATS = {
    ".parquet": "parquet",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".jsonl.gz": "jsonl", ".ndjson.gz": "jsonl",
    ".json.gz": "jsonl",
    ".csv": "csv", ".csv.gz": "csv",
}  # fmt: skip
_UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".crdownload", ".filepart", ".inprogress", "~")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_STAMPS = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "updated", "created")


@dataclass(frozen=True)
class Delivery:
    """One file of the inbox. `origin` is its place below the inbox; `stamp` changes when the file does."""

    origin: str
    path: str
    delivered: date
    table: str
    format: str
    bytes: int
    stamp: str


@dataclass(frozen=True)
class LeftAlone:
    """Something in the inbox that is not taken, and why. `day` is its folder's; None outside of one."""

    origin: str
    day: date | None
    why: str


@dataclass(frozen=True)
class Inbox:
    """What a look at the inbox found, in the order of folders and names."""

    fs: fsspec.AbstractFileSystem
    deliveries: tuple[Delivery, ...]
    folders: frozenset[date]
    left_alone: tuple[LeftAlone, ...]


@cache
def input_tables() -> frozenset[str]:
    """The tables that may be delivered: those with an input contract."""
    return frozenset(dataset.name for dataset in contracts().values() if dataset.layer == "input")


def recognise(place: str, tables: Collection[str]) -> tuple[str, str]:
    """Table and format of a file by its place in a day's folder; ("unknown", …) where it names no table.

    The table is told by the first part of the place, whatever its case: `accounts.csv`, `accounts-1.csv`,
    `accounts.parquet/part-0.parquet`. The longest name that fits wins.
    """
    parts = PurePosixPath(place.lower()).parts
    fits = [name for name in tables if re.match(rf"{name}([-_.]|$)", parts[0])]
    format_ = next((f for ending, f in _FORMATS.items() if parts[-1].endswith(ending)), UNKNOWN)
    table = max(fits, key=len) if fits and format_ != UNKNOWN else UNKNOWN
    return table, format_


def set_aside(place: str) -> str:
    """Why a file is not for us: hidden, a marker such as `_SUCCESS`, or still being written. Empty: it is."""
    for part in PurePosixPath(place).parts:
        if part.startswith((".", "_")):
            return "hidden"
        if part.lower().endswith(_UNFINISHED):
            return "still being written"
    return ""


def look(inbox: str) -> Inbox:
    """Everything in the inbox, unopened. ConnectorError where there is no such folder."""
    fs, root = url_to_fs(inbox, use_listings_cache=False)
    root = root.rstrip("/")
    if not fs.isdir(root):
        raise ConnectorError(f"STATURE_INBOX: there is no folder {inbox}. Make it, or unset STATURE_INBOX.")
    failed: list[OSError] = []
    # A local walk passes over a closed folder in silence, unless asked; others raise by themselves.
    options = {"on_error": failed.append} if isinstance(fs, LocalFileSystem) else {}
    found = fs.find(root, detail=True, withdirs=True, **options)
    if failed and not found:
        raise ConnectorError(f"STATURE_INBOX: {inbox} cannot be read: {failed[0].strerror}.")
    deliveries, folders = [], set()
    left_alone = [_closed(error, root) for error in failed]
    for path, entry in found.items():
        info = _followed(str(path), entry)
        origin = _readable(str(path)[len(root) + 1 :])
        folder, _, place = origin.partition("/")
        day = _day(folder)
        if day and (place or info["type"] == "directory"):
            folders.add(day)
        if entry["type"] == "directory":
            continue
        why = _why_not(day, place, info)
        if why or day is None:
            left_alone.append(LeftAlone(origin, day if place else None, why))
        else:
            table, format_ = recognise(place, input_tables())
            size = int(info["size"] or 0)
            deliveries.append(Delivery(origin, str(path), day, table, format_, size, stamp(info)))
    return Inbox(
        fs,
        tuple(sorted(deliveries, key=lambda d: (d.delivered, d.origin))),
        frozenset(folders),
        tuple(sorted(left_alone, key=lambda left: left.origin)),
    )


def _closed(error: OSError, root: str) -> LeftAlone:
    origin = _readable(str(error.filename or root)[len(root) + 1 :])
    return LeftAlone(origin, _day(origin.partition("/")[0]), error.strerror or "cannot be listed")


def _readable(name: str) -> str:
    """A name that is not text (a file system holds any bytes) with its odd bytes spelt out."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _day(folder: str) -> date | None:
    try:
        return date.fromisoformat(folder) if _DAY.fullmatch(folder) else None
    except ValueError:
        return None


def _why_not(day: date | None, place: str, info: Mapping[str, Any]) -> str:
    if info["type"] == "directory":
        return "a link to a folder"
    if not place or day is None:
        return "not in a folder YYYY-MM-DD"
    if info["type"] != "file":
        return "not a plain file"
    return set_aside(place)


def _followed(path: str, info: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a local link points at. Links to folders are not entered: they may go in circles."""
    if not info.get("islink"):
        return info
    try:
        target = os.stat(path)
    except OSError:
        return {"type": "link"}
    kind = (
        "file" if stat.S_ISREG(target.st_mode) else "directory" if stat.S_ISDIR(target.st_mode) else "other"
    )
    return {"type": kind, "size": target.st_size, "mtime": target.st_mtime}


def stamp_now(inbox: Inbox, path: str) -> str | None:
    """The stamp of a file as it is now; None where it is gone."""
    try:
        return stamp(_followed(path, inbox.fs.info(path)))
    except OSError:
        return None


def stamp(info: Mapping[str, Any]) -> str:
    """What changes when a file does, as its file system tells: its tag, or the time it was written."""
    return next((str(info[name]) for name in _STAMPS if info.get(name) is not None), "")
