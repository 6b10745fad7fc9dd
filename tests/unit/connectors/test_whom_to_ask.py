"""Whom a pull asks for: the watched, contacts, who reacted to those; nobody who wants to be left alone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from orchestration.connectors.asking import whom
from orchestration.connectors.network import ConnectorError
from orchestration.connectors.watch import FILE, change, forget, parse, watched
from orchestration.settings import Settings
from spark_jobs.arrow_schemas import delivered_schema
from spark_jobs.contracts import contract
from spark_jobs.erasure import erasure_salt, mark, subject
from spark_jobs.lake import Lake

DAY = date(2026, 3, 10)
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, home=str(tmp_path))


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return Lake(settings.home)


def write(lake: Lake, table: str, *rows: dict[str, Any], day: date = DAY) -> None:
    """Rows of an input table, as the lake has them."""
    lake.write_arrow(table, day, pa.Table.from_pylist(list(rows), delivered_schema(contract(table))), "test")


def account(account_id: str, handle: str) -> dict[str, Any]:
    return {"network": "toy", "account_id": account_id, "handle": handle, "observed_at": NOW}


def likes(actor: str, target: str, times: int = 1) -> list[dict[str, Any]]:
    like = {"network": "toy", "kind": "like", "actor_account_id": actor, "target_account_id": target}
    return [like | {"activity_id": f"{actor}{target}{n}", "occurred_at": NOW} for n in range(times)]


def request(what: str, at: datetime = NOW, **of: str) -> dict[str, Any]:
    return {"request": what, "requested_at": at, **of}


def asked(settings: Settings, lake: Lake, day: date = DAY) -> list[tuple[str | None, str | None, str]]:
    return [(w.handle, w.account_id, w.origin) for w in whom(settings, lake, "toy", day)]


def test_the_watched_then_contacts_then_who_reacted_most(settings: Settings, lake: Lake) -> None:
    change(settings.home, "add", [("toy", "ada"), ("other", "zoe"), ("toy", "bo")], NOW)
    write(
        lake,
        "crm_contact_accounts",
        {"crm": "c", "contact_id": "1", "network": "toy", "handle": "@ADA"},
        {"crm": "c", "contact_id": "2", "network": "toy", "handle": "cleo"},
        {"crm": "c", "contact_id": "3", "network": "other", "handle": "dan"},
    )
    write(lake, "accounts", account("1", "Ada"), account("3", "cleo"), account("8", "eve"))
    reactions = [
        *likes("9", "1"),
        *likes("8", "3", 2),
        *likes("7", "1", 2),
        *likes("3", "1", 9),
        *likes("6", "5"),
    ]
    write(lake, "activities", *reactions)
    assert asked(settings, lake) == [
        ("ada", None, "watch"),
        ("bo", None, "watch"),
        ("cleo", None, "crm"),
        (None, "7", "reacted"),
        ("eve", "8", "reacted"),
        (None, "9", "reacted"),
    ]
    few = settings.model_copy(update={"watch_reacted": 1})
    assert [w[2] for w in asked(few, lake)].count("reacted") == 1


def test_nobody_is_asked_for_as_a_contact_that_the_crm_deleted(settings: Settings, lake: Lake) -> None:
    of = {"crm": "c", "network": "toy"}
    handles = (of | {"contact_id": name, "handle": name} for name in ("ada", "bo", "cleo"))
    write(lake, "crm_contact_accounts", *handles)

    def version(contact: str, at: datetime, **more: bool) -> dict[str, Any]:
        return {"crm": "c", "contact_id": contact, "updated_at": at, **more}

    later = NOW + timedelta(hours=1)
    write(
        lake,
        "crm_contacts",
        *(version(name, NOW) for name in ("ada", "bo", "cleo")),
        day=DAY - timedelta(days=1),
    )
    write(lake, "crm_contacts", version("bo", later, deleted=True), version("cleo", later, deleted=True))
    assert [who[0] for who in asked(settings, lake)] == ["ada"]
    restored = DAY + timedelta(days=1)
    write(lake, "crm_contacts", version("cleo", later + timedelta(hours=1)), day=restored)
    assert sorted(str(who[0]) for who in asked(settings, lake, restored)) == ["ada", "cleo"]


def test_what_is_over_thirty_days_old_or_later_than_the_day_counts_for_nothing(
    settings: Settings, lake: Lake
) -> None:
    change(settings.home, "add", [("toy", "ada")], NOW)
    write(lake, "accounts", account("1", "ada"))
    write(lake, "activities", *likes("8", "1"), day=DAY - timedelta(days=31))
    write(lake, "activities", *likes("9", "1"), day=DAY + timedelta(days=1))
    assert asked(settings, lake) == [("ada", None, "watch")]


@pytest.mark.parametrize("what", ["opt_out", "erase", "object"])
def test_who_wants_to_be_left_alone_is_not_asked_for(what: str, settings: Settings, lake: Lake) -> None:
    change(settings.home, "add", [("toy", "ada"), ("toy", "5"), ("toy", "bo")], NOW)
    write(lake, "crm_contact_accounts", {"crm": "c", "contact_id": "1", "network": "toy", "handle": "BO"})
    write(lake, "accounts", account("1", "ada"), account("2", "cleo"))
    write(lake, "activities", *likes("8", "1"), *likes("9", "2"))
    assert [who[0] for who in asked(settings, lake)] == ["ada", "5", "bo", None]
    write(
        lake,
        "privacy_requests",
        request(what, network="toy", account_id="8"),
        request(what, network="toy", account_id="5"),
        request(what, crm="c", contact_id="1"),
    )
    assert asked(settings, lake) == [("ada", None, "watch")]
    later = NOW + timedelta(days=1)
    write(
        lake,
        "privacy_requests",
        request("opt_in", later, network="toy", account_id="8"),
        day=DAY + timedelta(days=1),
    )
    assert asked(settings, lake, DAY + timedelta(days=1)) == [("ada", None, "watch"), (None, "8", "reacted")]


def test_the_erased_are_known_by_their_marks_alone(settings: Settings, lake: Lake) -> None:
    change(settings.home, "add", [("toy", "ada"), ("toy", "Bo")], NOW)
    salt = erasure_salt(lake)
    owner = mark(salt, subject("toy", "1"))
    row = {
        "owner": owner, "request": owner, "kind": "handle", "scope": "toy", "requested_at": NOW,
        "erased_from": DAY, "cleaned_at": NOW,
    }  # fmt: skip
    marks = [row | {"mark": mark(salt, subject("toy@", "bo"))}, row | {"mark": owner}]
    lake.write_arrow("erased_mark", DAY, pa.Table.from_pylist(marks), "test")
    assert asked(settings, lake) == [("ada", None, "watch")]
    write(
        lake, "privacy_requests", request("opt_in", NOW + timedelta(hours=1), network="toy", account_id=owner)
    )
    assert asked(settings, lake) == [("ada", None, "watch"), ("Bo", None, "watch")]


def test_what_a_person_asked_holds_for_all_their_accounts(settings: Settings, lake: Lake) -> None:
    change(settings.home, "add", [("toy", "ada"), ("toy", "bo")], NOW)
    write(lake, "accounts", account("1", "ada"), account("2", "bo"))
    row = {"network": "toy", "request": "opt_out", "valid_from": DAY}
    rows = [
        row | {"account_id": "1", "valid_to": None},
        row | {"account_id": "2", "valid_to": DAY},
    ]
    lake.write_arrow("privacy_extension", DAY, pa.Table.from_pylist(rows), "test")
    assert asked(settings, lake) == [("bo", None, "watch")]


# --- the watch list -------------------------------------------------------------------------------


def test_the_last_order_counts_and_the_file_only_grows(settings: Settings, tmp_path: Path) -> None:
    home = settings.home
    assert change(home, "add", [("toy", "ada"), ("toy", "@Ada"), ("toy", "bo")], NOW) == 3
    assert change(home, "add", [("toy", "ADA")], NOW) == 0
    before = (tmp_path / FILE).read_text()
    assert change(home, "remove", [("toy", "ada"), ("toy", "nobody")], NOW) == 1
    assert (tmp_path / FILE).read_text().startswith(before)
    assert [order.handle for order in watched(home)] == ["bo"]
    assert change(home, "add", [("toy", "ada")], NOW) == 1
    assert [order.handle for order in watched(home)] == ["bo", "ada"]


def test_forgetting_leaves_no_line(settings: Settings, tmp_path: Path) -> None:
    change(settings.home, "add", [("toy", "ada"), ("toy", "bo"), ("other", "ada")], NOW)
    change(settings.home, "remove", [("toy", "ada")], NOW)
    assert forget(settings.home, [("toy", "@ADA")]) == 2
    assert [(order.network, order.handle) for order in watched(settings.home)] == [
        ("toy", "bo"),
        ("other", "ada"),
    ]
    assert not list(tmp_path.glob("*.tmp"))


def test_a_damaged_list_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"network": "toy"}\n')
    with pytest.raises(ConnectorError, match=r"watch.jsonl in .* is damaged"):
        watched(settings.home)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("@ada@toy", ("toy", "ada")),
        ("ada@TOY", ("toy", "ada")),
        ("@ada@host.example@toy", ("toy", "ada@host.example")),
        ("https://blog.example/feed@toy", ("toy", "https://blog.example/feed")),
    ],
)
def test_an_account_is_read(text: str, found: tuple[str, str]) -> None:
    assert parse(text, ["toy"]) == found


@pytest.mark.parametrize(
    ("text", "told"), [("ada", "is no account"), ("@toy", "is no account"), ("@a@b", "no network 'b'")]
)
def test_what_is_no_account_is_said(text: str, told: str) -> None:
    with pytest.raises(ConnectorError, match=told):
        parse(text, ["toy"])
