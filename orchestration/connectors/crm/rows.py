"""Contract rows from a CRM's records; what differs between CRMs is said in their fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.crm.fields import ContactFields, OutcomeFields, ServiceFields
from orchestration.connectors.crm.records import Record

_HANDLE_LENGTH = 512


def contact_rows(
    crm: str, record: Record, contact: str, updated_at: datetime, fields: ContactFields
) -> Iterator[Row | Refused]:
    """A contact, its handles, and what it asks for."""
    name = " ".join(part for field in fields.full_name if (part := record.text(field)))
    yield Row(
        "crm_contacts",
        {
            "crm": crm,
            "contact_id": contact,
            "email": record.text(fields.email),
            "full_name": name or None,
            "region": record.text(fields.region),
            "lifetime_value": record.number(fields.lifetime_value),
            "currency": record.text(fields.currency),
            "customer_since": record.day(fields.customer_since),
            "birth_year": record.year(fields.birth),
            "legal_basis": record.text(fields.legal_basis),
            "updated_at": updated_at,
        },
    )
    for network, field in sorted(fields.handles.items()):
        handle = handle_of(record.text(field), network)
        if handle is not None:
            values = {"crm": crm, "contact_id": contact, "network": network, "handle": handle}
            yield Row("crm_contact_accounts", values)
    if fields.privacy:
        request = record.one_of(fields.privacy.field, fields.privacy.values)
        asked_at = record.moment(fields.privacy.at) or updated_at
        if request is not None:
            yield Row(
                "privacy_requests",
                {"crm": crm, "contact_id": contact, "request": request, "requested_at": asked_at},
            )


def handle_of(told: str | None, network: str) -> str | None:
    """A handle as people write it into a field: with an @, or as the address of the profile."""
    if told is None or network == "web":
        return told
    handle = told
    if "://" in told:
        # https://x.com/ada, https://bsky.app/profile/ada.example, https://mastodon.social/@ada
        path = told.split("?", 1)[0].split("#", 1)[0].rstrip("/")
        host, _, rest = path.partition("://")[2].partition("/")
        last = rest.rsplit("/", 1)[-1]
        if not last:
            return None
        handle = f"{last}@{host}" if last.startswith("@") and network == "mastodon" else last
    handle = handle.strip().removeprefix("@")
    return handle[:_HANDLE_LENGTH] or None


def service_row(
    crm: str, record: Record, event: str, contact: str, at: datetime, updated: datetime, fields: ServiceFields
) -> Row:
    """A case as it stands. An open one is neither resolved nor not, unless it has failed already."""
    kind = record.one_of(fields.kind.field, fields.kind.values) if fields.kind else None
    failed, closed = record.says(fields.failed), record.says(fields.closed)
    return Row(
        "service_events",
        {
            "crm": crm,
            "contact_id": contact,
            "event_id": event,
            "kind": kind or fields.otherwise,
            "occurred_at": at,
            "resolved": True if closed else False if failed else None,
            "satisfied": record.says(fields.satisfied),
            "updated_at": updated,
        },
    )


def outcome_rows(
    crm: str, record: Record, outcome: str, contact: str, updated: datetime, fields: OutcomeFields
) -> Iterator[Row]:
    """A won deal; nothing for any other. A day of closing that is still to come is the day it was written."""
    if not record.says(fields.won):
        return
    kind = record.one_of(fields.kind.field, fields.kind.values) if fields.kind else None
    closed_at = record.moment(fields.occurred_at)
    yield Row(
        "outcomes",
        {
            "outcome_id": outcome,
            "crm": crm,
            "contact_id": contact,
            "kind": kind or fields.otherwise,
            "amount": record.number(fields.amount),
            "occurred_at": min(closed_at, updated) if closed_at else updated,
            "campaign_id": record.text(fields.campaign),
        },
    )


def each(
    answer: Answer,
    records: Iterable[Any],
    reading: Reading,
    changed: str,
    read: Callable[[Record, datetime], Iterable[Row | Refused]],
) -> Iterator[Row | Refused]:
    """What `read` makes of every record that changed in this pull's time, as its field `changed` says.

    A record that cannot be read is refused, and the others go on.
    """
    for values in records:
        try:
            record = Record(values, answer.endpoint)
            updated = record.required_moment(changed)
            if reading.covers(updated):
                yield from list(read(record, updated))
        except Unreadable as error:
            yield Refused(error.reason, error.detail[:200])
