"""SQL of a contract's row rules. A row's reason is the first rule it breaks, in this order:

    missing_column, bad_json, bad_type, null_required, not_in_set, out_of_range, too_long, bad_text,
    future_time, too_old

and within one of these the columns in the contract's order. What speaks of the whole row (a line that is no
JSON object, a wrong count of cells, text that is not UTF-8) comes before what speaks of one column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from spark_jobs.contracts import FUTURE_GRACE, Dataset, Field
from spark_jobs.transforms.conform.values import Reading

ORDER = (
    "missing_column",
    "bad_json",
    "bad_type",
    "null_required",
    "not_in_set",
    "out_of_range",
    "too_long",
    "bad_text",
    "future_time",
    "too_old",
)
UNREADABLE_FILE = "unreadable_file"

_NUL = r"'\u0000'"
_UNDECODED = r"'\uFFFD'"  # what a decoder puts where it cannot decode


@dataclass(frozen=True, slots=True)
class Rule:
    """`broken` is SQL over the cells (`c_<field>`), the values (`<field>`) and `day`.

    `says` goes on after the value, or stands alone where `field` is None.
    """

    reason: str
    field: str | None
    broken: str
    says: str


def row_rules(
    dataset: Dataset, readings: Mapping[str, Reading], check_utf8: str | None = None
) -> Iterator[Rule]:
    """The rules on columns, in the documented order.

    `check_utf8`: `bytes` where texts may hold bytes that are not UTF-8, `decoded` where such bytes were
    replaced already; None where whole rows were checked.
    """
    fields = dataset.input_fields
    for field in fields:
        broken = readings[field.name].bad_type
        if broken != "false":
            yield Rule("bad_type", field.name, broken, f"is not a {field.type}")
    yield from _nulls(dataset)
    by_field = (
        _set,
        lambda field: _range(field, readings[field.name]),
        _length,
        lambda field: _text(field, check_utf8),
        _future,
        _old,
    )
    for rule in by_field:
        for field in fields:
            yield from rule(field)


def missing_columns(dataset: Dataset, present: set[str]) -> list[Rule]:
    """What every row of a file breaks that lacks a required column; nothing where all are there."""
    missing = [f.name for f in dataset.input_fields if f.required and f.name not in present]
    return [Rule("missing_column", name, "true", "is no column of the file") for name in missing[:1]]


def _nulls(dataset: Dataset) -> Iterator[Rule]:
    if dataset.required_groups:
        whole = " OR ".join(
            f"({' AND '.join(f'{name} IS NOT NULL' for name in group)})" for group in dataset.required_groups
        )
        names = " or ".join(" and ".join(group) for group in dataset.required_groups)
        says = f"but {names} must be there"
        yield Rule("null_required", dataset.required_groups[0][0], f"NOT ({whole})", says)
    for field in dataset.input_fields:
        if field.required:
            yield Rule("null_required", field.name, f"{field.name} IS NULL", "must be there")


def _set(field: Field) -> Iterator[Rule]:
    if field.enum:
        values = ", ".join(f"'{value}'" for value in field.enum)
        says = f"is not one of {', '.join(field.enum)}"
        yield Rule("not_in_set", field.name, f"{field.name} NOT IN ({values})", says)


def _range(field: Field, read: Reading) -> Iterator[Rule]:
    broken = [read.out_of_range] if read.out_of_range != "false" else []
    if field.type == "double":
        broken.append(f"isnan({field.name}) OR abs({field.name}) = double('Infinity')")
    limits = []
    if field.minimum is not None:
        broken.append(f"{field.name} < {field.minimum}")
        limits.append(f"at least {field.minimum:g}")
    if field.maximum is not None:
        broken.append(f"{field.name} > {field.maximum}")
        limits.append(f"at most {field.maximum:g}")
    if broken:
        says = f"must be {' and '.join(limits)}" if limits else f"does not fit a {field.type}"
        yield Rule("out_of_range", field.name, " OR ".join(f"({each})" for each in broken), says)


def _length(field: Field) -> Iterator[Rule]:
    name, limit = field.name, field.max_length
    if field.type == "string" and limit is not None:
        yield Rule("too_long", name, _longer(name, limit), f"has more than {limit} characters")
    if field.type == "array<string>":
        if field.max_items is not None:
            says = f"has more than {field.max_items} items"
            yield Rule("too_long", name, f"size({name}) > {field.max_items}", says)
        if limit is not None:
            says = f"has an item of more than {limit} characters"
            yield Rule("too_long", name, f"exists({name}, item -> {_longer('item', limit)})", says)


def _longer(text: str, limit: int) -> str:
    # Counting bytes first: it is one look at the header, and settles it for nearly every row.
    return f"octet_length({text}) > {limit} AND char_length({text}) > {limit}"


def _text(field: Field, check_utf8: str | None) -> Iterator[Rule]:
    if field.type == "string":
        broken = _bad_text(field.name, check_utf8)
    elif field.type == "array<string>":
        broken = f"exists({field.name}, item -> {_bad_text('item', check_utf8)})"
    else:
        return
    yield Rule("bad_text", field.name, broken, "holds NUL, half a surrogate pair or bytes that are not UTF-8")


def _bad_text(text: str, check_utf8: str | None) -> str:
    broken = f"contains({text}, {_NUL})"
    if check_utf8 == "bytes":
        return f"({broken} OR NOT is_valid_utf8({text}))"
    if check_utf8 == "decoded":
        return f"({broken} OR contains({text}, {_UNDECODED}))"
    return broken


def _future(field: Field) -> Iterator[Rule]:
    if field.not_future:
        grace = int(FUTURE_GRACE.total_seconds())
        broken = f"{field.name} > timestampadd(SECOND, {86_400 + grace}, CAST(day AS TIMESTAMP))"
        yield Rule("future_time", field.name, broken, "lies after the end of the day")


def _old(field: Field) -> Iterator[Rule]:
    if field.max_age_days is not None:
        exempt = ", ".join(f"'{kind}'" for kind in field.max_age_exempt)
        broken = f"datediff(day, CAST({field.name} AS DATE)) > {field.max_age_days}"
        if exempt:
            broken += f" AND kind NOT IN ({exempt})"
        yield Rule("too_old", field.name, broken, f"is more than {field.max_age_days} days old")
