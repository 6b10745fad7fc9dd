"""Reading the published warehouse: a copy that nobody writes, so everybody may hold it open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from orchestration.runs import RunError, published_copy
from orchestration.settings import Settings

SCHEMAS = ("core", "bi", "crm")


class CommandError(Exception):
    """What was asked for is not there or not possible; the message says what, where and what to do."""


class Warehouse:
    """The published copy, open for reading."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """All rows of a query, as dictionaries."""
        answer = self.connection.execute(query, list(values))
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def row(self, query: str, *values: object) -> dict[str, Any] | None:
        """The first row of a query."""
        found = self.rows(query, *values)
        return found[0] if found else None

    def tables(self) -> dict[str, list[str]]:
        """Tables and views that may be read, with their columns, by `schema.table`."""
        found: dict[str, list[str]] = {}
        for row in self.rows(
            "select table_schema || '.' || table_name as name, column_name from information_schema.columns "
            "where table_schema in ('core', 'bi', 'crm') order by 1, ordinal_position"
        ):
            found.setdefault(row["name"], []).append(row["column_name"])
        return found

    def resolve(self, name: str) -> str:
        """`schema.table` for a table's name with or without its schema. CommandError where there is none."""
        tables = self.tables()
        if name in tables:
            return name
        matches = [f"{schema}.{name}" for schema in SCHEMAS if f"{schema}.{name}" in tables]
        if not matches:
            raise CommandError(f"There is no table {name}. There are: {', '.join(sorted(tables))}.")
        return matches[0]


def quoted(name: str) -> str:
    """`schema.table` as SQL identifiers."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


@contextmanager
def open_warehouse(settings: Settings) -> Iterator[Warehouse]:
    """The published copy; CommandError where nothing was published yet."""
    path = published_copy(settings)
    if path is None:
        raise RunError(
            f"{settings.home} is not a folder of this machine; open its published copy where it is."
        )
    if not path.exists():
        raise CommandError(f"Nothing is published in {settings.home} yet. Run: stature run --from YYYY-MM-DD")
    connection = duckdb.connect(str(path), read_only=True)
    try:
        connection.execute("set timezone = 'UTC'")
        yield Warehouse(connection)
    finally:
        connection.close()


@dataclass(frozen=True)
class Summary:
    """The last published day in three numbers."""

    day: Any
    scored: int
    median: float | None


def summary(settings: Settings) -> Summary:
    """What the published copy says of its last day."""
    with open_warehouse(settings) as warehouse:
        row = warehouse.row(
            "select max(day) as day, count(score) as scored, median(score) as median from bi.score_latest"
        )
    return Summary(row["day"], row["scored"], row["median"]) if row else Summary(None, 0, None)


def write_table(settings: Settings, table: str, out: Path, day: Any) -> tuple[str, int]:
    """Write a table, or a day of it, as Parquet or CSV by the file's ending; its full name and rows."""
    ending = out.suffix.lower()
    if ending not in (".parquet", ".csv"):
        raise CommandError(f"{out} ends in neither .parquet nor .csv, so the form is not known.")
    if not out.parent.is_dir():
        raise CommandError(f"The folder {out.parent} does not exist.")
    with open_warehouse(settings) as warehouse:
        name = warehouse.resolve(table)
        query = f"select * from {quoted(name)}"  # noqa: S608  a name from the catalogue
        values: Sequence[Any] = ()
        if day is not None:
            if "day" not in warehouse.tables()[name]:
                raise CommandError(f"{name} has no days: leave out --day.")
            query, values = f"{query} where day = ?", (day,)
        found = warehouse.row(f"select count(*) as rows from ({query})", *values)  # noqa: S608
        rows = int(found["rows"]) if found else 0
        if not rows and day is not None:
            raise CommandError(f"{name} has no rows of {day}.")
        # Whole or not at all: a reader of the file never finds half of it.
        temporary = out.with_name(f".{out.name}.part")
        relation = warehouse.connection.sql(query, params=list(values))
        if ending == ".parquet":
            relation.write_parquet(str(temporary), compression="zstd")
        else:
            relation.write_csv(str(temporary), header=True)
        temporary.replace(out)
    return name, rows
