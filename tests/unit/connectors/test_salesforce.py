"""Salesforce: records become contract rows, by REST and in bulk, and the window is what changed."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from orchestration.connectors import salesforce
from orchestration.connectors.answers import Answer
from orchestration.connectors.crm.fields import crm_fields
from orchestration.connectors.network import ConnectorError
from orchestration.connectors.salesforce.asking import BULK_FROM
from orchestration.privacy.answers import without
from tests.fixtures.crm_answers import assert_well_formed
from tests.fixtures.network_answers import damaged, fixture, reading, refusals, same_when_kept, table
from tests.fixtures.pulled import pulling
from tests.fixtures.replay_server import recorded

GIVEN = {"salesforce_token": "t0ken"}
JOBS = "https://acme.my.salesforce.com/services/data/v62.0/jobs/query"


def at(hour: int, day: int = 10) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def found(endpoint: str, number: int = 0) -> list[Any]:
    return list(salesforce.rows(fixture("salesforce", endpoint)[number], reading()))


def test_contacts_that_changed_that_day() -> None:
    rows = found("contacts")
    assert table(rows, "crm_contacts") == [
        {
            "crm": "salesforce", "contact_id": "003A", "email": "ada@example.org",
            "full_name": "Ada Lovelace", "region": "United Kingdom", "lifetime_value": None, "currency": None,
            "customer_since": date(2020, 5, 6), "birth_year": 1985, "legal_basis": None, "updated_at": at(9),
        }
    ]  # fmt: skip
    assert len(rows) == 1


def test_a_field_that_cannot_be_read_is_left_empty_and_said() -> None:
    rows = found("contacts", 1)
    [contact, *_] = table(rows, "crm_contacts")
    assert (contact["contact_id"], contact["full_name"], contact["birth_year"]) == ("003C", "Cleo", None)
    assert refusals(rows) == [("bad_type", "contacts: Birthdate, left empty")]


def test_deleted_and_merged_contacts_are_told_and_nothing_else_of_them() -> None:
    gone = [row for row in table(found("contacts", 1), "crm_contacts") if row.get("deleted")]
    assert gone == [
        {"crm": "salesforce", "contact_id": one, "updated_at": datetime(2026, 3, 10, 9, 30, tzinfo=UTC),
         "deleted": True}
        for one in ("003E", "003F")
    ]  # fmt: skip
    stored = salesforce.kept(fixture("salesforce", "contacts")[1], str).body
    assert "gone@example.org" not in stored
    assert "Cleo" in stored
    in_bulk = found("contacts_bulk", 1)
    assert [row.get("deleted") for row in table(in_bulk, "crm_contacts")] == [None, True]
    assert "gone@example.org" not in salesforce.kept(fixture("salesforce", "contacts_bulk")[1], str).body


def test_cases_are_settled_open_or_failed() -> None:
    def case(event: str, kind: str, resolved: bool | None) -> dict[str, Any]:
        return {
            "crm": "salesforce", "contact_id": "003A", "event_id": event, "kind": kind,
            "occurred_at": at(10, 1), "resolved": resolved, "satisfied": None, "updated_at": at(10),
        }  # fmt: skip

    rows = found("cases")
    assert table(rows, "service_events") == [
        case("500A", "call", True),
        case("500B", "case", None),
        case("500C", "case", False),
        case("500E", "case", None) | {"deleted": True},
    ]
    assert len(rows) == 4


def test_won_opportunities_are_their_primary_contacts_orders() -> None:
    rows = found("opportunities")
    assert table(rows, "outcomes") == [
        {
            "outcome_id": "006A", "crm": "salesforce", "contact_id": "003A", "kind": "order",
            "amount": 1200.5, "occurred_at": at(0, 9), "campaign_id": "701X",
        },
        {
            "outcome_id": "006C", "crm": "salesforce", "contact_id": "003A", "kind": "order",
            "amount": None, "occurred_at": at(11), "campaign_id": None,
        },
        {  # Won five days ago; who bought was said today.
            "outcome_id": "006D", "crm": "salesforce", "contact_id": "003A", "kind": "order",
            "amount": 80.0, "occurred_at": at(0, 5), "campaign_id": None,
        },
    ]  # fmt: skip


def test_contact_roles_are_read_from_bulk_results_too() -> None:
    answer = fixture("salesforce", "opportunities")[0]
    flat = (
        '"Id","ContactId","OpportunityId","SystemModstamp","Opportunity.SystemModstamp","Opportunity.IsWon",'
        '"Opportunity.Amount","Opportunity.CloseDate","Opportunity.CampaignId"\n'
        '"00KA","003A","006A","2026-01-05T10:00:00.000Z","2026-03-10T11:00:00.000Z","true","1200.5","2026-03-09",""\n'
    )
    bulk = replace(answer, endpoint="opportunities_bulk", body=flat)
    rows = list(salesforce.rows(bulk, reading()))
    [row] = table(rows, "outcomes")
    assert (row["outcome_id"], row["contact_id"], row["amount"]) == ("006A", "003A", 1200.5)
    assert list(salesforce.rows(salesforce.kept(bulk, str), reading())) == rows


def test_bulk_results_are_read_as_queries_are() -> None:
    [contact] = table(found("contacts_bulk"), "crm_contacts")
    assert (contact["contact_id"], contact["full_name"]) == ("003A", 'Ada "the first" Lovelace')
    assert (contact["region"], contact["birth_year"], contact["updated_at"]) == (None, None, at(9))


def test_a_pull_takes_every_page_and_twice_gives_the_same(tmp_path: Path) -> None:
    with pulling(salesforce, recorded("salesforce"), tmp_path, **GIVEN) as pull:
        first = pull.run()
        assert pull.server.missed == []
        assert {row.table for row in first if hasattr(row, "table")} == {
            "crm_contacts",
            "service_events",
            "outcomes",
        }
        assert refusals(first) == [("bad_type", "contacts: Birthdate, left empty")]
        asked = sum(pull.server.calls.values())
        assert asked == 7
        assert all(headers["Authorization"] == "Bearer t0ken" for _, headers in pull.server.asked)
        assert pull.run() == first
        assert sum(pull.server.calls.values()) == asked, "what the journal holds is not asked for again"
        assert salesforce.check(pull.client).endswith("99872 requests left today")
    assert "t0ken" not in (tmp_path / "salesforce.jsonl").read_text()


def _bulk(states: list[str]) -> list[dict[str, Any]]:
    """The fixture's answers, with enough contacts for a job that goes through these states."""
    lines = [line for line in recorded("salesforce") if line["endpoint"] != "count"]
    counts = [line for line in recorded("salesforce") if line["endpoint"] == "count"]
    counts[0]["body"]["totalSize"] = BULK_FROM
    for line in counts[1:]:
        line["body"]["totalSize"] = 0
    job = {"id": "750A", "operation": "queryAll", "object": "Contact", "apiVersion": 62.0}
    made = {"endpoint": "bulk_job", "url": JOBS, "status": 200, "body": job | {"state": "UploadComplete"}}
    polls = [
        {"endpoint": "bulk_job", "url": f"{JOBS}/750A", "status": 200, "body": job | {"state": state}}
        for state in states
    ]
    return [*lines, *counts, made, *polls]


def test_many_records_come_as_one_job(tmp_path: Path) -> None:
    waited: list[float] = []
    with pulling(salesforce, _bulk(["InProgress", "InProgress", "JobComplete"]), tmp_path, **GIVEN) as pull:
        pull.client._wait = waited.append
        rows = pull.run()
        contacts = table(rows, "crm_contacts")
        assert [row["contact_id"] for row in contacts if not row.get("deleted")] == ["003A", "003D"]
        assert waited == [15.0, 15.0]
        assert pull.server.missed == []
        asked = sum(pull.server.calls.values())
        assert pull.run() == rows
        assert sum(pull.server.calls.values()) == asked
        assert waited == [15.0] * 4, "polls are waited for in the same way, answered by the journal"


@pytest.mark.parametrize("state", ["Failed", "Aborted"])
def test_a_job_that_fails_is_asked_for_another_day(tmp_path: Path, state: str) -> None:
    with pulling(salesforce, _bulk([state]), tmp_path, **GIVEN) as pull:
        assert table(pull.run(), "crm_contacts") == []
        assert pull.client.failures == [f"contacts: contacts_bulk: Salesforce ended the job as {state}"]
        assert pull.client.incomplete


def test_a_list_that_fails_keeps_no_other_away(tmp_path: Path) -> None:
    lines = recorded("salesforce")
    lines[1] |= {"status": 404}
    with pulling(salesforce, lines, tmp_path, **GIVEN) as pull:
        rows = pull.run()
        assert len(table(rows, "service_events")) == 4
        assert len(table(rows, "outcomes")) == 3
        assert pull.client.failures == ["contacts: contacts: the service answered 404"]
        assert pull.client.incomplete, "so the next pull asks since the same moment"


def test_a_field_that_is_not_there_is_named(tmp_path: Path) -> None:
    lines = recorded("salesforce")
    told = "No such column 'Birthdate' on entity 'Contact'."
    lines[1] |= {"status": 400, "body": [{"message": told, "errorCode": "INVALID_FIELD"}]}
    with (
        pulling(salesforce, lines, tmp_path, **GIVEN) as pull,
        pytest.raises(ConnectorError, match=r"no field Birthdate .* salesforce\.yaml"),
    ):
        pull.run()


ORDERS = (
    "contacts: {}\n"
    "outcomes: {table: Order, amount: TotalAmount, occurred_at: EffectiveDate,"
    " won: {field: StatusCode, means_yes: [Activated]}}"
)


def _order(order: str, **contacts: str | None) -> dict[str, Any]:
    told = {"TotalAmount": 9.5, "EffectiveDate": "2026-03-09", "StatusCode": "Activated"}
    told |= {"SystemModstamp": "2026-03-10T09:00:00Z", "BillToContactId": None, "ShipToContactId": None}
    return {"attributes": {"type": "Order"}, "Id": order, **told, "AccountId": "001A", **contacts}


def test_orders_are_whom_they_are_billed_or_shipped_to_or_the_accounts_only_contacts(tmp_path: Path) -> None:
    (tmp_path / "salesforce.yaml").write_text(ORDERS)
    window = "SystemModstamp >= 2026-03-09T23:45:00Z AND SystemModstamp < 2026-03-11T00:00:00Z"
    nobodys = (
        f"SELECT AccountId FROM Order WHERE BillToContactId = null AND ShipToContactId = null AND {window}"
    )
    names = "Id, BillToContactId, ShipToContactId, AccountId, SystemModstamp"
    names += ", TotalAmount, EffectiveDate, StatusCode"
    contacts = [{"Id": "003A", "AccountId": "001A"}] + [
        {"Id": one, "AccountId": "001B"} for one in ("003B", "003C")
    ]
    orders = [
        _order("801A", BillToContactId="003X", ShipToContactId="003Y"),
        _order("801B", ShipToContactId="003Y"),
        _order("801C"),
        _order("801D", AccountId="001B"),
    ]
    lines = [
        _answer(f"SELECT Id, AccountId FROM Contact WHERE AccountId IN ({nobodys})", contacts),
        _answer(f"SELECT COUNT() FROM Order WHERE {window}", [], len(orders)),
        _answer(f"SELECT {names} FROM Order WHERE {window} ORDER BY SystemModstamp, Id", orders),
        _answer(f"SELECT COUNT() FROM Contact WHERE {window}", [], 0, "queryAll"),
    ]
    with pulling(salesforce, lines, tmp_path, crm_fields=str(tmp_path), **GIVEN) as pull:
        rows = pull.run()
        assert pull.server.missed == []
    bought = {row["outcome_id"]: row["contact_id"] for row in table(rows, "outcomes")}
    assert bought == {"801A": "003X", "801B": "003Y", "801C": "003A"}, "of two contacts it is nobody's"
    stored = (tmp_path / "salesforce.jsonl").read_text()
    assert '\\"sole_contact_id\\":\\"003A\\"' in stored, "so that it goes with its contact"


def _answer(
    soql: str, records: list[dict[str, Any]], size: int | None = None, route: str = "query"
) -> dict[str, Any]:
    url = f"https://acme.my.salesforce.com/services/data/v62.0/{route}/?q={quote_plus(soql)}"
    body = {"totalSize": len(records) if size is None else size, "done": True, "records": records}
    return {"endpoint": "any", "url": url, "status": 200, "body": body}


def test_a_file_may_name_the_field_of_the_contact(tmp_path: Path) -> None:
    (tmp_path / "salesforce.yaml").write_text(
        "contacts: {}\n"
        "outcomes: {contact: Buyer__c, occurred_at: CloseDate, won: {field: IsWon, means_yes: ['true']}}"
    )
    fields = crm_fields("salesforce", str(tmp_path)).outcomes
    assert fields
    deal = {"Id": "006A", "Buyer__c": "003A", "IsWon": True, "CloseDate": "2026-03-09"}
    body = json.dumps({"records": [deal | {"SystemModstamp": "2026-03-10T09:00:00Z"}]})
    answer = replace(fixture("salesforce", "opportunities")[0], body=body, about={"fields": fields.as_text()})
    [row] = table(list(salesforce.rows(answer, reading())), "outcomes")
    assert (row["outcome_id"], row["contact_id"]) == ("006A", "003A")


def test_a_record_that_says_no_time_was_so_when_it_came() -> None:
    def of(received: datetime, **told: str) -> Any:
        record = {"attributes": {"type": "Contact", "url": "/sobjects/Contact/003A"}, "FirstName": "Ada"}
        answer = replace(fixture("salesforce", "contacts")[0], body=json.dumps({"records": [record | told]}))
        [row] = table(list(salesforce.rows(replace(answer, received_at=received), reading())), "crm_contacts")
        return row["contact_id"], row["updated_at"]

    assert of(at(9)) == ("003A", at(9))
    # A pull in the night after: to the day it is still of the day.
    assert of(at(2, 11)) == ("003A", at(0, 11) - timedelta(microseconds=1))
    assert of(at(9), LastModifiedDate="2026-03-10T07:00:00Z") == ("003A", at(7))


def test_a_job_whose_locator_comes_back_ends(tmp_path: Path) -> None:
    lines = _bulk(["JobComplete"])
    for line in lines:
        if line["endpoint"] == "contacts_bulk":
            line["headers"]["Sforce-Locator"] = "MTAw"
    with pulling(salesforce, lines, tmp_path, **GIVEN) as pull:
        assert len(table(pull.run(), "crm_contacts")) == 3
        assert pull.client.notes == ["contacts_bulk: a locator came back, and the results end there"]


def test_a_cursor_that_comes_back_ends_the_list(tmp_path: Path) -> None:
    lines = recorded("salesforce")
    lines[2]["body"] |= {"done": False, "nextRecordsUrl": lines[1]["body"]["nextRecordsUrl"]}
    with pulling(salesforce, lines, tmp_path, **GIVEN) as pull:
        pull.run()
        assert pull.client.failures == ["contacts: contacts: a cursor came back, and the list ends there"]


def test_without_a_token_the_setting_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(ConnectorError, match="STATURE_SALESFORCE_TOKEN, or STATURE_SALESFORCE_CLIENT_ID"),
        pulling(salesforce, [], tmp_path),
    ):
        pass


def test_a_connected_app_asks_for_its_token(tmp_path: Path) -> None:
    url = "https://acme.my.salesforce.com/services/oauth2/token"
    token = {"endpoint": "token", "url": url, "status": 200, "body": {"access_token": "fresh"}}
    app = {"salesforce_client_id": "app", "salesforce_client_secret": "s3cret"}
    with pulling(salesforce, [*recorded("salesforce"), token], tmp_path, **app) as pull:
        pull.run()
        headers = [headers.get("Authorization") for url, headers in pull.server.asked if "oauth2" not in url]
        assert set(headers) == {"Bearer fresh"}
    with (
        pytest.raises(ConnectorError, match=r"refuses the connected app \(404\)") as error,
        pulling(salesforce, [], tmp_path, **app),
    ):
        pass
    assert "s3cret" not in str(error.value)


def test_one_record_of_a_bulk_query_can_be_erased() -> None:
    answer = fixture("salesforce", "contacts_bulk")[0]
    both = replace(answer, body=answer.body + answer.body.splitlines()[1].replace("003A", "003E") + "\n")
    left, gone = without(salesforce.kept(both, str).body, lambda name: name == "003A")
    assert gone == 1
    rows = list(salesforce.rows(replace(answer, body=left), reading()))
    assert [row["contact_id"] for row in table(rows, "crm_contacts")] == ["003E"]


def test_what_is_stored_gives_the_same_rows() -> None:
    same_when_kept(salesforce.rows, salesforce.kept, fixture("salesforce"), reading())


@given(damaged([answer for answer in fixture("salesforce") if not answer.endpoint.endswith("_bulk")]))
@hypothesis_settings(max_examples=100, deadline=None)
def test_no_body_breaks_the_mapping(answer: Any) -> None:
    assert_well_formed(salesforce.rows(answer, reading()))


def test_recorded_queries_become_contacts() -> None:
    folder = Path(__file__).resolve().parents[4] / "shared" / "data" / "api"
    if not (file := folder / "salesforce.jsonl.gz").exists():
        pytest.skip(f"the recorded answers are not in {folder}")
    fields = {"email": "Email", "full_name": ["FirstName", "LastName"], "region": "MailingCountry"}
    about = {"fields": json.dumps(fields)}
    counted: Counter[str] = Counter()
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            if line["method"] == "GET" and line["status"] == 200 and "/query/" in line["url"]:
                answer = Answer("salesforce", "contacts", line["url"], 200, line["body"], at(9), about)
                records = answer.json()["records"]
                kinds = Counter(record["attributes"]["type"] for record in records)
                found = list(salesforce.rows(answer, reading()))
                rows = table(found, "crm_contacts")
                # None was asked for with the moment of its change, and most not even with their id.
                assert len(rows) == kinds["Contact"]
                assert all(row["contact_id"].startswith("003") for row in rows)
                assert {row["updated_at"] for row in rows} <= {at(9)}
                assert refusals(found) == [("not_in_set", "contacts: a record that is no Contact")] * (
                    len(records) - len(rows)
                )
                named = sum(bool(row["full_name"] or row["email"]) for row in rows)
                counted.update(answers=1, records=len(records), contacts=len(rows), named=named)
    print(dict(counted))  # noqa: T201
    assert counted["answers"] == 73
    assert counted["contacts"] == counted["named"] > 100
