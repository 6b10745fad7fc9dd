"""Which column of `crm.contact_score` goes into which field of a CRM: one YAML file a CRM.

The file is a data team's to read and to change. It names fields and tolerances, never a secret.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

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


PLACE = re.compile(r"\{([^{}]+)\}")
"""What stands for a value in a request of the generic HTTP destination."""

SEND_ID = "send_id"

# Names of what people write into an address or a header, and what must be in no file.
_SECRET = re.compile(r"(?i)(api_?key|token|secret|passw(or)?d|pwd|signature|(^|[_-])(key|auth|sig))$")
_SECRET_HEADER = re.compile(r"(?i)^(proxy-)?authorization$|api-?key$|token$|^cookie$")
_SECRETS_PLACE = "it goes into STATURE_CRM_SECRETS, and is sent in the header that `secret_header` names"


class MappingError(Exception):
    """A mapping that is not there or cannot be used: which file, where in it, and what is wrong."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MappedField(_Strict):
    """One field in the CRM and where its value comes from."""

    field: _Name = Field(description="Name of the field in the CRM.")
    column: str = Field(description="Column of crm.contact_score.")
    tolerance: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="A number that moved by no more than this causes no send."
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

    @field_validator("url")
    @classmethod
    def _without_a_secret(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or PLACE.search(parts.netloc):
            raise ValueError(
                "this is no address: it begins with https:// and a host, the same for each record"
            )
        told = [n for n, v in parse_qsl(parts.query) if _SECRET.search(n) and not PLACE.search(v)]
        if parts.username is not None or parts.password is not None or told:
            # Without the address, which would tell it.
            raise ValueError(f"there is a secret in the address: {_SECRETS_PLACE}")
        return url

    @field_validator("headers")
    @classmethod
    def _without_secrets(cls, headers: dict[str, str]) -> dict[str, str]:
        if told := [name for name in headers if _SECRET_HEADER.search(name)]:
            raise ValueError(f"there is a secret in the header {told[0]}: {_SECRETS_PLACE}")
        return headers

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

    @property
    def misfit(self) -> str | None:
        """What the templates of kind http leave out, or ask for in vain; None where they fit the fields."""
        if self.send is None:
            return None
        known = {"contact_id", SEND_ID, *self.names}
        asked = [(_places(self.send), known)]
        if self.read:
            asked.append((_places(self.read), {"contact_id"}))
        for places, filled in asked:
            if unknown := sorted(places - filled):
                why = "no field is called so" if unknown[0] not in known else "reading knows contact_id alone"
                return f"the mapping uses {{{unknown[0]}}}, and {why}"
        sent = set(PLACE.findall(json.dumps(self.send.body)))
        if missing := sorted(set(self.names) - sent):
            return f"the mapping's request does not mention the field {missing[0]}"
        if self.read and (missing := sorted(set(self.names) - set(self.read.values))):
            return f"the mapping does not say where to read {missing[0]}"
        for name, places in zip(("send", "read"), (places for places, _ in asked), strict=False):
            if "contact_id" not in places:
                return f"`{name}` does not say whose record is meant: {{contact_id}} is nowhere in it"
        return None

    @model_validator(mode="after")
    def _consistent(self) -> CrmMapping:
        names = [field.field for field in self.fields]
        alike: dict[str, list[str]] = {}
        for name in names:
            alike.setdefault(self._same_field(name), []).append(name)
        twice = sorted({name for found in alike.values() if len(found) > 1 for name in found})
        if twice:
            raise ValueError(f"a field is mapped twice: {', '.join(twice)}")
        if meant := alike.get(self._same_field(self.id_field)):
            raise ValueError(f"{meant[0]} says which record is meant and cannot be written as well")
        if all(field.travels for field in self.fields):
            raise ValueError("every field travels along, so none would ever cause a send")
        if self.kind == "http" and self.send is None:
            raise ValueError("kind http needs `send`: the request for one record")
        if self.kind in ("salesforce", "postgres") and self.object is None:
            raise ValueError(f"kind {self.kind} needs `object`: what is written")
        return self

    def _same_field(self, name: str) -> str:
        """A field's name as it can be compared: Salesforce makes no difference between small and capital."""
        return name.casefold() if self.kind == "salesforce" else name

    @property
    def by_salesforce_id(self) -> bool:
        """Whether contacts are named by Salesforce's own id, of 15 characters or of 18."""
        return self.kind == "salesforce" and self._same_field(self.id_field) == "id"

    def record_of(self, contact_id: str) -> str:
        """The record that an id means; two ids that mean one have the same.

        The last 3 of Salesforce's 18 characters say which of the 15 before are capitals.
        """
        return contact_id[:15] if self.by_salesforce_id and len(contact_id) == 18 else contact_id

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
    if folder and not Path(folder).is_dir():
        raise MappingError(f"STATURE_CRM_MAPPINGS names {folder}, and there is no such folder.")
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
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe one
    except yaml.MarkedYAMLError as error:
        line = f", in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise MappingError(f"{path} cannot be read: {error.problem}{line}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MappingError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise MappingError(f"{path}: this is no mapping: one begins with `kind: …` and has `fields`")
    try:
        found = CrmMapping.model_validate(content)
    except ValidationError as error:
        raise MappingError(f"{path}: {'; '.join(_mistakes(error))}") from None
    if found.misfit:
        raise MappingError(f"{path}: {found.misfit}")
    return found


def _mistakes(error: ValidationError) -> Iterable[str]:
    """A sentence for each mistake, with its place and without what is written there."""
    problems = error.errors(include_input=False)
    inside = {problem["loc"][0] for problem in problems if len(problem["loc"]) > 1}
    for problem in problems:
        place = problem["loc"]
        if problem["type"] == "too_short" and len(place) == 1 and place[0] in inside:
            continue  # fields that are wrong are not counted, and so are said to be too few as well
        said = problem["msg"].removeprefix("Value error, ")
        yield f"{'.'.join(map(str, place)) or 'the file'}: {said}"


class _Loader(yaml.SafeLoader):
    """YAML in which each key is given once: of two the last would hold, and the other be lost in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                problem = f"{key.value} is given twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _places(endpoint: Endpoint) -> set[str]:
    return set(PLACE.findall(json.dumps([endpoint.url, endpoint.body, endpoint.headers])))


def _plain(name: str) -> bool:
    return name.replace("-", "").replace("_", "").isalnum()


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
