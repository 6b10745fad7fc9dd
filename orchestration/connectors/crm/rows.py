"""Contract rows from a CRM's records; what differs between CRMs is said in their fields."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.crm.fields import ContactFields, OutcomeFields, Privacy, ServiceFields
from orchestration.connectors.crm.handles import handle_of
from orchestration.connectors.crm.records import Record
from orchestration.connectors.network import Asked
from spark_jobs.contracts import Field, contract

LATE = timedelta(minutes=15)
"""How late a change may show: a transaction ends after the moment that its records carry, a search's index
follows, an export leaves its last minute out. So every pull asks for that much of the one before again."""

_LAST_MOMENT = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def contact_rows(
    crm: str, record: Record, contact: str, updated_at: datetime, fields: ContactFields
) -> Iterator[Row | Refused]:
    """A contact, its handles, and what it asks for."""
    read = record.if_readable
    name = " ".join(part for field in fields.full_name if (part := read(record.text, field)))
    yield _row(
        "crm_contacts",
        record,
        {
            "crm": crm,
            "contact_id": contact,
            "email": read(record.text, fields.email),
            "full_name": name or None,
            "region": read(record.text, fields.region),
            "lifetime_value": read(record.number, fields.lifetime_value),
            "currency": read(record.currency, fields.currency),
            "customer_since": read(record.day, fields.customer_since),
            "birth_year": read(record.year, fields.birth),
            "legal_basis": read(record.text, fields.legal_basis),
            "updated_at": updated_at,
        },
    )
    for network, field in sorted(fields.handles.items()):
        handle = handle_of(read(record.text, field), network)
        if handle is not None:
            values = {"crm": crm, "contact_id": contact, "network": network, "handle": handle}
            yield Row("crm_contact_accounts", values)
    if fields.privacy:
        yield from _request(crm, record, contact, updated_at, fields.privacy)


def _request(crm: str, record: Record, contact: str, updated_at: datetime, privacy: Privacy) -> Iterator[Row]:
    """What the contact asks for. Whoever wants to be scored again says since when; all else holds at once."""
    read = record.if_readable
    request = read(lambda field: record.one_of(field, privacy.values), privacy.field)
    if request is None:
        return
    asked_at = read(record.moment, privacy.at)
    if asked_at is None and request == "opt_in":
        record.left_out.append(Unreadable("null_required", f"{record.where}: {privacy.at} of an opt_in"))
        return
    values = {"crm": crm, "contact_id": contact, "request": request}
    yield Row("privacy_requests", values | {"requested_at": asked_at or updated_at})


def deleted_contact(crm: str, contact: str, deleted_at: datetime) -> Row:
    """A contact that the CRM has deleted, or merged into another: nothing of it but that."""
    values = {"crm": crm, "contact_id": contact, "updated_at": deleted_at, "deleted": True}
    return Row("crm_contacts", values)


def service_row(
    crm: str,
    record: Record,
    event: str,
    contact: str,
    at: datetime,
    updated: datetime,
    fields: ServiceFields,
    *,
    deleted: bool = False,
) -> Row:
    """A case as it stands. An open one is neither resolved nor not, unless it has failed already."""
    read = record.if_readable
    kind = read(lambda of: record.one_of(of.field, of.values), fields.kind) if fields.kind else None
    failed, closed = read(record.says, fields.failed), read(record.says, fields.closed)
    return Row(
        "service_events",
        {
            "crm": crm,
            "contact_id": contact,
            "event_id": event,
            "kind": kind or fields.otherwise,
            "occurred_at": at,
            "resolved": True if closed else False if failed else None,
            "satisfied": read(record.says, fields.satisfied),
            "updated_at": updated,
        }
        | ({"deleted": True} if deleted else {}),
    )


def outcome_rows(
    crm: str, record: Record, outcome: str, contact: str, updated: datetime, fields: OutcomeFields
) -> Iterator[Row]:
    """A won deal; nothing for any other. A day of closing that is still to come is the day it was written."""
    if not record.says(fields.won):
        return
    read = record.if_readable
    kind = read(lambda of: record.one_of(of.field, of.values), fields.kind) if fields.kind else None
    closed_at = record.moment(fields.occurred_at)
    yield _row(
        "outcomes",
        record,
        {
            "outcome_id": outcome,
            "crm": crm,
            "contact_id": contact,
            "kind": kind or fields.otherwise,
            "amount": read(record.number, fields.amount),
            "occurred_at": min(closed_at, updated) if closed_at else updated,
            "campaign_id": read(record.text, fields.campaign),
        },
    )


def _row(table: str, record: Record, values: dict[str, Any]) -> Row:
    """The row, without what its contract would refuse the whole row for although the column may be empty."""
    for field in _bounded(table):
        value = values.get(field.name)
        if value is not None and (reason := _outside(field, value)):
            values[field.name] = None
            record.left_out.append(Unreadable(reason, f"{record.where}: {field.name}, left empty"))
    return Row(table, values)


@functools.cache
def _bounded(table: str) -> tuple[Field, ...]:
    """The columns that may be empty, and whose values have bounds."""
    bounds = ((f, (f.max_length, f.minimum, f.maximum)) for f in contract(table).input_fields)
    return tuple(field for field, of in bounds if not field.required and of != (None, None, None))


def _outside(field: Field, value: Any) -> str | None:
    if isinstance(value, str):
        return "too_long" if field.max_length is not None and len(value) > field.max_length else None
    low, high = field.minimum, field.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        return "out_of_range"
    return None


def asked_since(asked: Asked) -> datetime:
    """Since when a pull asks."""
    return max(asked.since - LATE, _EPOCH)


def moments(*changed: str) -> Callable[[Record], list[datetime]]:
    """Reads when a record was changed: the first of these fields that says so."""

    def read(record: Record) -> list[datetime]:
        found = (moment for name in changed if (moment := record.moment(name)))
        return list(itertools.islice(found, 1))

    return read


def each(
    answer: Answer,
    records: Iterable[Any],
    reading: Reading,
    changed: Callable[[Record], list[datetime]],
    read: Callable[[Record, datetime], Iterable[Row | Refused]],
) -> Iterator[Row | Refused]:
    """What `read` makes of every record that changed in this pull's time, or `LATE` before it, as one of
    `changed` says. What the pull before had already is the same row again.

    A record that does not say when it changed was no other than this when it was received. One that cannot be
    read is refused, and the others go on; of one that can be read but for some of its fields, these are.
    """
    for values in records:
        try:
            record = Record(values, answer.endpoint)
            told = changed(record)
            within = [moment for moment in told if reading.since - LATE <= moment < reading.until]
            if told and not within:
                continue
            # What a later day's pull is told must not be of its future.
            updated = max(within) if within else min(answer.received_at, reading.until - _LAST_MOMENT)
            yield from list(read(record, updated))
            for error in record.left_out:
                yield Refused(error.reason, error.detail[:200])
        except Unreadable as error:
            yield Refused(error.reason, error.detail[:200])


def about(answer: Answer, name: str) -> str:
    """What the request was about and the answer does not say; above all its fields, as they were then."""
    try:
        return answer.about[name]
    except KeyError:
        raise Unreadable("missing_column", f"the request does not say {name}") from None
