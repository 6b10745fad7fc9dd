"""The published copy: the marts in a fresh DuckDB file, for BI tools, notebooks and the CRM sync.

A DuckDB file has one writer, and a reader in another process keeps that writer out. So dbt writes the
warehouse, and everybody else reads this copy, which is swapped in whole. It is made anew each time: in a
file that was copied or updated, deleted rows linger.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.settings import Settings
from spark_jobs.lake import Lake, to_disk

SCHEMAS = ("core", "bi", "crm")
SYNCS = {"sync_history": ("stg_deliveries", "deliveries"), "sync_run": ("stg_crm_sync", "crm_sync")}
"""Marts of `crm` that grow after their own publishing: their model in staging, and its table in the lake."""
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
    fresh = _fresh(published)
    try:
        tables = _copy(warehouse, fresh)
    except duckdb.Error as error:
        _remove_unfinished(published.parent)
        raise PublishingError(f"The warehouse at {warehouse} cannot be published: {error}") from error
    return _swapped_in(fresh, published, tables)


def publish_syncs(settings: Settings) -> PublishedCopy | None:
    """Write the published copy anew, with what CRM syncs did since in crm.sync_history and crm.sync_run.

    A sync follows publishing. dbt would show it ten seconds later; here the models' own SQL runs over the
    lake's deliveries instead, so that whom they leave out stays left out. All other tables come from the copy
    that is published, because what stands in the warehouse may have failed its checks. The home's lock is the
    caller's to hold. None where nothing is published yet. Raises PublishingError.
    """
    warehouse, published = warehouse_path(settings), published_path(settings)
    if "://" in settings.home or not (warehouse.is_file() and published.is_file()):
        return None
    _remove_unfinished(published.parent)
    fresh = _fresh(published)
    try:
        tables = _copy_with_syncs(Lake(settings.home), warehouse, published, fresh)
    except duckdb.Error as error:
        _remove_unfinished(published.parent)
        raise PublishingError(f"What the sync did cannot be shown in {published}: {error}") from error
    return _swapped_in(fresh, published, tables)


def _fresh(published: Path) -> Path:
    return published.with_name(f"{_UNFINISHED}{secrets.token_hex(6)}.duckdb")


def _swapped_in(fresh: Path, published: Path, tables: dict[str, int]) -> PublishedCopy:
    to_disk(fresh)
    # Readers open it read-only; a tool that asks for more is told so at once.
    fresh.chmod(0o444)
    # What somebody may have written beside the copy before would be replayed into this one.
    published.with_name(published.name + ".wal").unlink(missing_ok=True)
    os.replace(fresh, published)
    to_disk(published.parent)
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
        for schema, name in _marts(connection, "stature"):
            table = f'"{schema}"."{name}"'
            tables[f"{schema}.{name}"] = _make(connection, table, f"from stature.{table}")
        connection.commit()
        connection.execute("detach stature")
        connection.execute("checkpoint")
    return tables


def _copy_with_syncs(lake: Lake, warehouse: Path, published: Path, fresh: Path) -> dict[str, int]:
    """Copy the published marts into the file `fresh`, those of the syncs from the lake; rows by table."""
    tables: dict[str, int] = {}
    with duckdb.connect(str(fresh)) as connection:
        connection.execute("set timezone = 'UTC'")  # a file's instants become plain UTC times
        for name, path in (("stature", warehouse), ("published", published)):
            location = str(path).replace("'", "''")
            connection.execute(f"attach '{location}' as {name} (read_only)")
        models = {name: sql for name in SYNCS if (sql := _model(connection, name))}
        for name in models:
            staging, table = SYNCS[name]
            _stage(connection, staging, lake.files(table, lake.days(table)))
        for schema in SCHEMAS:
            connection.execute(f"create schema {schema}")
        connection.begin()
        for schema, name in _marts(connection, "published"):
            table = f'"{schema}"."{name}"'
            sql = models.get(name) if schema == "crm" else None
            tables[f"{schema}.{name}"] = _make(connection, table, sql or f"from published.{table}")
        connection.commit()
        for name in SYNCS:
            connection.execute(f"drop table if exists temp.{SYNCS[name][0]}")
        connection.execute("detach stature")
        connection.execute("detach published")
        connection.execute("checkpoint")
    return tables


def _model(connection: duckdb.DuckDBPyConnection, name: str) -> str | None:
    """The SQL of a sync's mart, reading a temporary table instead of staging; None without such a model."""
    found = connection.execute(
        """
        select sql from duckdb_views()
        where database_name = 'stature' and schema_name = 'crm' and view_name = ?
        """,
        [name],
    ).fetchone()
    if found is None:
        return None
    sql = str(found[0]).partition(" AS ")[2].rstrip().rstrip(";")
    staging = SYNCS[name][0]
    return sql.replace(f"stature.staging.{staging}", f"temp.{staging}")


def _stage(connection: duckdb.DuckDBPyConnection, staging: str, files: Sequence[str]) -> None:
    """The lake's files as a temporary table with the columns and types of the model in staging."""
    columns = connection.execute(
        """
        select column_name, data_type from duckdb_columns()
        where database_name = 'stature' and schema_name = 'staging' and table_name = ?
        order by column_index
        """,
        [staging],
    ).fetchall()
    typed = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind in columns)
    rows = f"from stature.staging.{staging} where false"
    if files:
        listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
        # By name: a file that was written before a column was added has nulls there.
        rows = (
            f"from read_parquet([{listed}], hive_partitioning = true, hive_types = {{'day': date}}, "
            f"union_by_name = true) union all by name {rows}"
        )
    connection.execute(f"create temporary table {staging} as select {typed} from ({rows})")  # noqa: S608


def _make(connection: duckdb.DuckDBPyConnection, table: str, query: str) -> int:
    """Make the table of a query; its rows."""
    connection.execute(f"create table {table} as {query}")
    counted = connection.execute(f"select count(*) from {table}").fetchone()  # noqa: S608
    return int(counted[0]) if counted else 0


def _marts(connection: duckdb.DuckDBPyConnection, database: str) -> list[tuple[str, str]]:
    found = connection.execute(
        """
        select schema_name, table_name from duckdb_tables() where database_name = $database
        union all
        select schema_name, view_name from duckdb_views() where database_name = $database and not internal
        order by all
        """,
        {"database": database},
    ).fetchall()
    return [(schema, name) for schema, name in found if schema in SCHEMAS and not name.endswith(_PASSING)]


def _remove_unfinished(folder: Path) -> None:
    """Remove what a killed run left: files, their logs, and folders that DuckDB spilled into."""
    for leftover in folder.glob(f"{_UNFINISHED}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()
