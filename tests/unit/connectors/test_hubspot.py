"""HubSpot: objects become contract rows beside whose they are; searches end, however many changed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from orchestration.connectors import hubspot
from orchestration.connectors.network import ConnectorError
from orchestration.privacy.answers import without
from tests.fixtures.crm_answers import assert_well_formed
from tests.fixtures.network_answers import damaged, fixture, reading, refusals, same_when_kept, table
from tests.fixtures.pulled import pulling
from tests.fixtures.replay_server import recorded

GIVEN = {"hubspot_token": "t0ken"}
SEARCH = "https://api.hubapi.com/crm/v3/objects/contacts/search"


def at(hour: int, minute: int = 0, day: int = 10) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def found(endpoint: str, number: int = 0) -> list[Any]:
    return list(hubspot.rows(fixture("hubspot", endpoint)[number], reading()))


def test_contacts_with_their_handles() -> None:
    rows = found("contacts")
    assert table(rows, "crm_contacts") == [
        {
            "crm": "hubspot", "contact_id": "11", "email": "ada@example.org", "full_name": "Ada Lovelace",
            "region": "UK", "lifetime_value": 1500.25, "currency": None,
            "customer_since": date(2021, 2, 3), "birth_year": 1985,
            "legal_basis": "Freely given consent from contact", "updated_at": at(8),
        },
        {
            "crm": "hubspot", "contact_id": "12", "email": None, "full_name": "Ben", "region": None,
            "lifetime_value": None, "currency": None, "customer_since": None, "birth_year": None,
            "legal_basis": None, "updated_at": at(8, 30),
        },
    ]  # fmt: skip
    assert table(rows, "crm_contact_accounts") == [
        {"crm": "hubspot", "contact_id": "11", "network": "x", "handle": "ada"},
        {"crm": "hubspot", "contact_id": "12", "network": "x", "handle": "ben"},
    ]
    assert refusals(found("contacts", 1)) == [("bad_type", "contacts: total_revenue")]


def test_tickets_are_their_first_contacts() -> None:
    rows = table(found("tickets"), "service_events")
    assert [(row["event_id"], row["contact_id"], row["kind"], row["resolved"]) for row in rows] == [
        ("71", "11", "call", True),
        ("72", "12", "case", None),
    ]
    assert (rows[0]["occurred_at"], rows[0]["updated_at"]) == (at(10, day=9), at(10))
    assert found("tickets_changed") == found("tickets_contacts") == []


def test_won_deals_are_orders() -> None:
    assert table(found("deals"), "outcomes") == [
        {
            "outcome_id": "91", "crm": "hubspot", "contact_id": "11", "kind": "order", "amount": 99.9,
            "occurred_at": at(11, 45), "campaign_id": None,
        }
    ]  # fmt: skip


def test_a_pull_joins_objects_and_contacts_and_twice_gives_the_same(tmp_path: Path) -> None:
    with pulling(hubspot, recorded("hubspot"), tmp_path, **GIVEN) as pull:
        first = pull.run()
        assert pull.server.missed == []
        assert [row["event_id"] for row in table(first, "service_events")] == ["71", "72"]
        assert [row["outcome_id"] for row in table(first, "outcomes")] == ["91"]
        assert len(table(first, "crm_contacts")) == 2
        asked = sum(pull.server.calls.values())
        assert asked == 2 + 3 + 3
        assert pull.run() == first
        assert sum(pull.server.calls.values()) == asked
        assert hubspot.check(pull.client) == "portal 1234567"
    assert "t0ken" not in (tmp_path / "hubspot.jsonl").read_text()


def _contacts(first: int, count: int, after: str | None, moment: str) -> dict[str, Any]:
    results = [
        {"id": str(number), "properties": {"lastmodifieddate": moment}}
        for number in range(first, first + count)
    ]
    paging = {"paging": {"next": {"after": after}}} if after else {}
    return {
        "endpoint": "contacts",
        "url": SEARCH,
        "status": 200,
        "body": {"total": 9, "results": results, **paging},
    }


def test_a_search_with_too_many_results_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubspot, "MOST_RESULTS", 250)
    pages = [
        _contacts(0, 100, "100", "2026-03-10T08:00:00Z"),
        _contacts(100, 100, "200", "2026-03-10T09:00:00Z"),
        # The second search begins at nine and gives what came with that moment once more.
        _contacts(100, 100, "100", "2026-03-10T09:00:00Z"),
        _contacts(200, 50, None, "2026-03-10T10:00:00Z"),
    ]
    others = [line for line in recorded("hubspot") if "contacts/search" not in line["url"]]
    with pulling(hubspot, [*pages, *others], tmp_path, **GIVEN) as pull:
        rows = table(pull.run(), "crm_contacts")
        assert {row["contact_id"] for row in rows} == {str(number) for number in range(250)}
        assert pull.client.notes == []
        assert not pull.client.incomplete


def test_more_changes_in_one_moment_than_a_search_gives_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubspot, "MOST_RESULTS", 150)
    pages = [
        _contacts(0, 100, "100", "2026-03-10T00:00:00Z"),
        _contacts(100, 50, None, "2026-03-10T10:00:00Z"),
    ]
    others = [line for line in recorded("hubspot") if "contacts/search" not in line["url"]]
    with pulling(hubspot, [*pages, *others], tmp_path, **GIVEN) as pull:
        assert len(table(pull.run(), "crm_contacts")) == 150
        assert pull.client.notes == ["contacts: more changed at once than a search gives; some were left out"]
        assert pull.client.incomplete


def test_a_cursor_that_comes_back_ends_the_search(tmp_path: Path) -> None:
    others = [line for line in recorded("hubspot") if "contacts/search" not in line["url"]]
    pages = [_contacts(0, 100, "100", "2026-03-10T08:00:00Z")]
    with pulling(hubspot, [*pages, *others], tmp_path, **GIVEN) as pull:
        pull.run()
        assert pull.client.notes == ["contacts: a cursor came back, and the list ends there"]


def test_an_odd_search_answer_is_an_answer_that_cannot_be_followed(tmp_path: Path) -> None:
    odd = {"endpoint": "contacts", "url": SEARCH, "status": 200, "body": json.dumps([1])}
    others = [line for line in recorded("hubspot") if "contacts/search" not in line["url"]]
    with pulling(hubspot, [odd, *others], tmp_path, **GIVEN) as pull:
        assert len(table(pull.run(), "service_events")) == 2
        assert pull.client.failures == ["contacts: contacts: an answer that cannot be followed: Unreadable"]
        assert pull.client.incomplete


def test_without_a_token_the_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConnectorError, match="STATURE_HUBSPOT_TOKEN"), pulling(hubspot, [], tmp_path):
        pass


def test_a_ticket_is_stored_with_its_contact_and_goes_with_it() -> None:
    stored = hubspot.kept(fixture("hubspot", "tickets")[0], str)
    assert "11" not in str(stored.about)
    left, gone = without(stored.body, lambda name: name == "11")
    assert gone == 1
    rows = list(hubspot.rows(replace(stored, body=left), reading()))
    assert [row["event_id"] for row in table(rows, "service_events")] == ["72"]


def test_what_is_stored_gives_the_same_rows() -> None:
    same_when_kept(hubspot.rows, hubspot.kept, fixture("hubspot"), reading())


@given(damaged(fixture("hubspot")))
@hypothesis_settings(max_examples=100, deadline=None)
def test_no_body_breaks_the_mapping(answer: Any) -> None:
    assert_well_formed(hubspot.rows(answer, reading()))
