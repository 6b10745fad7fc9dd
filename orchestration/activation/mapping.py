"""Which column of `crm.contact_score` goes into which field of a CRM: one YAML file a CRM.

The file is a data team's to read and to change. It names fields and tolerances, never a secret.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from spark_jobs.contracts import contract

Value = str | int | float | bool | None
"""What a field can hold. Days are texts, YYYY-MM-DD."""

Values = Mapping[str, Value]

MART = "crm.contact_score"
DEFAULTS = Path(__file__).parent / "mappings"

KINDS = ("file", "salesforce", "hubspot", "zendesk", "postgres", "http")

# They describe a score and are no news by themselves: a new day must not touch every record.
_TRAVELS = frozenset(
    {
        "day", "score_low", "score_high", "percentile", "change_7d", "change_30d", "topic_2", "topic_3",
        "sentence", "match_confidence", "tenure_days", "service_events_90d",
    }
)  # fmt: skip
# What the CRM itself told us about its contact. It is no part of the score, so it outlives an opt-out.
SERVICE_COLUMNS = frozenset(
    {
        "contact_id", "lifetime_value", "currency", "tenure_days", "service_events_90d", "open_cases",
        "double_failure", "priority",
    }
)  # fmt: skip
_TOLERANCES: Mapping[str, float] = {"score": 1.0}
_DECIMALS: Mapping[str, int] = {"lifetime_value": 2, "match_confidence": 2}

_Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class MappingError(Exception):
    """A mapping that is not there or cannot be used: which file, where in it, and what is wrong."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MappedField(_Strict):
    """One field in the CRM and where its value comes from."""

    field: _Name = Field(description="Name of the field in the CRM.")
    column: str = Field(description="Column of crm.contact_score.")
    tolerance: float = Field(
        0.0, ge=0, description="A number that moved by no more than this causes no send."
    )
    travels: bool = Field(False, description="Goes along with a send and never causes one.")
    ours_unless_edited: bool = Field(
        False, description="Left alone where the CRM's people wrote another value into it."
    )
    decimals: int = Field(1, ge=0, le=6, description="Digits behind the point, for numbers.")
    max_length: int | None = Field(None, ge=1, description="Longer texts are cut, with an ellipsis.")

    @model_validator(mode="before")
    @classmethod
    def _by_column(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        column = str(given.get("column"))
        return {
            "tolerance": _TOLERANCES.get(column, 0.0),
            "travels": column in _TRAVELS,
            "decimals": _DECIMALS.get(column, 1),
            **given,
        }

    @model_validator(mode="after")
    def _known_column(self) -> MappedField:
        known = [name for name in contract(MART).columns if name != "crm"]
        if self.column not in known:
            raise ValueError(f"{MART} has no column {self.column}; there are: {', '.join(known)}")
        return self

    @property
    def of_the_score(self) -> bool:
        """Whether the value says something about the person's score, and so goes when they opt out."""
        return self.column not in SERVICE_COLUMNS and self.column != "unscored_reason"

    def value(self, row: Mapping[str, Any]) -> Value:
        """The field's value for a row of the mart, as it is sent and as it is compared."""
        found = row[self.column]
        if found is None or isinstance(found, bool | int):
            return found
        if isinstance(found, float):
            return round(found, self.decimals) if math.isfinite(found) else None
        if isinstance(found, date | datetime):
            return found.isoformat()
        text = str(found)
        if self.max_length is not None and len(text) > self.max_length:
            return text[: self.max_length - 1].rstrip() + "…"
        return text

    def moved(self, before: Value, now: Value) -> bool:
        """Whether the value moved by more than the tolerance; from or to nothing always is a move."""
        if _is_number(before) and _is_number(now):
            return abs(float(now or 0) - float(before or 0)) > self.tolerance + 1e-9
        return before != now


class Guards(_Strict):
    """How much of what a CRM knows a plan may change before somebody is asked; unset: the settings say."""

    most_changed: float | None = Field(None, ge=0, le=1)
    most_emptied: float | None = Field(None, ge=0, le=1)
    few: int | None = Field(None, ge=0)
    stale_days: int | None = Field(None, ge=0)
    never_stale: bool = Field(False, description="For histories that have ended.")


class Endpoint(_Strict):
    """A request of the generic HTTP destination. `{name}` stands for contact_id or a mapped field.

    What is sent must set values, not add a record: it is repeated where no answer came. `{send_id}` is the
    same for the same data, for APIs that know repetitions by a header.
    """

    url: _Name
    method: Literal["GET", "POST", "PUT", "PATCH"] = "PUT"
    headers: dict[str, str] = Field(default_factory=dict)
    body: Any = None
    values: dict[str, str] = Field(
        default_factory=dict, description="When reading: each field's place in the answer."
    )


class CrmMapping(_Strict):
    """All that is said about one CRM but its address and its secrets."""

    kind: Literal["file", "salesforce", "hubspot", "zendesk", "postgres", "http"]
    contacts: str | None = Field(None, description="Whose contacts, as in the column crm; unset: this CRM's.")
    object: _Name | None = Field(None, description="Object or table that is written.")
    id_field: _Name = Field("id", description="Field in the CRM that holds the contact's id.")
    fields: tuple[MappedField, ...] = Field(min_length=1)
    guards: Guards = Guards()
    send: Endpoint | None = None
    read: Endpoint | None = None
    secret_header: _Name | None = Field(
        None, description="Header that carries the secret of the environment."
    )

    @model_validator(mode="after")
    def _consistent(self) -> CrmMapping:
        names = [field.field for field in self.fields]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"a field is mapped twice: {', '.join(twice)}")
        if self.id_field in names:
            raise ValueError(f"{self.id_field} says which record is meant and cannot be written as well")
        if all(field.travels for field in self.fields):
            raise ValueError("every field travels along, so none would ever cause a send")
        if self.kind == "http" and self.send is None:
            raise ValueError("kind http needs `send`: the request for one record")
        if self.kind in ("salesforce", "postgres") and self.object is None:
            raise ValueError(f"kind {self.kind} needs `object`: what is written")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The mapped fields' names in the CRM, in the file's order."""
        return tuple(field.field for field in self.fields)

    def values(self, row: Mapping[str, Any]) -> dict[str, Value]:
        """What a row of the mart says, by field."""
        return {field.field: field.value(row) for field in self.fields}

    def moved(self, before: Values, now: Values, theirs: Iterable[str] = ()) -> tuple[str, ...]:
        """Fields whose move causes a send. A field never written before counts from nothing."""
        left = set(theirs)
        return tuple(
            field.field
            for field in self.fields
            if not field.travels
            and field.field not in left
            and field.moved(before.get(field.field), now.get(field.field))
        )


def load_mapping(name: str, folder: str | None = None) -> CrmMapping:
    """The mapping of a CRM: `<folder>/<name>.yaml`, else the project's own of that name. MappingError."""
    places = [Path(folder)] if folder else []
    for place in [*places, DEFAULTS]:
        path = place / f"{name}.yaml"
        if _plain(name) and path.is_file():
            return read_mapping(path)
    known = ", ".join(sorted(path.stem for place in [*places, DEFAULTS] for path in place.glob("*.yaml")))
    raise MappingError(
        f"There is no mapping for the CRM {name!r}; there are: {known}. Put one into "
        f"{folder or 'a folder and name it in STATURE_CRM_MAPPINGS'}: {name}.yaml."
    )


def read_mapping(path: Path) -> CrmMapping:
    """One mapping file. MappingError names the file and the place in it."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MappingError(f"{path} cannot be read: {error}") from error
    try:
        return CrmMapping.model_validate(content)
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, problem['loc'])) or 'the file'}: {problem['msg']}"
            for problem in error.errors()
        ]
        raise MappingError(f"{path}: {'; '.join(lines)}") from error


def _plain(name: str) -> bool:
    return name.replace("-", "").replace("_", "").isalnum()


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
