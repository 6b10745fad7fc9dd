"""The statements for PostgreSQL, run by DuckDB, which reads the same SQL; make test-real asks the server."""

from __future__ import annotations

import duckdb
import pytest
from psycopg import sql

from orchestration.activation.postgres import select, upsert

TABLE = sql.Identifier("sales", 'In"fluence')
ID, TOPIC = "Contact", "topic; --"


def run(
    connection: duckdb.DuckDBPyConnection, statement: sql.Composed, *values: object
) -> list[tuple[object, ...]]:
    return connection.execute(statement.as_string(None).replace("%s", "?"), list(values)).fetchall()


@pytest.fixture
def database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("create schema sales")
    connection.execute(
        """
        create table sales."In""fluence"
        ("Contact" text primary key, score double, "topic; --" text, phone text)
        """
    )
    connection.execute("""insert into sales."In""fluence" values ('1', 40, 'birds', '555-1')""")
    return connection


def test_a_record_is_made_or_updated_and_only_its_fields(database: duckdb.DuckDBPyConnection) -> None:
    statement = upsert(TABLE, ID, ["score", TOPIC])
    evil = "'); drop table x; --"
    run(database, statement, "1", 60.5, None)
    run(database, statement, evil, 20.0, evil)
    run(database, upsert(TABLE, ID, ["score"]), evil, 21.0)
    rows = database.execute('from sales."In""fluence" order by 1 desc').fetchall()
    assert rows == [("1", 60.5, None, "555-1"), (evil, 21.0, evil, None)]


def test_records_are_read_by_their_ids_as_text(database: duckdb.DuckDBPyConnection) -> None:
    assert run(database, select(TABLE, ID, ["score", TOPIC]), ["1", "nobody"]) == [("1", "40.0", "birds")]
