"""Rows with their fate: each keeps its contract, or says by one reason why not."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame

from spark_jobs.contracts import Dataset
from spark_jobs.transforms.conform.cells import META, Cells
from spark_jobs.transforms.conform.rules import first_problem
from spark_jobs.transforms.conform.values import reading

GOOD, QUARANTINED, SUPPRESSED, BLANK = "good", "quarantined", "suppressed", "blank"
RAW_CHARACTERS = 4096  # of a refused row that are kept
MOST_UNKNOWN = 50  # unknown columns that one row can report
_NAME_CHARACTERS = 512

# The account that a refused row is kept under, so that erasing it finds the row.
_ACCOUNT = ("account_id", "actor_account_id", "from_account_id")


def judge(cells: Cells, dataset: Dataset, subjects: Sequence[str] = ()) -> DataFrame:
    """One row a raw row.

    Columns: those of `cells.META`; `fate`; for refused rows `reason`, `field`, `detail`, `raw` (cut),
    `raw_bytes`, `raw_sha256`, `network`, `account_id`; `unknown` (column names the contract does not know);
    `row`, a struct of the contract's input columns, for good rows alone; and, where `subjects` (SQL over the
    values) is given, an array of their texts.
    """
    fields = dataset.input_fields
    readings = {f.name: reading(f, f"c_{f.name}", cells.kinds[f.name], cells.line) for f in fields}
    values = cells.frame.selectExpr("*", *[f"{readings[f.name].value} AS {f.name}" for f in fields])
    problem = first_problem(dataset, readings, cells.fault, check_utf8=cells.check_utf8)
    found = values.selectExpr("*", f"CASE WHEN NOT ({cells.blank}) THEN {problem} END AS problem")
    refused = "problem IS NOT NULL"
    row = ", ".join(f"'{f.name}', {f.name}" for f in fields)
    judged = found.selectExpr(
        *META,
        f"CASE WHEN {cells.blank} THEN '{BLANK}' WHEN {refused} THEN '{QUARANTINED}'"
        f" ELSE '{GOOD}' END AS fate",
        "problem",
        f"CASE WHEN {refused} THEN {cells.row_text} END AS whole",
        f"CASE WHEN {refused} THEN {_name('network', dataset)} END AS network",
        f"CASE WHEN {refused} THEN {_account(dataset)} END AS account_id",
        f"{_unknown(cells)} AS unknown",
        f"CASE WHEN problem IS NULL THEN named_struct({row}) END AS row",
        *([f"array_compact(array({', '.join(subjects)})) AS subjects"] if subjects else []),
    )
    return judged.selectExpr(
        *META,
        "fate",
        "problem.reason",
        "problem.field",
        "problem.detail",
        f"substr(whole, 1, {RAW_CHARACTERS}) AS raw",
        "CAST(octet_length(whole) AS BIGINT) AS raw_bytes",
        "sha2(whole, 256) AS raw_sha256",
        "network",
        "account_id",
        "unknown",
        "row",
        *(["subjects"] if subjects else []),
    )


def good_rows(judged: DataFrame, dataset: Dataset) -> DataFrame:
    """The good rows, their columns beside `day`, `source` and `file`."""
    columns = [f"row.{f.name}" for f in dataset.input_fields]
    return judged.where(f"fate = '{GOOD}'").selectExpr("day", "source", "file", *columns)


def refused_rows(judged: DataFrame, table: str) -> DataFrame:
    """The refused rows in the form of the table quarantine, but for `position` and `block` in place of
    `row_number`."""
    return judged.where(f"fate = '{QUARANTINED}'").selectExpr(
        *META,
        f"'{table}' AS table_name",
        *["reason", "field", "detail", "raw", "raw_bytes", "raw_sha256", "network", "account_id"],
    )


def _unknown(cells: Cells) -> str:
    short = (
        f"transform(slice({cells.unknown}, 1, {MOST_UNKNOWN}), name -> substr(name, 1, {_NAME_CHARACTERS}))"
    )
    return f"CASE WHEN size({cells.unknown}) > 0 THEN {short} END"


def _account(dataset: Dataset) -> str:
    present = [name for name in _ACCOUNT if name in dataset.columns]
    return _name(present[0], dataset) if present else "CAST(NULL AS STRING)"


def _name(column: str, dataset: Dataset) -> str:
    if column not in dataset.columns:
        return "CAST(NULL AS STRING)"
    return f"make_valid_utf8(substr({column}, 1, {_NAME_CHARACTERS}))"
