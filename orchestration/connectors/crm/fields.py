"""Which field of a CRM holds what. Every company has fields of its own, so this is a file and no code.

`fields/<crm>.yaml` has what every account of that CRM has; a file of the same name in STATURE_CRM_FIELDS
stands in its place. A field may be a path (`user_fields.mastodon`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from orchestration.connectors.network import ConnectorError

_DEFAULTS = Path(__file__).parent / "fields"

# No quotes and no blanks: these names stand in queries.
FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.]{0,119}$")]
NetworkName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
ServiceKind = Literal["call", "case", "complaint", "refund"]
OutcomeKind = Literal["click", "referral", "order", "trial", "churn"]
Request = Literal["opt_out", "erase", "object", "opt_in"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def names(self) -> Iterator[str]:
        """Every field of the CRM that this part reads."""
        for value in (getattr(self, name) for name in type(self).model_fields):
            if isinstance(value, _Part):
                yield from value.names()

    def as_text(self) -> str:
        """As JSON, to stand beside the answers that are read with it."""
        return self.model_dump_json(exclude_defaults=True)


class Verdict(_Part):
    """A field whose values say yes or no; any other says nothing. `*` in `means_yes` stands for any value."""

    field: FieldName
    means_yes: tuple[str, ...] = ()
    means_no: tuple[str, ...] = ()

    def names(self) -> Iterator[str]:
        yield self.field


class Privacy(_Part):
    """A field whose values ask for something; `at` says when, else the record's last change is taken."""

    field: FieldName
    values: Mapping[str, Request]
    at: FieldName | None = None

    @model_validator(mode="after")
    def _dated(self) -> Privacy:
        if "opt_in" in self.values.values() and self.at is None:
            # Any change of the record would otherwise take back what the person asked for elsewhere since.
            raise ValueError("a value that means opt_in needs `at`, the field that says since when")
        return self

    def names(self) -> Iterator[str]:
        yield from filter(None, (self.field, self.at))


class ContactFields(_Part):
    """A contact. `birth` holds a date or a year; `full_name` is joined from its fields."""

    email: FieldName | None = None
    full_name: tuple[FieldName, ...] = ()
    region: FieldName | None = None
    lifetime_value: FieldName | None = None
    currency: FieldName | None = None
    customer_since: FieldName | None = None
    birth: FieldName | None = None
    legal_basis: FieldName | None = None
    handles: Mapping[NetworkName, FieldName] = Field(default_factory=dict)
    privacy: Privacy | None = None

    def names(self) -> Iterator[str]:
        single = (
            self.email,
            self.region,
            self.lifetime_value,
            self.currency,
            self.customer_since,
            self.birth,
            self.legal_basis,
        )
        yield from filter(None, (*self.full_name, *single, *self.handles.values()))
        yield from super().names()


class ServiceKinds(_Part):
    """A field whose values are kinds of service events."""

    field: FieldName
    values: Mapping[str, ServiceKind]

    def names(self) -> Iterator[str]:
        yield self.field


class ServiceFields(_Part):
    """A case. What is neither `closed` nor `failed` is open: nobody knows yet how it ends."""

    kind: ServiceKinds | None = None
    otherwise: ServiceKind = "case"
    closed: Verdict | None = None
    failed: Verdict | None = None
    satisfied: Verdict | None = None

    def is_rated(self, field: str) -> bool:
        """Whether this field, or one within it, says how satisfied somebody was."""
        return self.satisfied is not None and self.satisfied.field.split(".")[0] == field


class OutcomeKinds(_Part):
    """A field whose values are kinds of outcomes."""

    field: FieldName
    values: Mapping[str, OutcomeKind]

    def names(self) -> Iterator[str]:
        yield self.field


class OutcomeFields(_Part):
    """A deal. Only one that is `won` is an outcome. `table` and `contact` are for Salesforce alone.

    Without `contact`, an opportunity is its primary contact role's, an order the contact's whom it is billed
    or shipped to.
    """

    table: Literal["Opportunity", "Order"] = "Opportunity"
    contact: FieldName | None = None
    kind: OutcomeKinds | None = None
    otherwise: OutcomeKind = "order"
    won: Verdict
    amount: FieldName | None = None
    occurred_at: FieldName
    campaign: FieldName | None = None

    def names(self) -> Iterator[str]:
        yield from filter(None, (self.amount, self.occurred_at, self.campaign))
        yield from super().names()


class CrmFields(_Part):
    """A CRM's fields. A part that is missing is not asked for."""

    contacts: ContactFields
    service: ServiceFields | None = None
    outcomes: OutcomeFields | None = None


def crm_fields(crm: str, folder: str | None) -> CrmFields:
    """The CRM's fields, from the folder where it has a file for them. ConnectorError with every mistake."""
    own = Path(folder, f"{crm}.yaml") if folder else None
    if folder and not Path(folder).is_dir():
        raise ConnectorError(f"STATURE_CRM_FIELDS: there is no folder {folder}.")
    path = own if own is not None and own.is_file() else _DEFAULTS / f"{crm}.yaml"
    try:
        return CrmFields.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors()
        )
        raise ConnectorError(f"{path}: {told}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConnectorError(f"{path} cannot be read: {' '.join(str(error).split())[:200]}") from error


def asked_names(part: _Part, *always: str) -> list[str]:
    """Names to ask a CRM for, each once, in a fixed order."""
    return list(dict.fromkeys((*always, *part.names())))


def read_contact_fields(text: str) -> ContactFields:
    return ContactFields.model_validate(json.loads(text))


def read_service_fields(text: str) -> ServiceFields:
    return ServiceFields.model_validate(json.loads(text))


def read_outcome_fields(text: str) -> OutcomeFields:
    return OutcomeFields.model_validate(json.loads(text))
