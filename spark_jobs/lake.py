"""The lake's layout: where a day of a table lies, and the manifest that says it exists.

A table's day is a folder of files and one manifest, written last. Readers follow manifests and
nothing else, because object stores have no atomic rename of folders: a file that no manifest names
does not exist, however it came to be there. Replacing a day means writing new files beside the old,
swapping the manifest, then removing what it no longer names.

No Spark here: the orchestration, dbt's publishing and the jobs share this one module.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.core import url_to_fs

MANIFEST = "_manifest.json"
FIRST_DAY = "_first_day.json"
_DAY_FOLDER = re.compile(r"day=(\d{4}-\d{2}-\d{2})$")


class LakeError(Exception):
    """A day that should be in the lake is not, or is not what its manifest says."""


@dataclass(frozen=True)
class LakeFile:
    """One file of a day. `name` is relative to the day's folder; `extra` is what raw files add."""

    name: str
    rows: int | None
    bytes: int
    extra: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "rows": self.rows, "bytes": self.bytes, **self.extra}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> LakeFile:
        extra = {k: v for k, v in entry.items() if k not in ("name", "rows", "bytes")}
        return cls(entry["name"], entry["rows"], entry["bytes"], extra)


@dataclass(frozen=True)
class Manifest:
    """What a day of a table consists of. `rows` is None where files were not read (raw text)."""

    table: str
    day: date
    files: tuple[LakeFile, ...]
    run_id: str
    written_at: datetime
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(f.rows or 0 for f in self.files)

    def as_json(self) -> dict[str, Any]:
        return {
            "table": self.table,
            "day": self.day.isoformat(),
            "rows": self.rows,
            "files": [f.as_json() for f in self.files],
            "run_id": self.run_id,
            "written_at": self.written_at.isoformat(),
            "notes": dict(self.notes),
        }

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Manifest:
        return cls(
            table=entry["table"],
            day=date.fromisoformat(entry["day"]),
            files=tuple(LakeFile.from_json(f) for f in entry["files"]),
            run_id=entry["run_id"],
            written_at=datetime.fromisoformat(entry["written_at"]),
            notes=entry.get("notes", {}),
        )


class Lake:
    """Tables by day under `<root>/<area>`. `root` is STATURE_HOME as a path or URI."""

    def __init__(self, root: str, area: str = "lake") -> None:
        self.root = root.rstrip("/")
        self.area = area
        fs, path = url_to_fs(self.root)
        self._fs: fsspec.AbstractFileSystem = fs
        self._base = f"{path.rstrip('/')}/{area}"

    @cached_property
    def pending(self) -> Lake:
        """The same layout for days that are scored and not yet published."""
        return Lake(self.root, "pending")

    # --- places -------------------------------------------------------------------------------

    def table_path(self, table: str) -> str:
        return f"{self._base}/{table}"

    def day_path(self, table: str, day: date) -> str:
        return f"{self._base}/{table}/day={day.isoformat()}"

    def uri(self, path: str) -> str:
        """A path of this lake's file system as Spark, DuckDB and pyarrow take it."""
        return str(self._fs.unstrip_protocol(path)) if "://" in self.root else path

    # --- the first day ------------------------------------------------------------------------

    def first_day(self) -> date | None:
        """The declared first day: the only one that is scored without a yesterday."""
        try:
            with self._fs.open(f"{self._base}/{FIRST_DAY}", "r") as handle:
                return date.fromisoformat(json.load(handle)["first_day"])
        except FileNotFoundError:
            return None

    def declare_first_day(self, day: date) -> None:
        """Declare the first day, once.

        Raises LakeError where another first day was declared before: a history has one beginning.
        """
        declared = self.first_day()
        if declared is None:
            self.write_json(f"{self._base}/{FIRST_DAY}", {"first_day": day.isoformat()})
        elif declared != day:
            raise LakeError(f"The history in {self.root} begins on {declared}; {day} cannot begin it as well.")

    # --- reading ------------------------------------------------------------------------------

    def days(self, table: str) -> list[date]:
        """Days of a table that exist, in order."""
        found = []
        for path in self._ls(self.table_path(table)):
            match = _DAY_FOLDER.search(path)
            if match and self._fs.exists(f"{path}/{MANIFEST}"):
                found.append(date.fromisoformat(match.group(1)))
        return sorted(found)

    def exists(self, table: str, day: date) -> bool:
        return bool(self._fs.exists(f"{self.day_path(table, day)}/{MANIFEST}"))

    def manifest(self, table: str, day: date) -> Manifest | None:
        try:
            with self._fs.open(f"{self.day_path(table, day)}/{MANIFEST}", "r") as handle:
                return Manifest.from_json(json.load(handle))
        except FileNotFoundError:
            return None

    def files(self, table: str, days: Iterable[date]) -> list[str]:
        """URIs of a table's files on those days that exist, in day order."""
        uris = []
        for day in sorted(days):
            manifest = self.manifest(table, day)
            if manifest:
                folder = self.day_path(table, day)
                uris += [self.uri(f"{folder}/{f.name}") for f in manifest.files]
        return uris

    def read_arrow(self, table: str, day: date, columns: Sequence[str] | None = None) -> pa.Table | None:
        """A small day as one Arrow table without its day column; None where the day does not exist."""
        manifest = self.manifest(table, day)
        if manifest is None:
            return None
        tables = []
        for file in manifest.files:
            with self._fs.open(f"{self.day_path(table, day)}/{file.name}", "rb") as handle:
                tables.append(pq.read_table(handle, columns=list(columns) if columns else None))
        return pa.concat_tables(tables) if tables else pa.table({})

    def open(self, path: str, mode: str = "rb") -> Any:
        return self._fs.open(path, mode)

    # --- writing ------------------------------------------------------------------------------

    def commit(
        self,
        table: str,
        day: date,
        files: Iterable[LakeFile],
        run_id: str,
        notes: Mapping[str, Any] | None = None,
    ) -> Manifest:
        """Make `files`, already in the day's folder, the day; then remove what it no longer names."""
        manifest = Manifest(table, day, tuple(files), run_id, datetime.now(UTC), notes or {})
        folder = self.day_path(table, day)
        self._fs.makedirs(folder, exist_ok=True)
        self.write_json(f"{folder}/{MANIFEST}", manifest.as_json())
        self._sweep(folder, keep={f.name for f in manifest.files})
        return manifest

    def write_arrow(
        self,
        table: str,
        day: date,
        rows: pa.Table,
        run_id: str,
        notes: Mapping[str, Any] | None = None,
    ) -> Manifest:
        """Write a small day from memory: one file, then its manifest."""
        files = []
        if rows.num_rows:
            files.append(self.put_parquet(table, day, rows))
        return self.commit(table, day, files, run_id, notes)

    def put_parquet(self, table: str, day: date, rows: pa.Table, folder: str = "") -> LakeFile:
        """Write one Parquet file into the day's folder; it counts once a manifest names it."""
        name = f"{folder}part-{secrets.token_hex(8)}.parquet"
        path = f"{self.day_path(table, day)}/{name}"
        self._fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        with self._fs.open(path, "wb") as handle:
            pq.write_table(rows, handle, compression="zstd")
        return LakeFile(name, rows.num_rows, int(self._fs.size(path)))

    def put_copy(self, source: str, table: str, day: date, name: str) -> tuple[LakeFile, str]:
        """Copy a file of any file system into the day's folder in pieces; its entry and SHA-256."""
        path = f"{self.day_path(table, day)}/{name}"
        self._fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        digest, size = hashlib.sha256(), 0
        with fsspec.open(source, "rb") as incoming, self._fs.open(path, "wb") as outgoing:
            while chunk := incoming.read(1 << 20):
                digest.update(chunk)
                size += len(chunk)
                outgoing.write(chunk)
        return LakeFile(name, None, size), digest.hexdigest()

    def adopt(self, table: str, day: date) -> list[LakeFile]:
        """Files of a day's folder that no manifest names yet, with rows from their footers.

        What Spark has just appended is exactly that: callers clear leftovers of a killed run first
        (`discard_uncommitted`).
        """
        manifest = self.manifest(table, day)
        known = {f.name for f in manifest.files} if manifest else set()
        folder = self.day_path(table, day)
        found = []
        for path in self._ls(folder):
            name = path.rsplit("/", 1)[-1]
            if name.endswith(".parquet") and name not in known:
                with self._fs.open(path, "rb") as handle:
                    rows = pq.ParquetFile(handle).metadata.num_rows
                found.append(LakeFile(name, rows, int(self._fs.size(path))))
        return found

    def discard_uncommitted(self, table: str, days: Iterable[date]) -> None:
        """Remove files that a killed run left in these days' folders."""
        for day in days:
            manifest = self.manifest(table, day)
            self._sweep(self.day_path(table, day), keep={f.name for f in manifest.files} if manifest else set())

    def drop_day(self, table: str, day: date) -> None:
        """Remove a day: the manifest first, so that no reader sees half of it."""
        folder = self.day_path(table, day)
        if self._fs.exists(f"{folder}/{MANIFEST}"):
            self._fs.rm_file(f"{folder}/{MANIFEST}")
        if self._fs.exists(folder):
            self._fs.rm(folder, recursive=True)

    def write_json(self, path: str, content: Mapping[str, Any]) -> None:
        """Write a JSON file whole or not at all."""
        temporary = f"{path}.{secrets.token_hex(4)}.tmp"
        self._fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        with self._fs.open(temporary, "w") as handle:
            json.dump(content, handle, indent=1, sort_keys=True, default=str)
        self._fs.mv(temporary, path)

    def _ls(self, path: str) -> list[str]:
        if not self._fs.exists(path):
            return []
        self._fs.invalidate_cache(path)
        return [str(p).rstrip("/") for p in self._fs.ls(path, detail=False)]

    def _sweep(self, folder: str, keep: set[str]) -> None:
        for path in self._ls(folder):
            name = path.rsplit("/", 1)[-1]
            if name != MANIFEST and not self._fs.isdir(path) and name not in keep:
                self._fs.rm_file(path)
