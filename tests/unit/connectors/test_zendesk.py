"""Zendesk: users and tickets become contract rows, and nothing else of them is stored."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from orchestration.connectors import zendesk
from orchestration.connectors.network import ConnectorError
from tests.fixtures.crm_answers import assert_well_formed
from tests.fixtures.network_answers import damaged, fixture, reading, reduce, refusals, same_when_kept, table
from tests.fixtures.pulled import pulling
from tests.fixtures.replay_server import recorded

GIVEN = {"zendesk_email": "ops@example.org", "zendesk_token": "t0ken"}


def at(hour: int) -> datetime:
    return datetime(2026, 3, 10, hour, tzinfo=UTC)


def found(endpoint: str, number: int = 0) -> list[Any]:
    return list(zendesk.rows(fixture("zendesk", endpoint)[number], reading()))


def test_end_users_of_the_day_are_contacts() -> None:
    rows = found("users")
    assert table(rows, "crm_contacts") == [
        {
            "crm": "zendesk", "contact_id": "301", "email": "u301@example.org", "full_name": "User 301",
            "region": None, "lifetime_value": None, "currency": None, "customer_since": date(2024, 1, 2),
            "birth_year": None, "legal_basis": None, "updated_at": at(8),
        },
        {"crm": "zendesk", "contact_id": "305", "updated_at": at(8), "deleted": True},
    ]  # fmt: skip
    assert len(rows) == 2, "neither an agent nor a change of another day"


def test_users_that_were_deleted_that_day_are_told() -> None:
    rows = found("deleted_users")
    assert [(row["contact_id"], row["deleted"]) for row in table(rows, "crm_contacts")] == [("306", True)]
    assert len(rows) == 1, "neither an agent nor one of last year"
    for endpoint in ("users", "deleted_users"):
        stored = zendesk.kept(fixture("zendesk", endpoint)[0], reduce).body
        assert "Gone" not in stored
        assert "u306" not in stored


def test_tickets_and_how_they_were_liked() -> None:
    rows = found("tickets")
    told = [
        (row["event_id"], row["contact_id"], row["kind"], row["resolved"], row["satisfied"])
        for row in table(rows, "service_events")
    ]
    assert told == [
        ("1", "301", "call", True, False),
        ("2", "301", "case", None, None),
        ("3", "301", "case", True, True),
        ("4", "301", "case", None, None),
    ]
    assert [row.get("deleted") for row in table(rows, "service_events")] == [None, None, None, True]
    assert refusals(rows) == [("null_required", "tickets: created_at")]


def test_a_rating_of_another_day_comes_with_its_ticket_as_it_stands() -> None:
    [row] = table(found("rated_tickets"), "service_events")
    assert row == {
        "crm": "zendesk", "contact_id": "301", "event_id": "9", "kind": "case",
        "occurred_at": datetime(2026, 3, 2, 7, tzinfo=UTC), "resolved": True, "satisfied": False,
        "updated_at": at(15),
    }  # fmt: skip
    stored = zendesk.kept(fixture("zendesk", "rated_tickets")[0], reduce)
    assert "ratings" not in stored.about, "it goes with its ticket"
    assert "secret" not in stored.body


def test_a_plan_without_ratings_is_pulled_whole_all_the_same(tmp_path: Path) -> None:
    lines = recorded("zendesk")
    for line in lines:
        if line["endpoint"] in ("satisfaction_ratings", "deleted_users"):
            line["status"] = 403
    with pulling(zendesk, lines, tmp_path, **GIVEN) as pull:
        assert len(table(pull.run(), "service_events")) == 4
        assert not pull.client.incomplete
        assert pull.client.failures == []
        assert pull.client.notes == [
            f"{what}: this account's plan, or this user's role, has none"
            for what in ("deleted_users", "satisfaction_ratings")
        ]


def test_where_no_rating_is_read_none_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "zendesk.yaml").write_text(
        "contacts: {}\nservice: {closed: {field: status, means_yes: [solved]}}"
    )
    with pulling(zendesk, recorded("zendesk"), tmp_path, crm_fields=str(tmp_path), **GIVEN) as pull:
        pull.run()
        assert not [url for url, _ in pull.server.asked if "ratings" in url or "show_many" in url]


def test_a_pull_follows_the_cursor_and_twice_gives_the_same(tmp_path: Path) -> None:
    with pulling(zendesk, recorded("zendesk"), tmp_path, **GIVEN) as pull:
        first = pull.run()
        assert pull.server.missed == []
        contacts = table(first, "crm_contacts")
        assert [row["contact_id"] for row in contacts] == ["301", "305", "304", "306"]
        assert [row["event_id"] for row in table(first, "service_events")] == ["1", "2", "3", "4", "9"]
        asked = sum(pull.server.calls.values())
        assert asked == 6
        expected = "Basic " + base64.b64encode(b"ops@example.org/token:t0ken").decode()
        assert {headers["Authorization"] for _, headers in pull.server.asked} == {expected}
        assert pull.run() == first, "a pull that was stopped goes on from what is stored"
        assert sum(pull.server.calls.values()) == asked
        assert zendesk.check(pull.client).startswith("admin at http://127.0.0.1:")
    stored = (tmp_path / "zendesk.jsonl").read_text()
    assert not [word for word in ("t0ken", "secret", "everything", "rings twice", "+1") if word in stored]


def test_an_export_is_left_where_only_later_days_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zendesk, "PAGE", 2)
    lines = recorded("zendesk")
    for line in lines:
        line["url"] = line["url"].replace("per_page=1000", "per_page=2")
    first, second, *_ = (line["body"] for line in lines)
    first["after_url"] = lines[1]["url"]
    # The first of two changed later, the next does not; so the second page is asked for, and no third.
    later = [user | {"updated_at": "2026-03-11T01:00:00Z"} for user in first["users"][:2]]
    second |= {"users": later, "end_of_stream": False, "after_url": first["after_url"].replace("AAA", "CCC")}
    with pulling(zendesk, lines, tmp_path, **GIVEN) as pull:
        rows = pull.run()
        assert pull.server.missed == []
        assert [row["contact_id"] for row in table(rows, "crm_contacts")] == ["301", "305", "306"]
        assert len(table(rows, "service_events")) == 5


def test_only_what_is_mapped_is_stored() -> None:
    [ticket, *_] = json.loads(zendesk.kept(fixture("zendesk", "tickets")[0], reduce).body)["tickets"]
    assert ticket == {
        "id": 1,
        "requester_id": 301,
        "status": "solved",
        "created_at": "2026-03-10T07:00:00Z",
        "updated_at": "2026-03-10T09:00:00Z",
        "via": {"channel": "voice"},
        "satisfaction_rating": {"score": "bad"},
    }


def test_an_answer_that_is_no_export_is_said(tmp_path: Path) -> None:
    lines = recorded("zendesk")
    lines[0]["body"] = {"unexpected": True}
    with pulling(zendesk, lines, tmp_path, **GIVEN) as pull:
        assert len(table(pull.run(), "service_events")) == 5
        [failure] = pull.client.failures
        assert failure.startswith("users: users: an answer that cannot be followed: ")
        assert pull.client.incomplete


def test_a_cursor_that_comes_back_ends_the_list(tmp_path: Path) -> None:
    lines = recorded("zendesk")
    lines[1]["body"] |= {"end_of_stream": False, "after_url": lines[0]["body"]["after_url"]}
    with pulling(zendesk, lines, tmp_path, **GIVEN) as pull:
        pull.run()
        assert pull.client.failures == ["users: users: a cursor came back, and the list ends there"]


@pytest.mark.parametrize("left_out", sorted(GIVEN))
def test_without_credentials_the_settings_are_named(tmp_path: Path, left_out: str) -> None:
    given = {name: value for name, value in GIVEN.items() if name != left_out}
    with (
        pytest.raises(ConnectorError, match=f"STATURE_{left_out.upper()}"),
        pulling(zendesk, [], tmp_path, **given),
    ):
        pass


def test_what_is_stored_gives_the_same_rows() -> None:
    same_when_kept(zendesk.rows, zendesk.kept, fixture("zendesk"), reading())


@given(damaged(fixture("zendesk")))
@hypothesis_settings(max_examples=100, deadline=None)
def test_no_body_breaks_the_mapping(answer: Any) -> None:
    assert_well_formed(zendesk.rows(answer, reading()))
    assert_well_formed(zendesk.rows(zendesk.kept(answer, reduce), reading()))
