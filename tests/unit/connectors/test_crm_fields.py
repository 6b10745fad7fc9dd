"""Which field holds what, and how values are read: the same for every CRM."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestration.connectors import hubspot, salesforce, zendesk
from orchestration.connectors.answers import Answer, Row, Unreadable
from orchestration.connectors.crm.fields import ContactFields, Verdict, crm_fields, read_contact_fields
from orchestration.connectors.crm.handles import handle_of
from orchestration.connectors.crm.records import Record
from orchestration.connectors.crm.rows import LATE, contact_rows, each, moments
from orchestration.connectors.network import ConnectorError
from orchestration.connectors.pulling import BEGINNING, first_moment, midnight
from spark_jobs.lake import Manifest
from tests.fixtures.network_answers import reading

DAY = date(2026, 3, 10)
AT = datetime(2026, 3, 10, 9, tzinfo=UTC)


def own(tmp_path: Path, text: str) -> str:
    (tmp_path / "salesforce.yaml").write_text(text)
    return str(tmp_path)


# --- the files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("crm", ["salesforce", "hubspot", "zendesk"])
def test_every_crm_has_a_file_of_its_own(crm: str) -> None:
    found = crm_fields(crm, None)
    assert found.contacts.email
    assert found.service
    assert (found.outcomes is None) == (crm == "zendesk")
    assert read_contact_fields(found.contacts.as_text()) == found.contacts


def test_a_companys_file_stands_in_its_place(tmp_path: Path) -> None:
    folder = own(tmp_path, "contacts: {email: Email, handles: {mastodon: Mastodon__c}}")
    assert crm_fields("salesforce", folder).contacts.handles == {"mastodon": "Mastodon__c"}
    assert crm_fields("hubspot", folder) == crm_fields("hubspot", None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("contacts: {mail: Email}", "contacts.mail: Extra inputs are not permitted"),
        ('contacts: {email: "Email FROM User"}', "contacts.email: String should match pattern"),
        ("contacts: {privacy: {field: P__c, values: {x: forget}}}", "contacts.privacy.values.x"),
        ("contacts: {privacy: {field: P__c, values: {x: opt_in}}}", "a value that means opt_in needs `at`"),
        ("contacts: {}\noutcomes: {occurred_at: CloseDate}", "outcomes.won: Field required"),
        ("contacts: {}\nservice: {closed: {field: A, yes: [b]}}", "service.closed"),
        ("[1]", "valid dictionary"),
        ("contacts: [", "cannot be read"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConnectorError, match=r"salesforce\.yaml") as error:
        crm_fields("salesforce", own(tmp_path, text))
    assert told in str(error.value)


def test_a_folder_that_is_missing_is_named() -> None:
    with pytest.raises(ConnectorError, match="STATURE_CRM_FIELDS: there is no folder /nowhere"):
        crm_fields("salesforce", "/nowhere")


# --- values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "moment"),
    [
        ("2026-03-10T09:00:00.000+0000", AT),
        ("2026-03-10T10:00:00+01:00", AT),
        ("2026-03-10T09:00:00Z", AT),
        ("1773133200000", AT),
        (1773133200000, AT),
        ("2026-03-10", AT.replace(hour=0)),
        ("", None),
        (None, None),
    ],
)
def test_moments(told: Any, moment: datetime | None) -> None:
    assert Record({"at": told}, "contacts").moment("at") == moment


@pytest.mark.parametrize(
    ("reader", "value", "reason"),
    [
        ("moment", "2026-03-10T09:00:00", "bad_type"),
        ("moment", "0001-01-01T00:00:00+14:00", "out_of_range"),
        ("moment", "yesterday", "bad_type"),
        ("number", "1,5", "bad_type"),
        ("number", "nan", "out_of_range"),
        ("number", "1e999", "out_of_range"),
        ("year", "0001-01-01", "out_of_range"),
        ("text", ["a"], "bad_type"),
        ("text", "a\x00", "bad_text"),
        ("text", "\ud800", "bad_text"),
        ("required", " ", "null_required"),
    ],
)
def test_what_cannot_be_read_is_refused(reader: str, value: Any, reason: str) -> None:
    with pytest.raises(Unreadable) as error:
        getattr(Record({"field": value}, "contacts"), reader)("field")
    assert error.value.reason == reason


def test_fields_of_fields_and_years() -> None:
    record = Record({"user_fields": {"birth": "1985"}, "a.b": "flat", "a": "no object"}, "users")
    assert record.year("user_fields.birth") == 1985
    assert record.text("a.b") == "flat"
    assert record.text("a.c") is None
    assert record.text(None) is None


def test_verdicts() -> None:
    record = Record({"closed": True, "rated": "Bad", "stage": "3"}, "cases")
    assert record.says(Verdict(field="closed", means_yes=("true",))) is True
    assert record.says(Verdict(field="rated", means_yes=("*",), means_no=("bad",))) is False
    assert record.says(Verdict(field="stage", means_yes=("4",))) is None
    assert record.says(None) is None


@pytest.mark.parametrize(
    ("told", "network", "handle"),
    [
        ("@ada", "x", "ada"),
        ("https://x.com/ada?lang=en", "x", "ada"),
        ("https://bsky.app/profile/ada.example/", "bluesky", "ada.example"),
        ("https://mastodon.social/@ada", "mastodon", "ada@mastodon.social"),
        ("@ada@mastodon.social", "mastodon", "ada@mastodon.social"),
        ("https://github.com/ada#top", "github", "ada"),
        ("https://x.com/ada/status/7", "x", "ada"),
        ("x.com/ada", "x", "ada"),
        ("https://bsky.app/profile/ada.example/post/3k", "bluesky", "ada.example"),
        ("ada.example", "bluesky", "ada.example"),
        ("https://mastodon.social/@ada/109", "mastodon", "ada@mastodon.social"),
        ("https://mastodon.social/@ada@town.example", "mastodon", "ada@town.example"),
        ("https://town.example/users/ada", "mastodon", "ada@town.example"),
        ("https://github.com/ada/engine", "github", "ada"),
        ("https://www.youtube.com/@AdaGardens/videos", "youtube", "AdaGardens"),
        ("https://www.youtube.com/channel/UCaaaaaaaaaaaaaaaaaaaaaa", "youtube", "UCaaaaaaaaaaaaaaaaaaaaaa"),
        ("https://www.linkedin.com/company/ada-football/about/", "linkedin", "ada-football"),
        ("https://www.facebook.com/profile.php?id=700", "facebook", "700"),
        ("https://www.facebook.com/adafootball/", "facebook", "adafootball"),
        ("https://www.instagram.com/ada.football/?hl=en", "instagram", "ada.football"),
        ("https://news.ycombinator.com/user?id=Ada", "hackernews", "Ada"),
        ("https://stackoverflow.com/users/22656/jon", "stackexchange", "22656@stackoverflow"),
        ("https://unix.stackexchange.com/users/7", "stackexchange", "7@unix"),
        ("https://forum.example/u/Ada/summary", "discourse", "Ada@forum.example"),
        ("Ada@forum.example", "discourse", "Ada@forum.example"),
        ("https://www.ada.blog/", "wordpress", "ada.blog"),
        ("https://ada.blog/author/ada/", "wordpress", "ada.blog/ada"),
        ("ada.blog/ada", "wordpress", "ada.blog/ada"),
        ("https://ours.example/people/ada", "ours", "ada"),
        ("http://[", "x", None),
        ("https://x.com/", "x", None),
        ("@", "x", None),
        (None, "x", None),
        ("https://ada.example/about", "web", "https://ada.example/about"),
    ],
)
def test_handles_as_people_write_them(told: str | None, network: str, handle: str | None) -> None:
    assert handle_of(told, network) == handle


def test_what_a_contact_asks_for() -> None:
    def requests(values: dict[str, Any], **privacy: Any) -> list[tuple[str, datetime]]:
        told = {"field": "profiling", "values": {"Opted out": "opt_out", "Yes": "opt_in"}, "at": "since"}
        fields = ContactFields.model_validate({"privacy": told | privacy})
        found = contact_rows("crm", Record(values, "contacts"), "1", AT, fields)
        rows = [row.values for row in found if isinstance(row, Row) and row.table == "privacy_requests"]
        return [(row["request"], row["requested_at"]) for row in rows]

    earlier = AT - timedelta(days=3)
    assert requests({"profiling": "opted out"}) == [("opt_out", AT)]
    assert requests({"profiling": "yes", "since": earlier.isoformat()}) == [("opt_in", earlier)]
    # An empty field asks for nothing: it must not take back what was asked for elsewhere.
    assert requests({"profiling": ""}) == requests({}) == requests({"profiling": "maybe"}) == []
    # Nor may any other change of the record, where nobody can say since when the person wants it.
    assert requests({"profiling": "yes"}) == requests({"profiling": "yes", "since": "soon"}) == []
    assert requests({"profiling": "opted out", "since": "soon"}) == [("opt_out", AT)]


def test_what_may_be_empty_is_left_so_where_it_cannot_be_read() -> None:
    told = {
        "id": "1", "name": "Ada", "mail": ["a"], "value": "lots", "currency": "EURO", "since": "soon",
        "born": "abc", "basis": "x" * 2000, "x": {}, "web": "https://ada.example",
    }  # fmt: skip
    fields = ContactFields.model_validate(
        {
            "email": "mail", "full_name": ["name"], "lifetime_value": "value", "currency": "currency",
            "customer_since": "since", "birth": "born", "legal_basis": "basis",
            "handles": {"x": "x", "web": "web"},
        }
    )  # fmt: skip
    record = Record(told, "contacts")
    contact, handle = (
        row.values for row in contact_rows("crm", record, "1", AT, fields) if isinstance(row, Row)
    )
    assert {name: value for name, value in contact.items() if value is not None} == {
        "crm": "crm", "contact_id": "1", "full_name": "Ada", "updated_at": AT,
    }  # fmt: skip
    assert handle["handle"] == "https://ada.example"
    assert [(error.reason, error.detail) for error in record.left_out] == [
        ("bad_type", "contacts: mail, left empty"),
        ("bad_type", "contacts: value, left empty"),
        ("not_in_set", "contacts: currency, left empty"),
        ("bad_type", "contacts: since, left empty"),
        ("bad_type", "contacts: born, left empty"),
        ("too_long", "contacts: legal_basis, left empty"),
        ("bad_type", "contacts: x, left empty"),
    ]


@pytest.mark.parametrize(("told", "currency"), [("EUR", "EUR"), ("usd ", "USD"), ("", None)])
def test_currencies(told: str, currency: str | None) -> None:
    assert Record({"in": told}, "contacts").currency("in") == currency


def test_a_change_that_showed_late_is_the_next_pulls_and_any_other_its_own() -> None:
    def taken(*ago: timedelta) -> list[timedelta]:
        told = [{"at": (midnight(DAY) + one).isoformat(), "one": n} for n, one in enumerate(ago)]
        answer = Answer("crm", "contacts", "", 200, "", AT, {})
        read = lambda record, updated: [Row("t", {"updated": updated})]  # noqa: E731
        found = each(answer, told, reading(DAY), moments("at"), read)
        return [row.values["updated"] - midnight(DAY) for row in found if isinstance(row, Row)]

    second = timedelta(seconds=1)
    assert taken(-LATE - second, -LATE, -second, second) == [-LATE, -second, second]
    assert taken(timedelta(days=1) - second, timedelta(days=1)) == [timedelta(days=1) - second]


# --- since when -------------------------------------------------------------------------------------


def test_a_crm_is_asked_from_the_beginning_and_then_without_gaps() -> None:
    def pulled(ago: int, *, complete: bool = True, missed: bool = False) -> tuple[date, Manifest]:
        day = DAY - timedelta(days=ago)
        notes: dict[str, Any] = {"since": midnight(day).isoformat(), "complete": complete}
        notes["until"] = midnight(day + timedelta(days=1)).isoformat()
        return day, Manifest("raw/crm", day, (), "run", AT, notes | ({"missed": "down"} if missed else {}))

    for module in (salesforce, hubspot, zendesk):
        network = module.NETWORK
        assert first_moment(network, DAY, {}) == BEGINNING
        assert first_moment(network, DAY, dict([pulled(1)])) == midnight(DAY)
        # Longer than any activity may be late: a contact that changed then is no less true now.
        assert first_moment(network, DAY, dict([pulled(200)])) == midnight(DAY - timedelta(days=199))
        broken = dict([pulled(9), pulled(2, complete=False), pulled(1, missed=True)])
        assert first_moment(network, DAY, broken) == midnight(DAY - timedelta(days=8))
        assert first_moment(network, DAY, dict([pulled(1, complete=False)])) == BEGINNING
