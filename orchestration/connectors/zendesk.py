"""Zendesk: users and tickets that changed, by the incremental exports; a ticket says how it was liked.

The exports have no end date: what changed after the day is passed over, and comes with its own day.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from orchestration.connectors import fields as json_fields
from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.client import Client
from orchestration.connectors.crm import rows as crm_rows
from orchestration.connectors.crm.fields import crm_fields, read_contact_fields, read_service_fields
from orchestration.connectors.crm.records import Record
from orchestration.connectors.crm.vendor import Asking, VendorSession, asked_alone, part
from orchestration.connectors.network import Asked, ConnectorError, Credentials, Network
from orchestration.settings import Settings

NAME = "zendesk"
PAGE = 1_000
_CHANGED = "updated_at"

NETWORK = Network(
    name=NAME,
    base_url=lambda settings: settings.zendesk_url or "",
    needs=("zendesk_url", "zendesk_email", "zendesk_token"),
    page="https://developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports/",
    history="the first pull takes all end users and tickets; later ones what changed since",
    blind="deleted users and tickets; what a ticket was before its last change; orders, for it knows none",
    proof="unproven: published description, and a server of our own",
    history_days=90,
    from_beginning=True,
)


# --- asking -----------------------------------------------------------------------------------------


def credentials(settings: Settings) -> Credentials:
    """An API token, with the address of whose it is."""
    if settings.zendesk_email is None or settings.zendesk_token is None:
        raise ConnectorError(
            f"zendesk needs STATURE_ZENDESK_EMAIL and STATURE_ZENDESK_TOKEN: see {NETWORK.page}."
        )
    secret = settings.zendesk_token.get_secret_value()
    both = base64.b64encode(f"{settings.zendesk_email}/token:{secret}".encode()).decode()
    return Credentials(headers={"Authorization": f"Basic {both}"})


def pull(client: Client, asked: Asked) -> None:
    """Users and tickets that changed since; the exports end where the account stands now."""
    from zenpy import Zenpy
    from zenpy.lib.exception import ZenpyException

    known = crm_fields(NAME, asked.settings.crm_fields)
    asking = Asking(client)
    zendesk = Zenpy(subdomain="account", session=VendorSession(asking), disable_cache=True)
    lists = [("users", zendesk.users, known.contacts.as_text())]
    if known.service:
        lists.append(("tickets", zendesk.tickets, known.service.as_text()))
    since = max(0, int(asked.since.timestamp()))
    for endpoint, api, fields in lists:
        with part(client, endpoint), asking.of(endpoint, {"fields": fields}, ZenpyException):
            _through(api.incremental(start_time=since, per_page=PAGE), asked.until)


def _through(export: Iterable[Any], until: datetime) -> None:
    """Have every page of an export written down, up to where a page's worth in a row is of later days.

    The order is nearly that of the changes: Zendesk's own touch an object without moving its `updated_at`.
    """
    end, later = until.strftime("%Y-%m-%dT%H:%M:%SZ"), 0
    for one in export:
        later = later + 1 if str(getattr(one, _CHANGED, "")) >= end else 0
        if later >= PAGE:
            return


def check(client: Client) -> str:
    user = asked_alone(client, "me", "/api/v2/users/me.json").get("user")
    role = user.get("role") if isinstance(user, dict) else None
    return f"{role or 'nobody'} at {client.base}"


# --- mapping ----------------------------------------------------------------------------------------


def rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    """Contract rows of a page of users or tickets."""
    mapper = _MAPPERS.get(answer.endpoint)
    if mapper is None:
        return
    try:
        records = json_fields.array(json_fields.node(answer.json(), "the answer"), answer.endpoint)
        yield from crm_rows.each(answer, records, reading, _CHANGED, mapper(answer))
    except Unreadable as error:
        yield Refused(error.reason, f"{answer.endpoint}: {error.detail}"[:200])


_STREAM = ("after_url", "after_cursor", "end_of_stream", "count")  # by which a stopped pull goes on
_USER = frozenset({"id", "role", "active", _CHANGED})
_TICKET = frozenset({"id", "requester_id", "created_at", "status", _CHANGED})


def kept(answer: Answer, reduce: Callable[[str], str]) -> Answer:
    """Of users and tickets only what is mapped: an export gives whole records, with notes and texts."""
    if answer.endpoint not in _MAPPERS:
        return answer
    try:
        body = json_fields.node(answer.json(), "the answer")
        users = answer.endpoint == "users"
        fields = (read_contact_fields if users else read_service_fields)(_fields(answer))
        wanted = (_USER if users else _TICKET) | set(fields.names())
        records = json_fields.array(body, answer.endpoint)
        told = {key: value for key, value in body.items() if key in _STREAM}
        told[answer.endpoint] = [_only(record, wanted) for record in records]
        return replace(answer, body=json.dumps(told, separators=(",", ":"), allow_nan=False))
    except (Unreadable, ValueError, RecursionError):
        return replace(answer, body="")


def _only(record: Any, wanted: Iterable[str]) -> Any:
    """The record without what is not wanted; `a.b` keeps b of a."""
    if not isinstance(record, dict):
        return None
    left: dict[str, Any] = {}
    for name in sorted(wanted):
        first, _, rest = name.partition(".")
        if name in record:
            left[name] = record[name]
        elif rest and isinstance(record.get(first), dict):
            held = left.setdefault(first, {})
            held |= _only(record[first], [rest])
        elif first in record:
            left[first] = record[first]
    return left


_Reader = Callable[[Record, datetime], Iterable[Row | Refused]]


def _fields(answer: Answer) -> str:
    try:
        return answer.about["fields"]
    except KeyError:
        raise Unreadable("missing_column", "the request does not say its fields") from None


def _user(answer: Answer) -> _Reader:
    fields = read_contact_fields(_fields(answer))

    def read(record: Record, updated: datetime) -> Iterator[Row | Refused]:
        # Agents and administrators are the company itself.
        if record.text("role") in (None, "end-user"):
            yield from crm_rows.contact_rows(NAME, record, record.required("id"), updated, fields)

    return read


def _ticket(answer: Answer) -> _Reader:
    fields = read_service_fields(_fields(answer))

    def read(record: Record, updated: datetime) -> Iterator[Row]:
        if record.text("status") == "deleted":
            return
        if contact := record.text("requester_id"):
            ticket, opened = record.required("id"), record.required_moment("created_at")
            yield crm_rows.service_row(NAME, record, ticket, contact, opened, updated, fields)

    return read


_MAPPERS: dict[str, Callable[[Answer], _Reader]] = {"users": _user, "tickets": _ticket}
