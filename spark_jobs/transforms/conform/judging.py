"""Rows with their fate: each keeps its contract, or says by one reason why not."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame

from spark_jobs.contracts import Dataset
from spark_jobs.transforms.conform.cells import META, Cells
from spark_jobs.transforms.conform.rules import Rule, row_rules
from spark_jobs.transforms.conform.values import reading

# What becomes of a row. A blank line is no row, but counts where lines are numbered.
ACCEPTED, QUARANTINED, DUPLICATE, SUPPRESSED, BLANK = (
    "accepted", "quarantined", "duplicate", "suppressed", "blank",
)  # fmt: skip
REFUSAL = ("reason", "field", "detail", "raw", "raw_bytes", "raw_sha256", "network", "account_id")
FATED = (*META, "fate", *REFUSAL, "unknown", "row")

RAW_CHARACTERS = 4096  # of a refused row that are kept
MOST_UNKNOWN = 50  # unknown columns that one row can report
_NAME_CHARACTERS = 512
_SHOWN_CHARACTERS = 80  # of a value, in a detail
_ODD = "_odd"

# The account that a refused row is kept under, so that erasing it finds the row.
_ACCOUNT = ("account_id", "actor_account_id", "from_account_id")


def judge(cells: Cells, dataset: Dataset, subjects: Sequence[str] = ()) -> DataFrame:
    """One row a raw row, in the columns `FATED`.

    `fate` is accepted (so far), quarantined or blank. Refused rows have what the table quarantine keeps of
    them (`REFUSAL`), accepted ones the struct `row` of the contract's input columns; `unknown` names the
    columns that the contract does not know, and those that were left empty, with the reason. Where `subjects`
    (SQL over the values) is given, a last column `subjects` holds an array of their texts.
    """
    fields = dataset.input_fields
    readings = {f.name: reading(f, f"c_{f.name}", cells.kinds[f.name], cells.line) for f in fields}
    values = cells.frame.selectExpr("*", *[f"{readings[f.name].value} AS {f.name}" for f in fields])
    lenient = {f.name for f in fields if f.left_empty}
    every = [*cells.faults, *row_rules(dataset, readings, cells.check_utf8)]
    rules = [rule for rule in every if rule.field not in lenient]
    values = _left_empty(values, [rule for rule in every if rule.field in lenient])
    first = " ".join(f"WHEN {rule.broken} THEN {number}" for number, rule in enumerate(rules, 1))
    refused = "problem > 0"
    row = ", ".join(f"'{f.name}', {f.name}" for f in fields)
    says = _of_rule([rule.says for rule in rules])
    extra = ["subjects"] if subjects else []
    found = values.selectExpr("*", f"CASE WHEN {cells.blank} THEN -1 {first} ELSE 0 END AS problem")
    judged = found.selectExpr(
        *META,
        "problem",
        f"CASE WHEN {refused} THEN {cells.row_text} END AS whole",
        f"CASE WHEN {refused} THEN {_shown(dataset, rules)} END AS shown",
        f"CASE WHEN {refused} THEN {_name('network', dataset)} END AS network",
        f"CASE WHEN {refused} THEN {_account(dataset)} END AS account_id",
        f"{_unknown(cells, bool(lenient))} AS unknown",
        f"CASE WHEN problem = 0 THEN named_struct({row}) END AS row",
        *[f"array_compact(array({', '.join(subjects)})) AS {name}" for name in extra],
    )
    return judged.selectExpr(
        *META,
        f"CASE problem WHEN 0 THEN '{ACCEPTED}' WHEN -1 THEN '{BLANK}' ELSE '{QUARANTINED}' END AS fate",
        f"{_of_rule([rule.reason for rule in rules])} AS reason",
        f"{_of_rule([rule.field for rule in rules])} AS field",
        f"CASE WHEN {refused} THEN concat_ws(' ', shown, {says}) END AS detail",
        f"substr(whole, 1, {RAW_CHARACTERS}) AS raw",
        "CAST(octet_length(whole) AS BIGINT) AS raw_bytes",
        "sha2(whole, 256) AS raw_sha256",
        "network",
        "account_id",
        "unknown",
        "row",
        *extra,
    )


def lake_rows(fated: DataFrame, dataset: Dataset) -> DataFrame:
    """The accepted rows with the columns of the lake's files, and `day`."""
    columns = [f"{sql} AS {name}" for name, sql in lake_columns(dataset).items()]
    return fated.where(f"fate = '{ACCEPTED}'").selectExpr(*columns, "day")


def lake_columns(dataset: Dataset) -> dict[str, str]:
    """SQL of each column of the dataset's lake files, over `FATED`."""
    filled = {"source": "source", "late_days": "CAST(datediff(day, CAST(row.occurred_at AS DATE)) AS INT)"}
    return {f.name: filled[f.name] if f.filled_by else f"row.{f.name}" for f in dataset.lake_fields}


def _of_rule(texts: Sequence[str | None]) -> str:
    """SQL of the text that goes with the rule numbered `problem`; null for a row that broke none."""
    listed = ", ".join("NULL" if text is None else f"'{text}'" for text in texts)
    return f"CASE WHEN problem > 0 THEN element_at(array({listed}), problem) END"


def _shown(dataset: Dataset, rules: Sequence[Rule]) -> str:
    """SQL of the beginning of the value that broke a rule, in quotation marks; null where there is none."""
    field = _of_rule([rule.field for rule in rules])
    cases = " ".join(
        f"WHEN '{f.name}' THEN coalesce(CAST({f.name} AS STRING), CAST(c_{f.name} AS STRING))"
        for f in dataset.input_fields
    )
    text = f"make_valid_utf8(substr(CASE {field} {cases} END, 1, {_SHOWN_CHARACTERS}))"
    return rf"concat('\'', replace({text}, '\u0000', '\u2400'), '\'')"


def _left_empty(values: DataFrame, rules: Sequence[Rule]) -> DataFrame:
    """The values without those that break one of `rules`; which these were, and why, in the array `_odd`."""
    if not rules:
        return values
    columns = {name: name for name in values.columns}
    notes = []
    for field in dict.fromkeys(str(rule.field) for rule in rules):
        own = [rule for rule in rules if rule.field == field]
        broken = " OR ".join(f"coalesce({rule.broken}, false)" for rule in own)
        columns[field] = f"CASE WHEN {broken} THEN NULL ELSE {field} END AS {field}"
        why = " ".join(f"WHEN {rule.broken} THEN '{field}: {rule.reason}, left empty'" for rule in own)
        notes.append(f"CASE {why} END")
    return values.selectExpr(*columns.values(), f"array_compact(array({', '.join(notes)})) AS {_ODD}")


def _unknown(cells: Cells, has_odd: bool) -> str:
    names = f"slice({cells.unknown}, 1, {MOST_UNKNOWN})"
    short = f"transform({names}, name -> make_valid_utf8(substr(name, 1, {_NAME_CHARACTERS})))"
    if not has_odd:
        return f"CASE WHEN size({cells.unknown}) > 0 THEN {short} END"
    told = f"concat(coalesce({short}, CAST(array() AS ARRAY<STRING>)), {_ODD})"
    return f"CASE WHEN size({told}) > 0 THEN {told} END"


def _account(dataset: Dataset) -> str:
    present = [name for name in _ACCOUNT if name in dataset.columns]
    return _name(present[0], dataset) if present else "CAST(NULL AS STRING)"


def _name(column: str, dataset: Dataset) -> str:
    if column not in dataset.columns:
        return "CAST(NULL AS STRING)"
    return f"make_valid_utf8(substr({column}, 1, {_NAME_CHARACTERS}))"
