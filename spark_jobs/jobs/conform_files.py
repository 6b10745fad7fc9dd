"""What lies in the lake's raw folders, and what each file holds: looked at before Spark reads it.

A file that cannot be read is told apart here, by its footer or its first bytes, because Spark would end the
whole run over it. What only shows while reading (a damaged page in the middle) is dealt with by the job.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.core import url_to_fs

from spark_jobs.contracts import Dataset, contracts
from spark_jobs.lake import Lake, LakeFile

FORMATS = ("parquet", "jsonl", "csv")
AREAS = ("raw", "mapped")
"""Folders of the lake with input tables: as they were delivered, and as a network's answers were read."""

ANSWERS = "answers"
"""Raw answers of a web API: no input table. What was made of them lies in `mapped`."""

REFUSED = "refused"
"""Format of a file that says what a mapping could not read in the answers, one row each."""
FEWEST_CSV_CELLS = 20_480  # Spark's own limit; raised for files with wider lines
_THREADS = 8
_PIECE = 1 << 20
_LONGEST_HEADER = 1 << 20
_LARGEST_MULTILINE = 64 << 20
_WRONG_BEGINNINGS = {
    b"PAR1": "Parquet", b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"(\xb5/\xfd": "zstd",
    b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16",
}  # fmt: skip
# A file of RFC 4180: no stray quotation mark, so that a line break inside marks is part of a cell.
_STRICT_CSV = re.compile(rb'(?:(?:"(?:[^"]++|"")*+"|[^",\r\n]*+)(?:,|\r?\n|\Z))*+')


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file of a day of `area`, as its manifest says.

    `path` is for the lake's file system, `uri` for Spark. `erased`: rows that were in it until those whom
    they speak of were erased.
    """

    area: str
    source: str
    day: date
    table: str
    format: str
    name: str
    path: str
    uri: str
    bytes: int
    sha256: str | None
    erased: int = 0


@dataclass(frozen=True, slots=True)
class Shape:
    """How files are read: those of one shape in one go.

    `columns`: name and kind (`conform.values`); of Parquet the contract's, of CSV all in the file's order.
    """

    format: str
    columns: tuple[tuple[str, str], ...] = ()
    multiline: bool = False
    utf8: bool = True
    widest: int = FEWEST_CSV_CELLS


@dataclass(frozen=True, slots=True)
class Readable:
    """A file with its shape. `rows`: as the footer counts them; `unknown`: columns not in the contract."""

    file: RawFile
    shape: Shape
    rows: int | None = None
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that counts as one refused row, and why."""

    file: RawFile
    detail: str


class _UnreadableError(Exception):
    """Why a file cannot be read."""


def raw_sources(lake: Lake, area: str = "raw") -> list[str]:
    """The sources that ever delivered, by their folders."""
    fs, path = url_to_fs(lake.uri(lake.table_path(area)), use_listings_cache=False)
    try:
        entries = fs.ls(path, detail=True)
    except FileNotFoundError:
        return []
    return sorted(e["name"].rstrip("/").rsplit("/", 1)[-1] for e in entries if e["type"] == "directory")


def raw_files(lake: Lake, days: Iterable[date]) -> list[RawFile]:
    """The files of those days, of all sources, in order; LakeError for a damaged manifest."""
    wanted = list(days)
    found = [
        _raw_file(lake, area, source, day, file)
        for area in AREAS
        for source in raw_sources(lake, area)
        for day, manifest in lake.manifests(f"{area}/{source}", wanted).items()
        for file in manifest.files
        if area == "mapped" or file.extra.get("table") != ANSWERS
    ]
    return sorted(found, key=lambda f: (f.day, f.source, f.area, f.name))


def _raw_file(lake: Lake, area: str, source: str, day: date, file: LakeFile) -> RawFile:
    path = f"{lake.day_path(f'{area}/{source}', day)}/{file.name}"
    extra: Mapping[str, Any] = file.extra
    return RawFile(
        area=area,
        source=source,
        day=day,
        table=str(extra.get("table", "")),
        format=str(extra.get("format", "")),
        name=file.name,
        path=path,
        uri=lake.uri(path),
        bytes=file.bytes,
        sha256=extra.get("sha256"),
        erased=int(extra.get("erased", 0)),
    )


def inspect_all(lake: Lake, files: Iterable[RawFile]) -> list[Readable | Unreadable]:
    """What each file holds; a few at a time, because an object store answers slowly and to many at once."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(lambda file: inspect(file, lake.open), files))


def inspect(file: RawFile, opener: Callable[[str], IO[bytes]]) -> Readable | Unreadable:
    """What one file holds, by its footer, its header or its first bytes."""
    try:
        dataset = contracts().get(file.table)
        if dataset is None or dataset.layer != "input":
            raise _UnreadableError("its name names no input table")
        if file.format not in FORMATS:
            raise _UnreadableError(f"{file.format!r} is none of the formats {', '.join(FORMATS)}")
        if ":" in file.name:
            raise _UnreadableError("Spark cannot read a file with a colon in its name")
        with opener(file.path) as handle:
            if file.format == "parquet":
                return _parquet(file, handle, dataset)
            _check_beginning(handle, file.format)
            return Readable(file, Shape("jsonl")) if file.format == "jsonl" else _csv(file, handle, dataset)
    except FileNotFoundError:
        return Unreadable(file, "the file is missing from the raw folder")
    except (_UnreadableError, OSError, pa.ArrowException) as error:
        first_line = str(error).strip().split("\n", 1)[0]
        return Unreadable(file, first_line or type(error).__name__)


def _check_beginning(handle: IO[bytes], expected: str) -> None:
    beginning = handle.read(4)
    for mark, found in _WRONG_BEGINNINGS.items():
        if beginning.startswith(mark):
            raise _UnreadableError(f"this is {found}, not {expected}")
    handle.seek(0)


# --- Parquet ----------------------------------------------------------------------------------


def _parquet(file: RawFile, handle: IO[bytes], dataset: Dataset) -> Readable:
    if file.bytes == 0:
        raise _UnreadableError("the file is empty")
    parquet = pq.ParquetFile(handle)
    arrow = parquet.schema_arrow
    known = [f.name for f in dataset.input_fields if f.name in arrow.names]
    leaves = {leaf.path: leaf for leaf in (parquet.schema.column(i) for i in range(len(parquet.schema)))}
    columns = tuple((name, _parquet_kind(name, arrow, leaves)) for name in known)
    unknown = tuple(sorted(set(arrow.names) - set(known)))
    return Readable(file, Shape("parquet", columns), parquet.metadata.num_rows, unknown)


def _parquet_kind(name: str, arrow: pa.Schema, leaves: Mapping[str, Any]) -> str:
    """The kind of a column: what Spark is asked to read, and how the value is made of it."""
    leaf = leaves.get(name)
    if leaf is not None:
        return _leaf_kind(leaf)
    if len(arrow.get_all_field_indices(name)) == 1:
        column = arrow.field(name).type
        inner = [leaf for path, leaf in leaves.items() if path.startswith(f"{name}.")]
        if (pa.types.is_list(column) or pa.types.is_large_list(column)) and len(inner) == 1:
            kind = _leaf_kind(inner[0])
            if kind in ("string", "int", "long") and not pa.types.is_nested(column.value_type):
                return f"list:{kind}"
    return "foreign"


def _leaf_kind(leaf: Any) -> str:  # noqa: PLR0911  a table, written as one
    logical, physical = leaf.logical_type.type, leaf.physical_type
    if logical == "UNKNOWN":
        return "absent"
    if logical == "DECIMAL":
        return f"decimal:{leaf.precision},{leaf.scale}" if leaf.precision <= 38 else "foreign"
    if logical == "TIMESTAMP":
        unit = re.search(r'"timeUnit":\s*"(milli|micro|nano)', leaf.logical_type.to_json())
        return f"{unit.group(1)}s" if unit else "foreign"
    if logical == "INT" and '"isSigned": false' in leaf.logical_type.to_json().replace('":', '": '):
        # Signed readers would take the upper half for negative numbers.
        return {"INT32": "long", "INT64": "decimal:20,0"}[physical]
    if logical in ("STRING", "ENUM", "JSON"):
        return "string"
    if logical == "UUID":
        return "uuid"
    if logical == "DATE":
        return "date"
    if logical in ("NONE", "INT", "BSON"):
        plain = {
            "BOOLEAN": "boolean", "INT32": "int", "INT64": "long", "INT96": "timestamp", "FLOAT": "float",
            "DOUBLE": "double", "BYTE_ARRAY": "binary", "FIXED_LEN_BYTE_ARRAY": "binary",
        }  # fmt: skip
        return plain[physical]
    return "foreign"


# --- CSV --------------------------------------------------------------------------------------


def _csv(file: RawFile, handle: IO[bytes], dataset: Dataset) -> Readable:
    first = handle.readline(_LONGEST_HEADER)
    try:
        text = first.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise _UnreadableError("the header is not UTF-8") from error
    if not text.strip():
        raise _UnreadableError("the file has no header")
    header = next(csv.reader([text]))
    handle.seek(0)
    multiline, utf8, widest = csv_traits(handle, file.bytes)
    known = {f.name for f in dataset.input_fields}
    unknown = {name for i, name in enumerate(header) if name not in known or name in header[:i]}
    shape = Shape("csv", tuple((name, "text") for name in header), multiline, utf8, widest)
    return Readable(file, shape, None, tuple(sorted(unknown)))


def csv_traits(handle: IO[bytes], size: int) -> tuple[bool, bool, int]:
    """Whether cells hold line breaks, whether all of it is UTF-8, and a bound on the cells of a line.

    A line break in a cell is believed only where the whole file keeps RFC 4180, and not in files over 64 MB:
    one stray quotation mark would otherwise swallow all the rows to the next.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    utf8, quoted_break, commas, widest, quotes = True, False, 0, 0, 0
    while piece := handle.read(_PIECE):
        if utf8:
            try:
                decoder.decode(piece)
            except UnicodeDecodeError:
                utf8 = False
        values = np.frombuffer(piece, np.uint8)
        breaks = np.flatnonzero(values == ord("\n"))
        if b'"' in piece or quotes % 2:
            before = np.cumsum(values == ord('"'))
            quoted_break |= bool(np.any((before[breaks] + quotes) % 2))
            quotes += int(before[-1])
        seen = np.concatenate([[0], np.cumsum(values == ord(","))])
        ends = seen[breaks]
        widest = (
            max(widest, commas + int(ends[0]), int(np.diff(ends).max(initial=0))) if len(ends) else widest
        )
        commas = int(seen[-1] - ends[-1]) if len(ends) else commas + int(seen[-1])
    widest = max(widest, commas)
    if utf8:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            utf8 = False
    multiline = False
    if quoted_break and size <= _LARGEST_MULTILINE:
        handle.seek(0)
        multiline = _STRICT_CSV.fullmatch(handle.read()) is not None
    return multiline, utf8, max(FEWEST_CSV_CELLS, widest + 2)
