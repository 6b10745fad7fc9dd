"""The published copy: the marts in a fresh DuckDB file, for BI tools, notebooks and the CRM sync.

A DuckDB file has one writer, and a reader in another process keeps that writer out. So dbt writes the
warehouse, and everybody else reads this copy, which is swapped in whole. It is made anew each time: in a
file that was copied or updated, deleted rows linger.
"""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.settings import Settings

SCHEMAS = ("core", "bi", "crm")
_UNFINISHED = ".stature-"
# dbt names tables so while it swaps them; a killed build can leave one.
_PASSING = ("__dbt_tmp", "__dbt_backup")


class PublishingError(Exception):
    """There is no warehouse to publish, or it cannot be read; says which and what to do."""


@dataclass(frozen=True)
class PublishedCopy:
    """What readers find: the file, its tables (`schema.name`) with their rows, and its size in bytes."""

    path: str
    tables: dict[str, int]
    bytes: int


def warehouse_path(settings: Settings) -> Path:
    """The file that dbt writes."""
    return Path(settings.home, "warehouse", "stature.duckdb")


def published_path(settings: Settings) -> Path:
    """The file that everybody else reads."""
    return Path(settings.home, "warehouse", "published", "stature.duckdb")


def publish_warehouse(settings: Settings) -> PublishedCopy:
    """Write core, bi and crm into a fresh file and swap it in.

    Views become tables. Whoever has the copy before this one open goes on reading it. One process at a
    time may publish a home: what it finds unfinished there, it removes. Raises PublishingError.
    """
    warehouse, published = warehouse_path(settings), published_path(settings)
    if not warehouse.is_file():
        raise PublishingError(
            f"There is no warehouse at {warehouse}. Run `stature run` first, which builds it."
        )
    published.parent.mkdir(parents=True, exist_ok=True)
    _remove_unfinished(published.parent)
    fresh = published.with_name(f"{_UNFINISHED}{secrets.token_hex(6)}.duckdb")
    try:
        tables = _copy(warehouse, fresh)
    except duckdb.Error as error:
        _remove_unfinished(published.parent)
        raise PublishingError(f"The warehouse at {warehouse} cannot be published: {error}") from error
    _to_disk(fresh)
    # Readers open it read-only; a tool that asks for more is told so at once.
    fresh.chmod(0o444)
    # What somebody may have written beside the copy before would be replayed into this one.
    published.with_name(published.name + ".wal").unlink(missing_ok=True)
    os.replace(fresh, published)
    _to_disk(published.parent)
    return PublishedCopy(str(published), tables, published.stat().st_size)


def _copy(warehouse: Path, fresh: Path) -> dict[str, int]:
    """Copy the marts into the file `fresh`; rows by table. The file has no log beside it after."""
    tables: dict[str, int] = {}
    with duckdb.connect(str(fresh)) as connection:
        # Under its own name, by which its views know their tables.
        location = str(warehouse).replace("'", "''")
        connection.execute(f"attach '{location}' as stature (read_only)")
        for schema in SCHEMAS:
            connection.execute(f"create schema {schema}")
        connection.begin()
        for schema, name in _marts(connection):
            table = f'"{schema}"."{name}"'
            connection.execute(f"create table {table} as from stature.{table}")
            counted = connection.execute(f"select count(*) from {table}").fetchone()  # noqa: S608
            tables[f"{schema}.{name}"] = int(counted[0]) if counted else 0
        connection.commit()
        connection.execute("detach stature")
        connection.execute("checkpoint")
    return tables


def _marts(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    found = connection.execute(
        """
        select schema_name, table_name from duckdb_tables() where database_name = 'stature'
        union all
        select schema_name, view_name from duckdb_views() where database_name = 'stature' and not internal
        order by all
        """
    ).fetchall()
    return [(schema, name) for schema, name in found if schema in SCHEMAS and not name.endswith(_PASSING)]


def _remove_unfinished(folder: Path) -> None:
    """Remove what a killed run left: files, their logs, and folders that DuckDB spilled into."""
    for leftover in folder.glob(f"{_UNFINISHED}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
