"""The published copy: whole, fresh, and swapped in under readers that go on reading."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from orchestration.publishing import (
    PublishedCopy,
    PublishingError,
    publish_warehouse,
    published_path,
    warehouse_path,
)
from orchestration.settings import Settings

# Reads, waits for a line, and reads again over the connection that it had open all the time.
READER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
for _ in range(2):
    print(connection.execute("select count(*), max(note) from core.people").fetchone(), flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path / "home"))


def build(settings: Settings, people: int, note: str) -> None:
    """Make the warehouse anew, as dbt would: staging, a mart that is a table and one that is a view."""
    path = warehouse_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        for schema in ("staging", "core", "bi", "crm"):
            connection.execute(f"create schema {schema}")
        connection.execute(
            f"create table staging.everybody as select i, '{note}-' || i as note from range({people}) t(i)"
        )
        connection.execute('create table "stature"."core"."people" as from staging.everybody')
        connection.execute(
            'create view "stature"."bi"."even" as from "stature"."staging"."everybody" where i % 2 = 0'
        )
        connection.execute("create table core.people__dbt_tmp as from core.people")


def read(copy: PublishedCopy, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(copy.path, read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_the_copy_has_the_marts_as_tables_and_nothing_else(settings: Settings) -> None:
    build(settings, 10, "first")
    copy = publish_warehouse(settings)
    assert copy.tables == {"bi.even": 5, "core.people": 10}
    assert copy.path == str(published_path(settings))
    assert copy.bytes == published_path(settings).stat().st_size > 0
    found = read(
        copy,
        "select schema_name, table_name from duckdb_tables() union all "
        "select schema_name, view_name from duckdb_views() where not internal order by all",
    )
    assert found == [("bi", "even"), ("core", "people")]
    schemas = read(copy, "select schema_name from duckdb_schemas() where database_name = current_database()")
    assert {"core", "bi", "crm"} <= {name for (name,) in schemas}


def test_nothing_lies_beside_the_copy(settings: Settings) -> None:
    build(settings, 10, "first")
    for _ in range(2):
        copy = publish_warehouse(settings)
        assert [path.name for path in Path(copy.path).parent.iterdir()] == ["stature.duckdb"]


def test_a_reader_in_another_process_goes_on_with_the_old_copy(settings: Settings) -> None:
    build(settings, 10, "first")
    copy = publish_warehouse(settings)
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, copy.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        assert reader.stdout.readline() == "(10, 'first-9')\n"
        build(settings, 20, "second")
        publish_warehouse(settings)
        assert read(copy, "select count(*), min(note) from core.people") == [(20, "second-0")]
        reader.stdin.write("go on\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == "(10, 'first-9')\n"
        reader.stdin.write("enough\n")
        reader.stdin.flush()
    assert reader.returncode == 0


def test_the_warehouse_stays_as_it_was(settings: Settings) -> None:
    build(settings, 10, "first")
    before = warehouse_path(settings).read_bytes()
    publish_warehouse(settings)
    assert warehouse_path(settings).read_bytes() == before


def test_rows_that_were_deleted_do_not_linger_in_the_copy(settings: Settings) -> None:
    # Few rows, so that DuckDB writes the text as it is and it can be looked for in the bytes.
    build(settings, 12, "traceable")
    copy = publish_warehouse(settings)
    assert b"traceable-11" in Path(copy.path).read_bytes()
    with duckdb.connect(str(warehouse_path(settings))) as connection:
        connection.execute("delete from core.people where i = 11")
        connection.execute("delete from staging.everybody where i = 11")
    publish_warehouse(settings)
    content = Path(copy.path).read_bytes()
    assert b"traceable-11" not in content
    assert b"traceable-10" in content


def test_what_a_killed_run_left_is_removed(settings: Settings) -> None:
    build(settings, 10, "first")
    folder = published_path(settings).parent
    folder.mkdir(parents=True)
    (folder / ".stature-dead.duckdb").write_bytes(b"half")
    (folder / ".stature-dead.duckdb.wal").write_bytes(b"half")
    (folder / ".stature-dead.duckdb.tmp").mkdir()
    (folder / ".stature-dead.duckdb.tmp" / "spill").write_bytes(b"half")
    (folder / "notes.txt").write_text("somebody's own")
    publish_warehouse(settings)
    assert sorted(path.name for path in folder.iterdir()) == ["notes.txt", "stature.duckdb"]


def test_a_log_that_belonged_to_the_old_copy_is_not_replayed_into_the_new(settings: Settings) -> None:
    build(settings, 10, "first")
    copy = publish_warehouse(settings)
    Path(copy.path + ".wal").write_bytes(b"what a tool wrote beside the copy before")
    publish_warehouse(settings)
    assert not Path(copy.path + ".wal").exists()
    assert read(copy, "select count(*) from core.people") == [(10,)]


def test_the_copy_cannot_be_written_by_mistake(settings: Settings) -> None:
    build(settings, 10, "first")
    copy = publish_warehouse(settings)
    assert Path(copy.path).stat().st_mode & 0o222 == 0


def test_without_a_warehouse_it_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(PublishingError, match=r"no warehouse at .*stature\.duckdb.*stature run"):
        publish_warehouse(settings)


def test_a_failure_leaves_the_copy_before_and_no_other_file(settings: Settings) -> None:
    build(settings, 10, "first")
    copy = publish_warehouse(settings)
    with duckdb.connect(str(warehouse_path(settings))) as connection:
        connection.execute("drop table staging.everybody")
    with pytest.raises(PublishingError, match=r"cannot be published.*everybody"):
        publish_warehouse(settings)
    assert read(copy, "select count(*) from bi.even") == [(5,)]
    assert [path.name for path in Path(copy.path).parent.iterdir()] == ["stature.duckdb"]


def test_a_warehouse_that_is_no_database_is_refused(settings: Settings) -> None:
    warehouse_path(settings).parent.mkdir(parents=True)
    warehouse_path(settings).write_bytes(b"not a database, and long enough to be read as one" * 100)
    with pytest.raises(PublishingError, match="cannot be published"):
        publish_warehouse(settings)
