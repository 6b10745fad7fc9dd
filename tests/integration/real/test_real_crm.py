"""The sync with real servers: PostgreSQL, and Redmine through the generic HTTP destination."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml

from orchestration.activation.apply import Report
from orchestration.activation.contacts import Contacts
from orchestration.activation.sync import sync_crm
from orchestration.settings import Settings
from tests.fixtures.contact_scores import DAY, contact
from tests.integration.real.crm_servers import Redmine, postgres_server, redmine_server

pytestmark = pytest.mark.real

Sync = Callable[..., Report]


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty database."""
    with postgres_server(tmp_path_factory.mktemp("postgres")) as address:
        yield address


@pytest.fixture(scope="module")
def redmine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redmine]:
    """A Redmine with three users."""
    with redmine_server(tmp_path_factory.mktemp("redmine")) as found:
        yield found


def syncing(home: Path, crm: str, mapping: dict[str, Any], secret: str) -> Sync:
    """A sync of rows that a test gives, with this mapping."""
    (home / "mappings").mkdir()
    (home / "mappings" / f"{crm}.yaml").write_text(yaml.safe_dump(mapping))
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        home=str(home),
        crm_mappings=str(home / "mappings"),
        crm_secrets={crm: secret},  # type: ignore[dict-item]
    )
    runs = iter(range(100))

    def sync(*rows: dict[str, Any]) -> Report:
        read = lambda settings, crm: Contacts(list(rows), DAY)  # noqa: E731
        return sync_crm(settings, crm, f"run{next(runs)}", yes=True, today=DAY, read=read)

    return sync


# --- PostgreSQL -----------------------------------------------------------------------------------

TABLE = """
create schema if not exists sales;
drop table if exists sales."Influence";
create table sales."Influence" (
    "Contact" text primary key, score double precision, "topic; --" text check (length("topic; --") < 20),
    as_of date, phone text
);
insert into sales."Influence" ("Contact", phone) values ('1', '555-1');
"""
POSTGRES = {
    "kind": "postgres",
    "object": "sales.Influence",
    "id_field": "Contact",
    "fields": [
        {"field": "score", "column": "score"},
        {"field": "topic; --", "column": "topic_1"},
        {"field": "as_of", "column": "day"},
    ],
}


def rows_in(address: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(address) as connection:
        return connection.execute('select * from sales."Influence" order by 1').fetchall()


@pytest.fixture
def table(postgres: str) -> str:
    with psycopg.connect(postgres) as connection:
        connection.execute(TABLE)
    return postgres


def test_postgres_takes_new_rows_and_updates_its_own(table: str, tmp_path: Path) -> None:
    sync = syncing(tmp_path, "warehouse", POSTGRES, table)
    evil = "'); drop table x; --"
    first = sync(contact("1", 40.0), contact(evil, 60.0))
    assert (first.failure, first.run.counts["confirmed"], first.run.batch_size) == (None, 2, 1_000)
    assert rows_in(table) == [(evil, 60.0, "bicycles", DAY, None), ("1", 40.0, "bicycles", DAY, "555-1")]
    assert sync(contact("1", 40.9), contact(evil, 60.0)).run.counts["unchanged"] == 2
    assert sync(contact("1", None, unscored_reason="opted_out"), contact(evil, 60.0)).failure is None
    assert rows_in(table)[1] == ("1", None, None, None, "555-1")


def test_postgres_refuses_a_row_and_keeps_the_others(table: str, tmp_path: Path) -> None:
    sync = syncing(tmp_path, "warehouse", POSTGRES, table)
    report = sync(contact("1"), contact("2", topic_1="much too long a topic"), contact("3"))
    assert (report.run.counts["confirmed"], report.run.counts["refused"]) == (2, 1)
    assert "violates check constraint" in next(iter(report.reasons))
    assert [row[0] for row in rows_in(table)] == ["1", "3"]


def test_postgres_says_what_is_missing_and_never_the_address(table: str, tmp_path: Path) -> None:
    wrong = {**POSTGRES, "object": "sales.nothing"}
    report = syncing(tmp_path, "warehouse", wrong, table)(contact("1"))
    assert 'relation "sales.nothing" does not exist' in str(report.failure)
    port = table.rpartition(":")[2].partition("/")[0]
    assert port not in str(report.failure)


# --- Redmine --------------------------------------------------------------------------------------


def redmine_mapping(redmine: Redmine, **more: Any) -> dict[str, Any]:
    score, topic = redmine.fields["score"], redmine.fields["topic"]
    address = f"{redmine.url}/users/{{contact_id}}.json"
    fields = [{"id": score, "value": "{score}"}, {"id": topic, "value": "{topic}"}]
    return {
        "kind": "http",
        "secret_header": "X-Redmine-API-Key",
        "send": {"method": "PUT", "url": address, "body": {"user": {"custom_fields": fields}}},
        "read": {
            "method": "GET",
            "url": address,
            "values": {
                "score": f"user.custom_fields[id={score}].value",
                "topic": f"user.custom_fields[id={topic}].value",
            },
        },
        "fields": [{"field": "score", "column": "score"}, {"field": "topic", "column": "topic_1"}],
    } | more


def held(redmine: Redmine, user: int) -> dict[str, Any]:
    headers = {"X-Redmine-API-Key": redmine.key}
    found = httpx.get(f"{redmine.url}/users/{user}.json", headers=headers, timeout=30).json()["user"]
    values = {field["id"]: field["value"] for field in found["custom_fields"]}
    return {name: values[number] for name, number in redmine.fields.items()} | {"mail": found.get("mail")}


def test_redmine_holds_what_it_was_sent_and_nothing_else_changed(redmine: Redmine, tmp_path: Path) -> None:
    sync = syncing(tmp_path, "redmine", redmine_mapping(redmine), redmine.key)
    first, second, third = redmine.users
    report = sync(contact(str(first), 57.3), contact(str(second), 31.0), contact("99999", 50.0))
    assert (report.run.counts["confirmed"], report.run.counts["refused"]) == (2, 1)
    assert held(redmine, first) == {
        "score": "57.3",
        "topic": "bicycles",
        "phone": "555-1",
        "mail": "ada1@example.com",
    }
    sync(contact(str(first), None, unscored_reason="opted_out"), contact(str(second), 31.0))
    emptied = held(redmine, first)
    assert (emptied["score"] or None, emptied["topic"] or None, emptied["phone"]) == (None, None, "555-1")
    assert held(redmine, third)["score"] in ("", None)


def test_redmine_refuses_a_bad_value_with_its_reason(redmine: Redmine, tmp_path: Path) -> None:
    sync = syncing(tmp_path, "redmine", redmine_mapping(redmine), redmine.key)
    report = sync(contact(str(redmine.users[2]), 50.0, topic_1="a topic that is far too long for thirty"))
    assert report.run.counts["refused"] == 1
    assert "422: Topic is too long (maximum is 30 characters)" in report.reasons


def test_a_field_that_redmine_drops_in_silence_fails_the_sync_by_name(
    redmine: Redmine, tmp_path: Path
) -> None:
    mapping = redmine_mapping(redmine)
    mapping["send"]["body"]["user"]["custom_fields"][1]["id"] = 9_999  # Redmine says 204 to this
    report = syncing(tmp_path, "redmine", mapping, redmine.key)(
        contact(str(redmine.users[2]), 44.0, topic_1="x")
    )
    assert "did not arrive" in str(report.failure)
    assert "topic (1 of 1)" in str(report.failure)


def test_a_wrong_key_is_said_and_not_shown(redmine: Redmine, tmp_path: Path) -> None:
    sync = syncing(tmp_path, "redmine", redmine_mapping(redmine), "not-the-key")
    report = sync(contact(str(redmine.users[0]), 99.0))
    assert "does not let us in (401): look at STATURE_CRM_SECRETS" in str(report.failure)
    assert "not-the-key" not in str(report)
