"""The lake's layout: where a day of a table lies, and the manifest that says it exists.

A table's day is a folder of files and one manifest, written last. Readers follow manifests and
nothing else, because object stores have no atomic rename of folders: a file that no manifest names
does not exist, however it came to be there. Replacing a day means writing new files beside the old,
swapping the manifest, then removing what it no longer names. On a local disk the files are on the disk
before the manifest that names them is, so that a power cut leaves the old day or the new one.

No Spark here: the orchestration, dbt's publishing and the jobs share this one module.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

MANIFEST = "_manifest.json"
FIRST_DAY = "_first_day.json"
_DAY_FOLDER = re.compile(r"day=(\d{4}-\d{2}-\d{2})$")
_PIECE = 1 << 20


class Readable(Protocol):
    """Anything that bytes are read from in pieces; an empty piece is the end."""

    def read(self, size: int, /) -> bytes: ...


class LakeError(Exception):
    """A day that should be in the lake is not, or is not what its manifest says."""


@dataclass(frozen=True)
class LakeFile:
    """One file of a day. `name` is relative to the day's folder; `extra` is what raw files add."""

    name: str
    rows: int | None
    bytes: int
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

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
        # Other processes write here too: a listing remembered from before would hide what they wrote.
        fs, path = url_to_fs(self.root, use_listings_cache=False)
        self._fs: fsspec.AbstractFileSystem = fs
        self._local = isinstance(fs, LocalFileSystem)
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

    @property
    def local_root(self) -> Path | None:
        """STATURE_HOME as a folder of this machine; None where it is an object store."""
        return Path(self._base).parent if self._local else None

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
            raise LakeError(
                f"The history in {self.root} begins on {declared}; {day} cannot begin it as well."
            )

    # --- reading ------------------------------------------------------------------------------

    def days(self, table: str) -> list[date]:
        """Days of a table that exist, in order."""
        folder = self.table_path(table)
        if self._local:
            manifests = [f"{path}/{MANIFEST}" for path in self._ls(folder)]
            folders = [os.path.dirname(path) for path in manifests if os.path.exists(path)]
        else:
            # One listing of everything is a request a thousand files; asking a day at a time is one each.
            folders = [p.rsplit("/", 1)[0] for p in self._find(folder) if p.endswith(f"/{MANIFEST}")]
        matches = (_DAY_FOLDER.search(path) for path in folders)
        return sorted(date.fromisoformat(match.group(1)) for match in matches if match)

    def exists(self, table: str, day: date) -> bool:
        return bool(self._fs.exists(f"{self.day_path(table, day)}/{MANIFEST}"))

    def manifest(self, table: str, day: date) -> Manifest | None:
        """What the day consists of; None where it does not exist. LakeError for a damaged manifest."""
        path = f"{self.day_path(table, day)}/{MANIFEST}"
        try:
            with self._fs.open(path, "rb") as handle:
                return _parse_manifest(path, handle.read())
        except FileNotFoundError:
            return None

    def manifests(self, table: str, days: Iterable[date] | None = None) -> dict[date, Manifest]:
        """The manifests of those days that exist (all days, where none are given), in day order."""
        wanted = self.days(table) if days is None else sorted(days)
        if getattr(self._fs, "async_impl", False) and wanted:
            # An object store answers many reads at once about as fast as one.
            paths = {f"{self.day_path(table, day)}/{MANIFEST}": day for day in wanted}
            contents = self._fs.cat(list(paths), on_error="omit")
            return {day: _parse_manifest(p, contents[p]) for p, day in paths.items() if p in contents}
        read = ((day, self.manifest(table, day)) for day in wanted)
        return {day: manifest for day, manifest in read if manifest is not None}

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
        # Spark, dlt and pyarrow name a list's items differently, and that alone must not fail a read.
        return pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})

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
        """Make `files`, already in the day's folder, the day; then remove what it no longer names.

        Raises LakeError, and leaves the day as it was, where one of the files is not there.
        """
        manifest = Manifest(table, day, tuple(files), run_id, datetime.now(UTC), notes or {})
        folder = self.day_path(table, day)
        self._settle(folder, manifest)
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
        with fsspec.open(source, "rb") as incoming:
            return self.put_stream(incoming, table, day, name)

    def put_stream(self, incoming: Readable, table: str, day: date, name: str) -> tuple[LakeFile, str]:
        """Write an open file's bytes into the day's folder in pieces; its entry and SHA-256."""
        path = f"{self.day_path(table, day)}/{name}"
        self._fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        digest, size = hashlib.sha256(), 0
        with self._fs.open(path, "wb") as outgoing:
            while chunk := incoming.read(_PIECE):
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
        """Remove files that a killed run left in these days' folders, folders inside them included."""
        for day in days:
            manifest = self.manifest(table, day)
            self._sweep(
                self.day_path(table, day), keep={f.name for f in manifest.files} if manifest else set()
            )

    def drop_day(self, table: str, day: date) -> None:
        """Remove a day: the manifest first, so that no reader sees half of it."""
        folder = self.day_path(table, day)
        if self._fs.exists(f"{folder}/{MANIFEST}"):
            self._fs.rm_file(f"{folder}/{MANIFEST}")
        if self._fs.exists(folder):
            self._fs.rm(folder, recursive=True)

    def write_json(self, path: str, content: Mapping[str, Any]) -> None:
        """Write a JSON file whole or not at all."""
        self.write_bytes(path, json.dumps(content, indent=1, sort_keys=True, default=str).encode())

    def write_bytes(self, path: str, content: bytes) -> None:
        """Write a small file whole or not at all."""
        if getattr(self._fs, "async_impl", False):
            self._fs.pipe_file(path, content)  # an object store shows an object whole or not at all
            return
        temporary = f"{path}.{secrets.token_hex(4)}.tmp"
        self._fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        with self._fs.open(temporary, "wb") as handle:
            handle.write(content)
        if self._local:
            to_disk(temporary)
            # The folder is not waited for: a lost rename leaves the old day, which is whole as well.
            os.replace(temporary, path)
        else:
            self._fs.mv(temporary, path)

    def _settle(self, folder: str, manifest: Manifest) -> None:
        """Have the files of a day to be on the disk; LakeError where one is missing."""
        if not self._local:
            return
        for file in manifest.files:
            try:
                to_disk(f"{folder}/{file.name}")
            except FileNotFoundError:
                missing = f"{manifest.table} on {manifest.day}: {file.name} is not in {folder}"
                raise LakeError(f"{missing}; the day stays as it was.") from None

    def _ls(self, path: str) -> list[str]:
        try:
            return [str(p).rstrip("/") for p in self._fs.ls(path, detail=False)]
        except FileNotFoundError:
            return []

    def _find(self, path: str) -> list[str]:
        """Every file below a folder; none where the folder is missing."""
        try:
            return [str(p) for p in self._fs.find(path)]
        except FileNotFoundError:
            return []

    def _sweep(self, folder: str, keep: set[str]) -> None:
        """Remove the folder's files, at any depth, but the manifest and `keep` (relative names)."""
        for path in self._find(folder):
            if path[len(folder) + 1 :] not in keep | {MANIFEST}:
                self._fs.rm_file(path)


def _parse_manifest(path: str, content: bytes) -> Manifest:
    try:
        return Manifest.from_json(json.loads(content))
    except (ValueError, KeyError, TypeError) as error:
        raise LakeError(f"The manifest {path} is damaged: {error!r}.") from error


def to_disk(path: str | os.PathLike[str]) -> None:
    """Wait until a local file's content, or what a folder lists, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
