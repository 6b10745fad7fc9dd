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
PROBLEM_TYPE = "struct<reason: string, field: string, detail: string>"

_NUL = r"'\u0000'"
_UNKNOWN = r"'\uFFFD'"  # what a decoder puts where it cannot decode
_SHOWN = 80  # characters of a value in a detail


@dataclass(frozen=True, slots=True)
class Rule:
    """`broken` and `detail` are SQL over the cells (`c_<field>`), the values (`<field>`) and `day`."""

    reason: str
    field: str | None
    broken: str
    detail: str

    def as_sql(self) -> str:
        return f"CASE WHEN {self.broken} THEN {problem(self.reason, self.field, self.detail)} END"


def problem(reason: str, field: str | None, detail: str) -> str:
    """SQL of the struct that says what is wrong with a row; `detail` is SQL itself."""
    named = f"'{field}'" if field else "CAST(NULL AS STRING)"
    return f"named_struct('reason', '{reason}', 'field', {named}, 'detail', {detail})"


def first_problem(
    dataset: Dataset, readings: Mapping[str, Reading], fault: str, *, check_utf8: str | None = None
) -> str:
    """SQL of the first rule that a row breaks, null for a good row.

    `fault` is SQL of what is wrong with the row as a whole. `check_utf8`: `bytes` where texts may hold bytes
    that are not UTF-8, `decoded` where such bytes were replaced already; None where whole rows were checked.
    """
    rules = [rule.as_sql() for rule in row_rules(dataset, readings, check_utf8) if rule.broken != "false"]
    return f"coalesce({', '.join([fault, *rules])})"


def row_rules(
    dataset: Dataset, readings: Mapping[str, Reading], check_utf8: str | None = None
) -> Iterator[Rule]:
    """The rules on columns, in the documented order."""
    fields = dataset.input_fields
    for field in fields:
        yield Rule("bad_type", field.name, readings[field.name].bad_type, _not_a(field))
    yield from _nulls(dataset)
    for field in fields:
        if field.enum:
            yield _not_in_set(field)
    for field in fields:
        yield from _range(field, readings[field.name])
    for field in fields:
        yield from _length(field)
    for field in fields:
        yield from _text(field, check_utf8)
    for field in fields:
        if field.not_future:
            yield _future(field)
    for field in fields:
        if field.max_age_days is not None:
            yield _old(field)


def missing_column(dataset: Dataset, present: set[str]) -> str:
    """SQL of the problem of every row of a file without a required column; null where all are there."""
    for field in dataset.input_fields:
        if field.required and field.name not in present:
            return problem("missing_column", field.name, f"'the file has no column {field.name}'")
    return f"CAST(NULL AS {PROBLEM_TYPE})"


def excerpt(value: str) -> str:
    """SQL that shows the beginning of a value in a detail."""
    return f"concat('\\'', make_valid_utf8(substr(CAST({value} AS STRING), 1, {_SHOWN})), '\\'')"


def _not_a(field: Field) -> str:
    return f"concat({excerpt('c_' + field.name)}, ' is not a {field.type}')"


def _nulls(dataset: Dataset) -> Iterator[Rule]:
    for field in dataset.input_fields:
        if field.required:
            yield Rule("null_required", field.name, f"{field.name} IS NULL", f"'{field.name} is null'")
    if dataset.required_groups:
        groups = [" AND ".join(f"{name} IS NOT NULL" for name in group) for group in dataset.required_groups]
        whole = " OR ".join(f"({group})" for group in groups)
        names = " or ".join(" and ".join(group) for group in dataset.required_groups)
        yield Rule(
            "null_required",
            ",".join(dataset.required_groups[0]),
            f"NOT ({whole})",
            f"'{names} must be there'",
        )


def _not_in_set(field: Field) -> Rule:
    values = ", ".join(f"'{value}'" for value in field.enum)
    allowed = ", ".join(field.enum)
    detail = f"concat({excerpt(field.name)}, ' is not one of {allowed}')"
    return Rule("not_in_set", field.name, f"{field.name} NOT IN ({values})", detail)


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
        wanted = f"must be {' and '.join(limits)}" if limits else f"does not fit a {field.type}"
        detail = f"concat({excerpt('c_' + field.name)}, ' {wanted}')"
        yield Rule("out_of_range", field.name, " OR ".join(f"({b})" for b in broken), detail)


def _length(field: Field) -> Iterator[Rule]:
    name = field.name
    if field.type == "string" and field.max_length is not None:
        longer = _longer(name, field.max_length)
        detail = f"concat(char_length({name}), ' characters, at most {field.max_length}')"
        yield Rule("too_long", name, longer, detail)
    if field.type == "array<string>":
        if field.max_items is not None:
            detail = f"concat(size({name}), ' items, at most {field.max_items}')"
            yield Rule("too_long", name, f"size({name}) > {field.max_items}", detail)
        if field.max_length is not None:
            broken = f"exists({name}, item -> {_longer('item', field.max_length)})"
            yield Rule("too_long", name, broken, f"'an item of more than {field.max_length} characters'")


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
    yield Rule(
        "bad_text", field.name, broken, "'holds NUL, an unpaired surrogate or bytes that are not UTF-8'"
    )


def _bad_text(text: str, check_utf8: str | None) -> str:
    broken = f"contains({text}, {_NUL})"
    if check_utf8 == "bytes":
        return f"({broken} OR NOT is_valid_utf8({text}))"
    if check_utf8 == "decoded":
        return f"({broken} OR contains({text}, {_UNKNOWN}))"
    return broken


def _future(field: Field) -> Rule:
    grace = int(FUTURE_GRACE.total_seconds())
    broken = f"{field.name} > timestampadd(SECOND, {86_400 + grace}, CAST(day AS TIMESTAMP))"
    return Rule("future_time", field.name, broken, f"concat({field.name}, ' lies after the end of ', day)")


def _old(field: Field) -> Rule:
    age = f"datediff(day, CAST({field.name} AS DATE))"
    exempt = ", ".join(f"'{kind}'" for kind in field.max_age_exempt)
    broken = f"{age} > {field.max_age_days}" + (f" AND kind NOT IN ({exempt})" if exempt else "")
    return Rule("too_old", field.name, broken, f"concat({age}, ' days old, at most {field.max_age_days}')")
