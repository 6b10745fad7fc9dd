"""Records of Salesforce as contract rows, and what of them is stored."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from orchestration.connectors import fields as json_fields
from orchestration.connectors.answers import Answer, Reading, Refused, Row, Unreadable
from orchestration.connectors.crm import rows as crm_rows
from orchestration.connectors.crm.fields import (
    OutcomeFields,
    read_contact_fields,
    read_outcome_fields,
    read_service_fields,
)
from orchestration.connectors.crm.records import Record

NAME = "salesforce"
CHANGED = "SystemModstamp"
DELETED = "IsDeleted"
ROLE, ROLE_DEAL = "OpportunityContactRole", "Opportunity"
_SOLE_CONTACT = "sole_contact_id"  # what an order is stored with, and Salesforce does not say


def rows(answer: Answer, reading: Reading) -> Iterator[Row | Refused]:
    """Contract rows of a page of records, from a REST query or a bulk one."""
    mapper = _MAPPERS.get(answer.endpoint.removesuffix("_bulk"))
    if mapper is None:
        return
    try:
        yield from crm_rows.each(answer, _records(answer), reading, _changed, mapper(answer))
    except Unreadable as error:
        yield Refused(error.reason, f"{answer.endpoint}: {error.detail}"[:200])


def kept(answer: Answer, reduce: Callable[[str], str]) -> Answer:
    """As it is: only the fields of `crm_fields` were asked for, and no texts are among them.

    Results of a bulk query become JSON, a record an object, so that one of them can be erased by itself. So
    that it goes with its contact, an order holds whom its account's only contact is. Of a deleted contact
    nothing stays but that it is one.
    """
    endpoint = answer.endpoint.removesuffix("_bulk")
    if endpoint not in _MAPPERS:
        return answer
    try:
        body = {} if answer.endpoint.endswith("_bulk") else json_fields.node(answer.json(), "the answer")
        before = list(_records(answer))
        sole = _sole_contacts(answer)
        records = [_record_kept(endpoint, record, sole) for record in before]
        if records == before and body and not sole:
            return answer
        told = json.dumps({**body, "records": records}, separators=(",", ":"), allow_nan=False)
        about = {name: value for name, value in answer.about.items() if name != "contacts"}
        return replace(answer, body=told, about=about)
    except (Unreadable, ValueError, RecursionError):
        return replace(answer, body="")


_OF_DELETED = ("attributes", "Id", DELETED, "MasterRecordId", CHANGED)


def _record_kept(endpoint: str, record: Any, sole: Mapping[str, str]) -> Any:
    if not isinstance(record, dict):
        return record
    if endpoint == "contacts" and record.get(DELETED) in (True, "true"):
        return {name: record[name] for name in _OF_DELETED if name in record}
    contact = sole.get(str(record.get("AccountId")))
    return record | {_SOLE_CONTACT: contact} if contact else record


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


def _changed(record: Record) -> list[datetime]:
    """When a record changed; a contact role, when it or its opportunity did."""
    deal = record.moment(f"{ROLE_DEAL}.{CHANGED}")
    return [*crm_rows.moments(CHANGED, "LastModifiedDate")(record), *([deal] if deal else [])]


def _contact(answer: Answer) -> _Reader:
    fields = read_contact_fields(crm_rows.about(answer, "fields"))

    def read(record: Record, updated: datetime) -> Iterator[Row | Refused]:
        contact = _id(record, "Contact")
        if _is_deleted(record):  # or merged into MasterRecordId, which comes as a change of its own
            yield crm_rows.deleted_contact(NAME, contact, updated)
        else:
            yield from crm_rows.contact_rows(NAME, record, contact, updated, fields)

    return read


def _case(answer: Answer) -> _Reader:
    fields = read_service_fields(crm_rows.about(answer, "fields"))

    def read(record: Record, updated: datetime) -> Iterator[Row]:
        case = _id(record, "Case")
        if contact := record.text("ContactId"):  # a case of nobody we know says nothing about anybody
            opened, deleted = record.required_moment("CreatedDate"), _is_deleted(record)
            yield crm_rows.service_row(NAME, record, case, contact, opened, updated, fields, deleted=deleted)

    return read


def _opportunity(answer: Answer) -> _Reader:
    fields = read_outcome_fields(crm_rows.about(answer, "fields"))
    sole = _sole_contacts(answer)

    def read(record: Record, updated: datetime) -> Iterator[Row]:
        if record.text("OpportunityId"):
            deal, contact = _of_role(record), record.text("ContactId")
        else:
            deal = Record({**record.values, "Id": _id(record, fields.table)}, record.where)
            contact = _contact_of(record, fields, sole)
        if contact:
            yield from crm_rows.outcome_rows(NAME, deal, deal.required("Id"), contact, updated, fields)
        record.left_out += deal.left_out

    return read


def _of_role(role: Record) -> Record:
    """The opportunity of a contact role: an object in JSON, `Opportunity.…` in CSV."""
    _id(role, ROLE)
    within = role.values.get(ROLE_DEAL)
    flat = {n.partition(".")[2]: v for n, v in role.values.items() if n.startswith(f"{ROLE_DEAL}.")}
    values = dict(within) if isinstance(within, Mapping) else flat
    return Record(values | {"Id": role.required("OpportunityId")}, role.where)


def _contact_of(record: Record, fields: OutcomeFields, sole: Mapping[str, str]) -> str | None:
    """Whose an order or opportunity is: as the file says, else whom it is billed or shipped to."""
    if fields.contact is not None or fields.table != "Order":
        return record.text(fields.contact or "ContactId")
    named = record.text("BillToContactId") or record.text("ShipToContactId")
    return named or record.text(_SOLE_CONTACT) or sole.get(record.text("AccountId") or "")


def _sole_contacts(answer: Answer) -> dict[str, str]:
    """The only contact of an account, as the pull asked for it; none where the answer was stored with it."""
    return dict(json.loads(answer.about.get("contacts", "{}")))


def _is_deleted(record: Record) -> bool:
    return record.text(DELETED) == "true"


def _id(record: Record, table: str) -> str:
    """The record's id, which is in its address as well. Unreadable where it is of another table."""
    attributes = record.values.get("attributes")
    where = Record(attributes if isinstance(attributes, Mapping) else {}, record.where)
    if where.text("type") not in (None, table):
        raise Unreadable("not_in_set", f"{record.where}: a record that is no {table}")
    address = where.text("url")
    return record.text("Id") or (address or "").rpartition("/")[2] or record.required("Id")


_MAPPERS: dict[str, Callable[[Answer], _Reader]] = {
    "contacts": _contact,
    "cases": _case,
    "opportunities": _opportunity,
}
