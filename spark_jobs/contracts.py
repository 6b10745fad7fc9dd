"""The data contracts, read from ``data_contracts/`` into plain dataclasses.

Every dataset has one Open Data Contract Standard file. Conform, the Spark schemas, the quality suites and the
tests of the warehouse all ask here, so that a column is declared once. Spark is not imported.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast, get_args

import pydantic
import yaml
from open_data_contract_standard.model import (
    CustomProperty,
    OpenDataContractStandard,
    SchemaObject,
    SchemaProperty,
)

FieldType = Literal[
    "string", "double", "bigint", "int", "boolean", "timestamp", "date", "array<string>", "array<double>"
]
Layer = Literal["input", "lake", "mart"]

CONTRACTS_FOLDER = Path(__file__).resolve().parent.parent / "data_contracts"

# A clock may be this far past the end of the day being run before `notFuture` refuses the row.
FUTURE_GRACE = timedelta(hours=1)

_FOLDERS: Mapping[str, Layer] = {"inputs": "input", "lake": "lake", "marts": "mart"}
_SUFFIX = ".odcs.yaml"
_STATUSES = ("active", "draft")
_MART_SCHEMAS = ("core", "bi", "crm")
_TYPES: Mapping[tuple[str, str], FieldType] = {
    ("string", "VARCHAR"): "string",
    ("number", "DOUBLE"): "double",
    ("integer", "BIGINT"): "bigint",
    ("integer", "INTEGER"): "int",
    ("boolean", "BOOLEAN"): "boolean",
    ("timestamp", "TIMESTAMP"): "timestamp",
    ("date", "DATE"): "date",
    ("array", "VARCHAR[]"): "array<string>",
    ("array", "DOUBLE[]"): "array<double>",
}
_ITEMS: Mapping[FieldType, str] = {"array<string>": "string", "array<double>": "number"}
# Only what some stage really checks: a rule that nobody applies would be a promise nobody keeps.
_OPTIONS: Mapping[str, frozenset[str]] = {
    "string": frozenset({"maxLength"}),
    "double": frozenset({"minimum", "maximum"}),
    "bigint": frozenset({"minimum", "maximum"}),
    "int": frozenset({"minimum", "maximum"}),
    "array<string>": frozenset({"maxItems"}),
}
_FIELD_PROPERTIES: Mapping[str, type] = {
    "notFuture": bool,
    "maxAgeDays": int,
    "maxAgeExemptKinds": list,
    "lowerCase": bool,
    "filledBy": str,
    "nullableKey": str,
    "leftEmpty": bool,
}


class ContractError(ValueError):
    """A contract that cannot be read or breaks the project's conventions; names the file and the property."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a dataset, with the rules a row must keep.

    Lengths count characters; `max_length` of an array holds for each of its items. `minimum` and `maximum`
    belong to the range. Times are UTC.
    """

    name: str
    type: FieldType
    required: bool
    description: str
    physical_type: str  # as DuckDB writes it, so also dbt's data_type
    enum: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    max_items: int | None = None
    not_future: bool = False  # not later than the end of the day being run plus FUTURE_GRACE
    max_age_days: int | None = None  # not older than this when delivered
    max_age_exempt: tuple[str, ...] = ()  # values of the column `kind` for which max_age_days does not hold
    lower_case: bool = False  # conform turns the text into lower case before anything is compared
    classification: str | None = None  # "personal" or None
    filled_by: str | None = None  # the stage that fills the column; None: it is delivered
    nullable_key: str | None = None  # why a key column may be null
    left_empty: bool = False  # a value that breaks the contract is left out, and the row goes on
    partition: bool = False


@dataclass(frozen=True, slots=True)
class Dataset:
    """One table: an input, a lake table or a mart (`schema_name` is set for marts alone)."""

    name: str
    layer: Layer
    schema_name: str | None
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    status: str
    description: str
    required_groups: tuple[tuple[str, ...], ...] = ()  # of these groups one must be wholly there

    @property
    def full_name(self) -> str:
        """The key in `contracts()`: `core.daily_score` for a mart, else the name."""
        return f"{self.schema_name}.{self.name}" if self.schema_name else self.name

    @property
    def input_fields(self) -> tuple[Field, ...]:
        """The columns a delivery carries: without those that a stage fills and without the partition."""
        return tuple(f for f in self.fields if f.filled_by is None and not f.partition)

    @property
    def lake_fields(self) -> tuple[Field, ...]:
        """The columns inside the lake's files: all but the partition, which is the folder's name."""
        return tuple(f for f in self.fields if not f.partition)

    @property
    def columns(self) -> tuple[str, ...]:
        """All column names, in the contract's order, the partition included."""
        return tuple(f.name for f in self.fields)

    def field(self, name: str) -> Field:
        """The column of that name; ContractError when there is none."""
        for candidate in self.fields:
            if candidate.name == name:
                return candidate
        raise ContractError(f"{self.full_name} has no column {name!r}")


def load_contract(path: Path | str) -> Dataset:
    """Read one file; ContractError when it is not ODCS or breaks a convention of data_contracts/README.md."""
    path = Path(path)
    try:
        dataset = _dataset(_parse(path))
        expected = dataset.full_name.replace(".", "_") + _SUFFIX
        if path.name != expected:
            raise ContractError(f"schema {dataset.full_name}: the file must be called {expected}")
    except ContractError as error:
        raise ContractError(f"{path}: {error}") from error.__cause__
    return dataset


@functools.cache
def contracts() -> Mapping[str, Dataset]:
    """Every contract of the project by `Dataset.full_name`; read once a process."""
    return load_folder(CONTRACTS_FOLDER)


def contract(name: str) -> Dataset:
    """The contract of `activities` or `core.daily_score`; ContractError if there is none of that name."""
    try:
        return contracts()[name]
    except KeyError:
        raise ContractError(f"no contract is named {name!r}; there are: {', '.join(contracts())}") from None


def contract_files(folder: Path = CONTRACTS_FOLDER) -> list[Path]:
    """Every contract file under the folder: inputs, then lake, then marts."""
    return [path for name in _FOLDERS for path in sorted((folder / name).glob(f"*{_SUFFIX}"))]


def load_folder(folder: Path) -> Mapping[str, Dataset]:
    """Read `inputs/`, `lake/` and `marts/` under the folder; ContractError also when a name occurs twice."""
    if not folder.is_dir():
        raise ContractError(f"{folder}: the folder of data contracts is missing")
    found: dict[str, Dataset] = {}
    for path in contract_files(folder):
        dataset = load_contract(path)
        if _FOLDERS[path.parent.name] != dataset.layer:
            raise ContractError(f"{path}: layer is {dataset.layer}, but the folder is {path.parent.name}")
        if dataset.full_name in found:
            raise ContractError(f"{path}: {dataset.full_name} has a contract already")
        found[dataset.full_name] = dataset
    return MappingProxyType(found)


def _parse(path: Path) -> OpenDataContractStandard:
    # Both loaders are safe; libyaml's, where the wheel has it, is ten times as fast.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ContractError(f"cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ContractError("is not a YAML mapping")
    try:
        return OpenDataContractStandard.model_validate(content)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ContractError(f"{where}: {first['msg']}") from error


def _dataset(odcs: OpenDataContractStandard) -> Dataset:
    tables = odcs.schema_ or []
    if len(tables) != 1:
        raise ContractError(f"schema: must hold one dataset, holds {len(tables)}")
    table = tables[0]
    layer = _custom("contract", odcs.customProperties, {"layer": str}).get("layer")
    if layer not in get_args(Layer):
        raise ContractError(
            f"custom property layer is {layer!r}, must be one of {', '.join(get_args(Layer))}"
        )
    if odcs.status not in _STATUSES:
        raise ContractError(f"status is {odcs.status!r}, must be one of {', '.join(_STATUSES)}")
    if not (odcs.description and odcs.description.purpose):
        raise ContractError("description.purpose is missing")
    if not table.name:
        raise ContractError("schema: name is missing")
    dataset = Dataset(
        name=table.name,
        layer=cast(Layer, layer),
        schema_name=_schema_name(table) if layer == "mart" else None,
        fields=tuple(_field(prop) for prop in table.properties or []),
        key=_key(table),
        status=odcs.status,
        description=" ".join(odcs.description.purpose.split()),
        required_groups=_required_groups(table),
    )
    _check_dataset(dataset)
    return dataset


def _schema_name(table: SchemaObject) -> str:
    schema_name, _, name = (table.physicalName or "").partition(".")
    if schema_name not in _MART_SCHEMAS or name != table.name:
        wanted = f"<{'|'.join(_MART_SCHEMAS)}>.{table.name}"
        raise ContractError(f"schema {table.name}: physicalName is {table.physicalName!r}, must be {wanted}")
    return schema_name


def _field(prop: SchemaProperty) -> Field:
    where = f"property {prop.name}"
    if not (prop.name and prop.description):
        raise ContractError(f"{where}: name and description must be there")
    field_type = _type(where, prop)
    custom = _custom(where, prop.customProperties, _FIELD_PROPERTIES)
    options = _options(where, prop.logicalTypeOptions, field_type)
    if field_type == "array<string>" and prop.items is not None:
        options |= _options(f"{where}.items", prop.items.logicalTypeOptions, "string")
    if prop.classification not in (None, "personal"):
        raise ContractError(f"{where}: classification is {prop.classification!r}, must be 'personal'")
    field = Field(
        name=prop.name,
        type=field_type,
        required=bool(prop.required),
        description=" ".join(prop.description.split()),
        physical_type=str(prop.physicalType),
        enum=_enum(where, prop, field_type),
        minimum=options.get("minimum"),
        maximum=options.get("maximum"),
        max_length=options.get("maxLength"),
        max_items=options.get("maxItems"),
        not_future=custom.get("notFuture", False),
        max_age_days=custom.get("maxAgeDays"),
        max_age_exempt=tuple(custom.get("maxAgeExemptKinds", ())),
        lower_case=custom.get("lowerCase", False),
        classification=prop.classification,
        filled_by=custom.get("filledBy"),
        nullable_key=custom.get("nullableKey"),
        left_empty=custom.get("leftEmpty", False),
        partition=bool(prop.partitioned),
    )
    _check_field(where, field, is_key=bool(prop.primaryKey))
    return field


def _type(where: str, prop: SchemaProperty) -> FieldType:
    field_type = _TYPES.get((prop.logicalType or "", prop.physicalType or ""))
    if field_type is None:
        known = ", ".join(f"{logical}/{physical}" for logical, physical in _TYPES)
        raise ContractError(f"{where}: unknown type {prop.logicalType}/{prop.physicalType} (known: {known})")
    item = _ITEMS.get(field_type)
    if item is not None and (prop.items is None or prop.items.logicalType != item):
        raise ContractError(f"{where}: an array needs items with logicalType {item}")
    return field_type


def _options(where: str, options: dict[str, Any] | None, field_type: FieldType) -> dict[str, Any]:
    """The `logicalTypeOptions`; refused when no stage would apply them or a limit is not a number."""
    for name, value in (options or {}).items():
        if name not in _OPTIONS.get(field_type, ()):
            raise ContractError(f"{where}: unknown option {name} for the type {field_type}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ContractError(f"{where}: {name} is {value!r}, must be a number")
    return dict(options or {})


def _enum(where: str, prop: SchemaProperty, field_type: FieldType) -> tuple[str, ...]:
    values = [entry.value for entry in prop.enum or []]
    if values and field_type != "string":
        raise ContractError(f"{where}: enum is for text, the type is {field_type}")
    if any(not isinstance(value, str) for value in values) or len(set(values)) != len(values):
        raise ContractError(f"{where}: enum must be a list of different texts, is {values}")
    return tuple(str(value) for value in values)


def _custom(where: str, given: list[CustomProperty] | None, known: Mapping[str, type]) -> dict[str, Any]:
    """The custom properties as a dict, each of a known name and of its type."""
    found: dict[str, Any] = {}
    for entry in given or []:
        name, value = entry.property or "", entry.value
        if name not in known:
            raise ContractError(f"{where}: unknown custom property {name!r} (known: {', '.join(known)})")
        # Not isinstance: True is an int, too.
        if type(value) is not known[name]:
            raise ContractError(f"{where}: {name} is {value!r}, must be a {known[name].__name__}")
        found[name] = value
    return found


def _key(table: SchemaObject) -> tuple[str, ...]:
    """The primary key in the order of `primaryKeyPosition`, which must count 1, 2, 3 …"""
    marked = sorted(
        (prop.primaryKeyPosition or 0, str(prop.name)) for prop in table.properties or [] if prop.primaryKey
    )
    if not marked:
        raise ContractError(f"schema {table.name}: missing key: no property has primaryKey")
    if [position for position, _ in marked] != list(range(1, len(marked) + 1)):
        named = ", ".join(f"{name} {position}" for position, name in marked)
        raise ContractError(f"schema {table.name}: primaryKeyPosition must count 1, 2, 3, is: {named}")
    return tuple(name for _, name in marked)


def _required_groups(table: SchemaObject) -> tuple[tuple[str, ...], ...]:
    custom = _custom(f"schema {table.name}", table.customProperties, {"requiredGroups": list})
    groups = custom.get("requiredGroups", [])
    names = {prop.name for prop in table.properties or []}
    for group in groups:
        if not isinstance(group, list) or not group or not set(group) <= names:
            raise ContractError(f"schema {table.name}: requiredGroups: {group!r} is not a list of columns")
    return tuple(tuple(group) for group in groups)


def _check_field(where: str, field: Field, *, is_key: bool) -> None:
    if field.minimum is not None and field.maximum is not None and field.minimum > field.maximum:
        raise ContractError(f"{where}: minimum {field.minimum} is above maximum {field.maximum}")
    if (field.not_future or field.max_age_days is not None) and field.type != "timestamp":
        raise ContractError(f"{where}: notFuture and maxAgeDays are for timestamps, not for {field.type}")
    if field.max_age_exempt and field.max_age_days is None:
        raise ContractError(f"{where}: maxAgeExemptKinds needs maxAgeDays")
    if field.lower_case and field.type != "string":
        raise ContractError(f"{where}: lowerCase is for text, not for {field.type}")
    if field.partition and (field.name, field.type, field.required) != ("day", "date", True):
        raise ContractError(f"{where}: the partition must be the required date column day")
    if is_key and not field.required and field.nullable_key is None:
        raise ContractError(f"{where}: a key column must be required, or say in nullableKey why not")
    if field.nullable_key is not None and (field.required or not is_key):
        raise ContractError(f"{where}: nullableKey is for key columns that are not required")
    if field.left_empty and (field.required or is_key):
        raise ContractError(f"{where}: leftEmpty is for columns that may be empty and are in no key")


def _check_dataset(dataset: Dataset) -> None:
    names = dataset.columns
    for name in names:
        if names.count(name) > 1:
            raise ContractError(f"property {name}: is declared twice")
    partitions = [field.name for field in dataset.fields if field.partition]
    if partitions != ([] if dataset.layer == "mart" else ["day"]):
        raise ContractError("property day: must be partitioned in inputs and lake tables, and in no mart")
    kinds = {value for field in dataset.fields if field.name == "kind" for value in field.enum}
    for field in dataset.fields:
        if not kinds.issuperset(field.max_age_exempt):
            raise ContractError(f"property {field.name}: maxAgeExemptKinds must be values of kind")
