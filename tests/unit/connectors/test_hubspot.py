"""HubSpot: objects become contract rows beside whose they are; searches end, however many changed."""

from __future__ import annotations

import json
import operator
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
from tests.fixtures.crm_server import Asked, CrmServer, Reply
from tests.fixtures.crm_server import serving as crm_serving
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
        *[gone(merged, at(8, 30)) for merged in ("10", "9")],
    ]  # fmt: skip
    assert table(rows, "crm_contact_accounts") == [
        {"crm": "hubspot", "contact_id": "11", "network": "x", "handle": "ada"},
        {"crm": "hubspot", "contact_id": "12", "network": "x", "handle": "ben"},
    ]


def gone(contact: str, moment: datetime) -> dict[str, Any]:
    return {"crm": "hubspot", "contact_id": contact, "updated_at": moment, "deleted": True}


def test_a_field_that_cannot_be_read_is_left_empty_and_said() -> None:
    rows = found("contacts", 1)
    assert [(row["contact_id"], row["lifetime_value"]) for row in table(rows, "crm_contacts")] == [
        ("13", None)
    ]
    assert refusals(rows) == [("bad_type", "contacts: total_revenue, left empty")]


def test_contacts_that_were_archived_that_day_are_told() -> None:
    assert table(found("contacts_archived"), "crm_contacts") == [gone("5", at(7))]
    stored = hubspot.kept(fixture("hubspot", "contacts_archived")[0], str)
    assert "gone@example.org" not in stored.body


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
        contacts = table(first, "crm_contacts")
        assert [row["contact_id"] for row in contacts if not row.get("deleted")] == ["11", "12", "13"]
        assert [row["contact_id"] for row in contacts if row.get("deleted")] == ["10", "9", "5", "8"]
        asked = sum(pull.server.calls.values())
        assert asked == 2 + 2 + 3 + 3
        assert pull.run() == first
        assert sum(pull.server.calls.values()) == asked
        assert hubspot.check(pull.client) == "portal 1234567"
    assert "t0ken" not in (tmp_path / "hubspot.jsonl").read_text()


class Searched(CrmServer):
    """Contacts by id with the moment of their change, searched as HubSpot does: at most `most` in all."""

    most = 500  # ten thousand there; twenty times as many pages would prove no more

    def answer(self, asked: Asked) -> Reply:
        if asked.path != "/crm/v3/objects/contacts/search":
            return Reply(200, {"results": []})
        wish, after = asked.json, int(asked.json.get("after", 0))
        [group] = wish["filterGroups"]
        compare = {"GTE": operator.ge, "GT": operator.gt, "LT": operator.lt}
        found = [
            record
            for _, record in sorted(self.records.items(), key=lambda item: int(item[0]))
            if all(
                compare[one["operator"]](int(record[one["propertyName"]]), int(one["value"]))
                for one in group["filters"]
            )
        ]
        assert wish["sorts"] == [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]
        end = after + wish["limit"]
        if end > self.most:
            return Reply(400, {"category": "VALIDATION_ERROR"})
        results = [{"id": str(r["hs_object_id"]), "properties": r} for r in found[after:end]]
        following = {"paging": {"next": {"after": str(end)}}} if end < len(found) else {}
        self.changes()
        return Reply(200, {"total": len(found), "results": results, **following})

    def expire(self) -> Reply:
        return Reply(401, {"category": "EXPIRED_AUTHENTICATION"})

    def changes(self) -> None:
        """Somebody works on the first of all contacts while others are asked for: it is the next day's."""
        if len(self.calls) == 1 and self.calls.total() == 2:
            self.records["1"]["lastmodifieddate"] = str(MIDNIGHT)


MIDNIGHT = 1_773_187_200_000  # 2026-03-11
MANY = 750


def test_more_changes_than_a_search_gives_all_come(tmp_path: Path) -> None:
    # All changed in one millisecond, as an import's do; so there is no other order than that of the ids.
    records = {
        str(one): {"hs_object_id": str(one), "lastmodifieddate": str(MIDNIGHT - 1)}
        for one in range(1, MANY + 1)
    }
    with (
        crm_serving(Searched(records, set())) as server,
        pulling(hubspot, [], tmp_path, hubspot_url=server.url, **GIVEN) as pull,
    ):
        rows = table(pull.run(), "crm_contacts")
        assert [int(row["contact_id"]) for row in rows] == list(range(1, MANY + 1))
        assert pull.client.notes == []
        assert not pull.client.incomplete


def test_a_page_that_comes_back_ends_the_search(tmp_path: Path) -> None:
    others = [line for line in recorded("hubspot") if "contacts/search" not in line["url"]]
    [again, _] = [line for line in recorded("hubspot") if "contacts/search" in line["url"]]
    with pulling(hubspot, [again, *others], tmp_path, **GIVEN) as pull:
        pull.run()
        assert pull.client.failures == ["contacts: contacts: a page came back, and the list ends there"]
        assert pull.client.incomplete


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
