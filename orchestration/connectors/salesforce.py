"""Salesforce: contacts, cases and won opportunities that changed, by REST query or by Bulk API 2.0.

What changed is asked by SystemModstamp, which also moves when Salesforce itself changes a record. Many
records (the first pull, as a rule) come as a bulk query: one job instead of a request for every two thousand.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import requests

from orchestration.connectors import fields as json_fields
from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.client import AnswerError, Client
from orchestration.connectors.crm import rows as crm_rows
from orchestration.connectors.crm.fields import (
    asked_names,
    crm_fields,
    read_contact_fields,
    read_outcome_fields,
    read_service_fields,
)
from orchestration.connectors.crm.records import Record
from orchestration.connectors.crm.vendor import Asking, VendorSession, asked_alone, part
from orchestration.connectors.network import Asked, ConnectorError, Credentials, Network
from orchestration.settings import Settings

NAME = "salesforce"
BULK_FROM = 20_000  # records; below, ten pages of a REST query are quicker than a job
BULK_PAGE = 25_000  # records of one answer, well below the largest answer that is taken
_POLLS, _POLL_SECONDS = 240, 15.0
_CHANGED = "SystemModstamp"
_CSV = {"Accept": "text/csv"}
_TOKEN_SECONDS = 30.0

NETWORK = Network(
    name=NAME,
    base_url=lambda settings: settings.salesforce_url or "",
    needs=("salesforce_url",),
    optional=("salesforce_token", "salesforce_client_id", "salesforce_client_secret"),
    page="https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/",
    history="the first pull takes all contacts, cases and opportunities; later ones what changed since",
    blind="deleted and merged records; what a record was before its last change",
    proof="recorded answers (REST query); published description (Bulk API 2.0)",
    history_days=90,
    from_beginning=True,
)


# --- asking -----------------------------------------------------------------------------------------


def credentials(settings: Settings) -> Credentials:
    """An access token, given or asked for as the connected app (client credentials). ConnectorError."""
    if settings.salesforce_token is not None:
        return _bearer(settings.salesforce_token.get_secret_value())
    if settings.salesforce_client_id is None or settings.salesforce_client_secret is None:
        raise ConnectorError(
            "salesforce needs STATURE_SALESFORCE_TOKEN, or STATURE_SALESFORCE_CLIENT_ID and "
            f"STATURE_SALESFORCE_CLIENT_SECRET: see {NETWORK.page}."
        )
    form = {
        "grant_type": "client_credentials",
        "client_id": settings.salesforce_client_id,
        "client_secret": settings.salesforce_client_secret.get_secret_value(),
    }
    url = f"{(settings.salesforce_url or '').rstrip('/')}/services/oauth2/token"
    try:
        reply = requests.post(url, data=form, timeout=_TOKEN_SECONDS, allow_redirects=False)
        token = reply.json()["access_token"] if reply.ok else None
    except (requests.RequestException, ValueError, LookupError, TypeError):
        # The text of these errors may hold what was sent.
        raise ConnectorError(
            "salesforce gave no token: STATURE_SALESFORCE_URL does not answer as it should."
        ) from None
    if not isinstance(token, str):
        raise ConnectorError(
            f"salesforce refuses the connected app ({reply.status_code}): see STATURE_SALESFORCE_CLIENT_ID."
        )
    return _bearer(token)


def renew(settings: Settings) -> Credentials:
    """Another token, where the app may ask for one."""
    if settings.salesforce_token is not None:
        raise ConnectorError("salesforce refuses the token: renew STATURE_SALESFORCE_TOKEN.")
    return credentials(settings)


def _bearer(token: str) -> Credentials:
    return Credentials(headers={"Authorization": f"Bearer {token}"})


def pull(client: Client, asked: Asked) -> None:
    """Contacts, cases and opportunities that changed in the time asked for."""
    known = crm_fields(NAME, asked.settings.crm_fields)
    query = _Query(client, asked)
    with part(client, "contacts"):
        names = asked_names(known.contacts, "Id", _CHANGED)
        query.ask("contacts", "Contact", names, known.contacts.as_text())
    if known.service:
        with part(client, "cases"):
            names = asked_names(known.service, "Id", "ContactId", "CreatedDate", _CHANGED)
            query.ask("cases", "Case", names, known.service.as_text())
    if deals := known.outcomes:
        with part(client, "opportunities"):
            names = asked_names(deals, "Id", deals.contact, _CHANGED)
            query.ask("opportunities", deals.table, names, deals.as_text())


def check(client: Client) -> str:
    limits = asked_alone(client, "limits", f"/services/data/v{client.settings.salesforce_version}/limits")
    today = limits.get("DailyApiRequests")
    left = today.get("Remaining", "?") if isinstance(today, dict) else "?"
    return f"{client.base}, {left} requests left today"


class _Query:
    """Queries of one pull, by REST or in bulk."""

    def __init__(self, client: Client, asked: Asked) -> None:
        from simple_salesforce.api import Salesforce  # half a second, which only a pull need wait for

        self.client, self.asked = client, asked
        self.version = asked.settings.salesforce_version
        self.asking = Asking(client)
        # Token and host are ours; the client only needs some to build its addresses.
        self.salesforce = Salesforce(
            instance="salesforce", session_id="-", version=self.version, session=VendorSession(self.asking)
        )

    def ask(self, endpoint: str, table: str, names: Iterable[str], fields: str) -> None:
        since, until = (_literal(moment) for moment in (self.asked.since, self.asked.until))
        window = f"FROM {table} WHERE {_CHANGED} >= {since} AND {_CHANGED} < {until}"
        with self.asking.of("count"):
            many = int(self.salesforce.query(f"SELECT COUNT() {window}")["totalSize"])
        if many == 0:
            return
        soql = f"SELECT {', '.join(names)} {window}"
        if many >= BULK_FROM:
            with self.asking.of(f"{endpoint}_bulk"), _no_such_field():
                self._in_bulk(f"{endpoint}_bulk", soql, fields)
            return
        with self.asking.of(endpoint, {"fields": fields}), _no_such_field():
            for _ in self.salesforce.query_all_iter(f"{soql} ORDER BY {_CHANGED}, Id"):
                pass  # each page is written down as it comes

    def _in_bulk(self, endpoint: str, soql: str, fields: str) -> None:
        """A query job of Bulk API 2.0: made, waited for, and its results taken page by page.

        Not by the vendor's client: that sleeps by itself, and would wait an hour where somebody stops us.
        """
        jobs = f"/services/data/v{self.version}/jobs/query"
        wish = {"operation": "query", "query": soql, "contentType": "CSV", "lineEnding": "LF"}
        made = json_fields.node(self.client.get("bulk_job", jobs, method="POST", json=wish).json(), "job")
        job = json_fields.identity(made, "id")
        for poll in range(_POLLS):
            # The same address is another question each time: `about` keeps the answers apart.
            answer = self.client.get("bulk_job", f"{jobs}/{job}", about={"poll": str(poll)})
            state = json_fields.text(json_fields.node(answer.json(), "job"), "state")
            if state == "JobComplete":
                break
            if state in ("Failed", "Aborted"):
                raise AnswerError(f"{endpoint}: Salesforce ended the job as {state}", answer, again=True)
            self.client.pause(_POLL_SECONDS, "works on a bulk query")
        else:
            raise AnswerError(f"{endpoint}: the job did not end in time", again=True)
        locator, seen = "", set[str]()
        while locator not in seen:
            seen.add(locator)
            params = {"maxRecords": BULK_PAGE} | ({"locator": locator} if locator else {})
            answer = self.client.get(
                endpoint,
                f"{jobs}/{job}/results",
                params=params,
                about={"fields": fields},
                headers=_CSV,
                form="text",
                noting=("Sforce-Locator",),
            )
            locator = answer.about.get("Sforce-Locator", "null")
            if locator in ("", "null"):
                return
        self.client.note(f"{endpoint}: a locator came back, and the results end there")


@contextmanager
def _no_such_field() -> Iterator[None]:
    """A query that Salesforce does not understand names a field that is not there, or not for this user."""
    try:
        yield
    except AnswerError as error:
        if error.status != 400 or error.answer is None or "INVALID_FIELD" not in error.answer.body:
            raise
        named = re.search(r"[Nn]o such column '([A-Za-z0-9_.]{1,120})'", error.answer.body)
        field = named[1] if named else "one of them"
        raise ConnectorError(
            f"salesforce has no field {field} that this user may read: "
            "name the fields in salesforce.yaml of STATURE_CRM_FIELDS."
        ) from None


def _literal(moment: datetime) -> str:
    """A moment as SOQL writes it, to the second: a window's ends are whole seconds or rounded down alike."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- mapping ----------------------------------------------------------------------------------------


def rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    """Contract rows of a page of records, from a REST query or a bulk one."""
    mapper = _MAPPERS.get(answer.endpoint.removesuffix("_bulk"))
    if mapper is None:
        return
    try:
        yield from crm_rows.each(answer, _records(answer), reading, _CHANGED, mapper(answer))
    except Unreadable as error:
        yield Refused(error.reason, f"{answer.endpoint}: {error.detail}"[:200])


def kept(answer: Answer, reduce: Callable[[str], str]) -> Answer:
    """As it is: only the fields of `crm_fields` were asked for, and no texts are among them.

    Results of a bulk query become JSON, a record an object, so that one of them can be erased by itself.
    """
    if not answer.endpoint.endswith("_bulk"):
        return answer
    try:
        told = {"records": list(_records(answer))}
        return replace(answer, body=json.dumps(told, separators=(",", ":")))
    except Unreadable:
        return replace(answer, body="")


def _records(answer: Answer) -> Iterable[Any]:
    in_bulk = answer.endpoint.endswith("_bulk") and not answer.body.startswith("{")
    return _from_csv(answer) if in_bulk else _from_json(answer)


def _from_json(answer: Answer) -> list[Any]:
    return json_fields.array(json_fields.node(answer.json(), "the answer"), "records")


def _from_csv(answer: Answer) -> Iterator[dict[str, str]]:
    try:
        yield from csv.DictReader(io.StringIO(answer.body), strict=True)
    except csv.Error as error:
        raise Unreadable("bad_type", f"no CSV: {error}") from None


_Reader = Callable[[Record, datetime], Iterable[Row | Refused]]


def _fields(answer: Answer) -> str:
    """What the answer's fields were read as when it was asked for."""
    try:
        return answer.about["fields"]
    except KeyError:
        raise Unreadable("missing_column", "the request does not say its fields") from None


def _contact(answer: Answer) -> _Reader:
    fields = read_contact_fields(_fields(answer))
    return lambda record, updated: crm_rows.contact_rows(NAME, record, record.required("Id"), updated, fields)


def _case(answer: Answer) -> _Reader:
    fields = read_service_fields(_fields(answer))

    def read(record: Record, updated: datetime) -> Iterator[Row]:
        if contact := record.text("ContactId"):  # a case of nobody we know says nothing about anybody
            opened = record.required_moment("CreatedDate")
            yield crm_rows.service_row(NAME, record, record.required("Id"), contact, opened, updated, fields)

    return read


def _opportunity(answer: Answer) -> _Reader:
    fields = read_outcome_fields(_fields(answer))

    def read(record: Record, updated: datetime) -> Iterator[Row]:
        if contact := record.text(fields.contact):
            yield from crm_rows.outcome_rows(NAME, record, record.required("Id"), contact, updated, fields)

    return read


_MAPPERS: dict[str, Callable[[Answer], _Reader]] = {
    "contacts": _contact,
    "cases": _case,
    "opportunities": _opportunity,
}
