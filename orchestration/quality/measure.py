"""Numbers about the lake's tables, day by day, computed by DuckDB straight on the Parquet files.

A day of a large community has more rows than a process should hold, so the checks never see rows: they see
these counts. DuckDB reads only the columns a query names, in spans of whole days.
"""

# The SQL is made of the contracts' names and of quoted paths and values.
# ruff: noqa: S608

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import fsspec
from fsspec.core import split_protocol

from spark_jobs.contracts import Dataset, Field, FieldType, contract
from spark_jobs.lake import Lake

# What publishing adds to the scores, so not there while they wait.
PUBLISHED_COLUMNS = frozenset({"revision", "reason", "published_at"})

_SPAN_ROWS = 5_000_000
_NUMERIC = frozenset({"double", "bigint", "int"})
_DAY = re.compile(r"/day=(\d{4}-\d{2}-\d{2})/")


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that no row of a table may do; `condition` is SQL over the contract's columns."""

    name: str
    condition: str
    says: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table's files on some days, read as its contract types them."""

    lake: Lake
    dataset: Dataset
    rows: Mapping[date, int]  # days that exist

    @classmethod
    def of(cls, lake: Lake, name: str, days: Iterable[date]) -> Table:
        manifests = lake.manifests(name, days)
        return cls(lake, contract(name), {day: manifest.rows for day, manifest in manifests.items()})

    @property
    def name(self) -> str:
        return self.dataset.name

    @property
    def fields(self) -> tuple[Field, ...]:
        """The columns in the files: of a table in `pending/`, without those that publishing adds."""
        fields = self.dataset.lake_fields
        if self.lake.area != "pending":
            return fields
        return tuple(field for field in fields if field.name not in PUBLISHED_COLUMNS)

    def spans(self) -> Iterator[list[date]]:
        """The days in runs that are read at once."""
        return spans(self.rows)


def spans(rows: Mapping[date, int]) -> Iterator[list[date]]:
    """Days in runs of about five million rows, at least a day each, by the rows of each day."""
    span: list[date] = []
    total = 0
    for day, count in rows.items():
        if span and total + count > _SPAN_ROWS:
            yield span
            span, total = [], 0
        span.append(day)
        total += count
    if span:
        yield span


@contextmanager
def connection(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in memory that spills to a temporary folder and reads the lake's file system."""
    with tempfile.TemporaryDirectory(prefix="stature-quality-") as spill, duckdb.connect() as con:
        con.execute("SET temp_directory = ?", [spill])
        con.execute("SET memory_limit = '2GB'")
        con.execute("SET preserve_insertion_order = false")
        protocol = split_protocol(lake.root)[0]
        if protocol not in (None, "file"):
            con.register_filesystem(fsspec.filesystem(protocol))
        yield con


def relation(con: duckdb.DuckDBPyConnection, table: Table, days: Iterable[date]) -> str:
    """SQL for the table's rows on these days: `day` and every column of the contract.

    A column that is in no file is null, and a number that cannot be read as the contract's type is null too:
    the check `columns` names both, and the others go on.
    """
    files = table.lake.files(table.name, days)
    if not files:
        types = ", ".join(f"NULL::{f.physical_type} AS {quoted(f.name)}" for f in table.fields)
        return f"(SELECT NULL::DATE AS day, {types} WHERE false)"
    source = _read_parquet(files)
    there = {row[0] for row in con.execute(f"DESCRIBE FROM {source}").fetchall()}
    columns = ", ".join(_column(field, there) for field in table.fields)
    return f"(SELECT day, {columns} FROM {source})"


def count_where(
    con: duckdb.DuckDBPyConnection, table: Table, rules: Sequence[Rule]
) -> dict[date, dict[str, float]]:
    """For each day the rows, as `rows`, and how many of them break each rule."""
    wanted = {"rows": "count(*)"} | {r.name: f"count(*) FILTER (WHERE {r.condition})" for r in rules}
    return aggregate(con, table, wanted)


def aggregate(
    con: duckdb.DuckDBPyConnection, table: Table, wanted: Mapping[str, str]
) -> dict[date, dict[str, float]]:
    """SQL aggregates by day. A day without rows has no entry."""
    found: dict[date, dict[str, float]] = {}
    columns = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in wanted.items())
    for span in table.spans():
        source = relation(con, table, span)
        for day, *values in con.execute(f"SELECT day, {columns} FROM {source} GROUP BY day").fetchall():
            found[day] = dict(zip(wanted, values, strict=True))
    return found


def group(
    con: duckdb.DuckDBPyConnection, table: Table, keys: Sequence[str]
) -> dict[date, dict[tuple[Any, ...], int]]:
    """Rows by day and key columns."""
    found: dict[date, dict[tuple[Any, ...], int]] = {}
    names = ", ".join(map(quoted, keys))
    for span in table.spans():
        query = f"SELECT day, {names}, count(*) FROM {relation(con, table, span)} GROUP BY ALL"
        for day, *key, count in con.execute(query).fetchall():
            found.setdefault(day, {})[tuple(key)] = count
    return found


def repeated_keys(con: duckdb.DuckDBPyConnection, table: Table) -> dict[date, int]:
    """For each day how many rows repeat the key of another row of the day; days without any are left out."""
    keys = [f.name for f in table.fields if f.name in table.dataset.key]
    names = ", ".join(map(quoted, keys))
    found: dict[date, int] = {}
    for span in table.spans():
        source = relation(con, table, span)
        # Hashes first: grouping eight bytes a row is several times as fast as grouping the key, and most
        # days have no repeated key, so the exact count below hardly ever runs.
        hashed = f"SELECT day FROM {source} GROUP BY day, hash({names}) HAVING count(*) > 1"
        suspects = [row[0] for row in con.execute(f"SELECT DISTINCT day FROM ({hashed})").fetchall()]
        if suspects:
            exact = (
                f"SELECT day, count(*) - 1 AS more FROM {relation(con, table, suspects)} "
                f"GROUP BY day, {names} HAVING count(*) > 1"
            )
            found |= con.execute(f"SELECT day, sum(more)::BIGINT FROM ({exact}) GROUP BY day").fetchall()
    return found


def wrong_columns(con: duckdb.DuckDBPyConnection, table: Table) -> dict[date, list[str]]:
    """For each day the contract's columns that its files lack or hold as another type."""
    found: dict[date, set[str]] = {}
    for span in table.spans():
        files = table.lake.files(table.name, span)
        if not files:
            continue
        listed = ", ".join(literal(file) for file in files)
        # A column of nothing but nulls may have been written without a type.
        rows = con.execute(
            "SELECT file_name, name, CASE WHEN logical_type LIKE 'NullType%' THEN 'NullType' "
            f"ELSE coalesce(converted_type, type) END FROM parquet_schema([{listed}])"
        ).fetchall()
        by_file: dict[str, dict[str, str]] = {}
        for file, name, written in rows:
            by_file.setdefault(file, {}).setdefault(name, written)
        for file, columns in by_file.items():
            match = _DAY.search(file)
            if match is None:
                continue
            wrong = {field.name for field in table.fields if not _fits(field, columns.get(field.name))}
            found.setdefault(date.fromisoformat(match.group(1)), set()).update(wrong)
    return {day: sorted(wrong) for day, wrong in found.items() if wrong}


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _read_parquet(files: Sequence[str]) -> str:
    listed = ", ".join(literal(file) for file in files)
    options = "hive_partitioning = true, hive_types = {'day': DATE}, union_by_name = true"
    return f"read_parquet([{listed}], {options})"


def _column(field: Field, there: set[str]) -> str:
    name = quoted(field.name)
    if field.name not in there:
        return f"NULL::{field.physical_type} AS {name}"
    if field.type in _NUMERIC:
        return f"TRY_CAST({name} AS {field.physical_type}) AS {name}"
    return name


# How Parquet writes a contract's type: the converted type, or the physical one where there is none.
_PARQUET: Mapping[FieldType, frozenset[str]] = {
    "string": frozenset({"UTF8"}),
    "double": frozenset({"DOUBLE"}),
    "bigint": frozenset({"INT64", "INT_64"}),
    "int": frozenset({"INT32", "INT_32"}),
    "boolean": frozenset({"BOOLEAN"}),
    "timestamp": frozenset({"TIMESTAMP_MICROS", "INT96"}),
    "date": frozenset({"DATE"}),
    "array<string>": frozenset({"LIST"}),
    "array<double>": frozenset({"LIST"}),
}


def _fits(field: Field, written: str | None) -> bool:
    return written is not None and (written == "NullType" or written in _PARQUET[field.type])
