"""Zendesk: users and tickets that changed, by the incremental exports, and how tickets were liked.

The exports have no end date: what changed after the day is passed over, and comes with its own day. A ticket
says how it was liked when it changes; a rating that is given later is asked for with its ticket, because the
last that is said of an event is all that is known of it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from orchestration.connectors import fields as json_fields
from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.client import AnswerError, Client
from orchestration.connectors.crm import rows as crm_rows
from orchestration.connectors.crm.fields import crm_fields, read_contact_fields, read_service_fields
from orchestration.connectors.crm.records import Record
from orchestration.connectors.crm.vendor import Asking, VendorSession, asked_alone, part
from orchestration.connectors.network import Asked, ConnectorError, Credentials, Network
from orchestration.settings import Settings

NAME = "zendesk"
PAGE = 1_000
_CHANGED = "updated_at"
_DELETED, _RATINGS, _RATED = "deleted_users", "satisfaction_ratings", "rated_tickets"
_RATING, _RATED_AT = "satisfaction_rating", "rated_at"
_TICKETS_AT_ONCE = 100
_MOST_DELETED = 100_000  # users of one list, which Zendesk cannot cut by their date
_RATING_DAYS = timedelta(days=35)  # from the offer to the answer: a ticket closes 28 days after it was solved

NETWORK = Network(
    name=NAME,
    base_url=lambda settings: settings.zendesk_url or "",
    needs=("zendesk_url", "zendesk_email", "zendesk_token"),
    page="https://developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports/",
    history="the first pull takes all end users and tickets; later ones what changed since",
    blind="what a ticket was before its last change; orders, for it knows none",
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
    since = int(crm_rows.asked_since(asked).timestamp())
    for endpoint, api, fields in lists:
        with part(client, endpoint), asking.of(endpoint, {"fields": fields}, ZenpyException):
            _through(api.incremental(start_time=since, per_page=PAGE), asked.until)
    with _allowed(client, _DELETED), asking.of(_DELETED, None, ZenpyException):
        _all(client, zendesk.users.deleted())
    if known.service and known.service.is_rated(_RATING):
        with _allowed(client, _RATINGS):
            _rated(asking, zendesk, asked, known.service.as_text(), ZenpyException)


def _rated(asking: Asking, zendesk: Any, asked: Asked, fields: str, fault: type[Exception]) -> None:
    """Tickets that were rated in the time asked for, each with its rating."""
    found: dict[str, dict[str, str]] = {}
    # It is not said whether a rating's start is its offer or its answer: so from the earliest offer on.
    begun = crm_rows.asked_since(asked)
    since = max(1, int(begun.timestamp()) - int(_RATING_DAYS.total_seconds()))
    with asking.of(_RATINGS, None, fault):
        for rating in zendesk.satisfaction_ratings(score="received", start_time=since):
            told = Record(rating.to_dict(), _RATINGS)
            at = told.moment(_CHANGED)
            if at and begun <= at < asked.until:
                ticket = told.required("ticket_id")
                found[ticket] = {"score": told.required("score"), _RATED_AT: at.isoformat()}
    tickets = sorted(found)
    for start in range(0, len(tickets), _TICKETS_AT_ONCE):
        ids = tickets[start : start + _TICKETS_AT_ONCE]
        ratings = json.dumps({ticket: found[ticket] for ticket in ids}, sort_keys=True)
        with asking.of(_RATED, {"fields": fields, "ratings": ratings}, fault):
            list(zendesk.tickets(ids=ids))


def _all(client: Client, users: Iterable[Any]) -> None:
    """Have a list's pages written down."""
    for place, _ in enumerate(users):
        if place >= _MOST_DELETED:
            client.note(f"{_DELETED}: more than {_MOST_DELETED:,}; the rest is left out")
            return


@contextmanager
def _allowed(client: Client, what: str) -> Iterator[None]:
    """One of a pull's lists that not every plan and role may have: without it the pull is no less whole."""
    with part(client, what):
        try:
            yield
        except AnswerError as error:
            if error.status not in (403, 404):
                raise
            client.note(f"{what}: this account's plan, or this user's role, has none")


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
    name, read = mapper
    try:
        records = _records(answer, name)
        yield from crm_rows.each(answer, records, reading, _changed, read(answer))
    except Unreadable as error:
        yield Refused(error.reason, f"{answer.endpoint}: {error.detail}"[:200])


def _records(answer: Answer, name: str) -> list[Any]:
    """The answer's records; a rated ticket with its rating, which was asked for before it."""
    records = json_fields.array(json_fields.node(answer.json(), "the answer"), name)
    ratings = json.loads(answer.about.get("ratings", "{}"))
    return [_with_rating(record, ratings) for record in records] if ratings else records


def _with_rating(ticket: Any, ratings: Mapping[str, Any]) -> Any:
    rating = ratings.get(str(ticket.get("id"))) if isinstance(ticket, dict) else None
    return ticket | {_RATING: {"score": rating["score"]}, _RATED_AT: rating[_RATED_AT]} if rating else ticket


def _changed(record: Record) -> list[datetime]:
    """When a record was changed, or rated."""
    return [moment for name in (_CHANGED, _RATED_AT) if (moment := record.moment(name))]


_STREAM = ("after_url", "after_cursor", "end_of_stream", "count", "meta", "links")  # how a list goes on
_USER = frozenset({"id", "role", "active", _CHANGED})
_TICKET = frozenset({"id", "requester_id", "created_at", "status", _CHANGED, _RATED_AT})
_OF_DELETED = frozenset({"id", "role", "active", _CHANGED})
_OF_RATING = frozenset({"id", "ticket_id", "requester_id", "score", _CHANGED})


def kept(answer: Answer, reduce: Callable[[str], str]) -> Answer:
    """Of users, tickets and ratings only what is mapped: they come whole, with notes and texts.

    Of a deleted user nothing stays but that it is one.
    """
    if answer.endpoint not in _MAPPERS and answer.endpoint != _RATINGS:
        return answer
    try:
        body = json_fields.node(answer.json(), "the answer")
        name = _MAPPERS[answer.endpoint][0] if answer.endpoint in _MAPPERS else _RATINGS
        records = [_only(record, _wanted(answer, record)) for record in _records(answer, name)]
        told = {key: value for key, value in body.items() if key in _STREAM} | {name: records}
        about = {key: value for key, value in answer.about.items() if key != "ratings"}
        body_kept = json.dumps(told, separators=(",", ":"), allow_nan=False)
        return replace(answer, body=body_kept, about=about)
    except (Unreadable, ValueError, LookupError, TypeError, RecursionError):
        return replace(answer, body="")


def _wanted(answer: Answer, record: Any) -> frozenset[str]:
    """Names of what is kept of a record."""
    if answer.endpoint == _RATINGS:
        return _OF_RATING
    if answer.endpoint == _DELETED or (isinstance(record, dict) and record.get("active") is False):
        return _OF_DELETED
    if answer.endpoint == "users":
        return _USER.union(read_contact_fields(crm_rows.about(answer, "fields")).names())
    return _TICKET.union(read_service_fields(crm_rows.about(answer, "fields")).names())


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


def _user(answer: Answer) -> _Reader:
    fields = read_contact_fields(crm_rows.about(answer, "fields"))

    def read(record: Record, updated: datetime) -> Iterator[Row | Refused]:
        # Agents and administrators are the company itself.
        if record.text("role") not in (None, "end-user"):
            return
        if record.text("active") == "false":  # deleted, or merged into another
            yield crm_rows.deleted_contact(NAME, record.required("id"), updated)
        else:
            yield from crm_rows.contact_rows(NAME, record, record.required("id"), updated, fields)

    return read


def _deleted(answer: Answer) -> _Reader:
    def read(record: Record, updated: datetime) -> Iterator[Row]:
        if record.text("role") in (None, "end-user"):
            yield crm_rows.deleted_contact(NAME, record.required("id"), updated)

    return read


def _ticket(answer: Answer) -> _Reader:
    fields = read_service_fields(crm_rows.about(answer, "fields"))

    def read(record: Record, updated: datetime) -> Iterator[Row]:
        deleted = record.text("status") == "deleted"
        if contact := record.text("requester_id"):
            ticket, opened = record.required("id"), record.required_moment("created_at")
            yield crm_rows.service_row(
                NAME, record, ticket, contact, opened, updated, fields, deleted=deleted
            )

    return read


_MAPPERS: dict[str, tuple[str, Callable[[Answer], _Reader]]] = {
    "users": ("users", _user),
    _DELETED: (_DELETED, _deleted),
    "tickets": ("tickets", _ticket),
    _RATED: ("tickets", _ticket),
}
"""Where an endpoint's records are in its answer, and how they are read."""
