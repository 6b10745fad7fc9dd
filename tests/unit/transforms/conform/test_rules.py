"""The rules of every contract: in one order, and valid for every format."""

from __future__ import annotations

import pytest

from spark_jobs.contracts import contract, contracts
from spark_jobs.jobs.conform_reading import conform_session
from spark_jobs.transforms.conform.cells import csv_cells, json_cells, parquet_cells
from spark_jobs.transforms.conform.judging import FATED, judge
from spark_jobs.transforms.conform.rules import ORDER, missing_columns, row_rules
from spark_jobs.transforms.conform.values import reading

INPUTS = [dataset for dataset in contracts().values() if dataset.layer == "input"]
META = "day date, source string, file string, block bigint, position bigint"


def rules(name: str):
    dataset = contract(name)
    return list(row_rules(dataset, {f.name: reading(f, f"c_{f.name}", "text") for f in dataset.input_fields}))


@pytest.mark.parametrize("dataset", INPUTS, ids=lambda dataset: dataset.name)
def test_rules_come_in_the_documented_order(dataset):
    fields = [f.name for f in dataset.input_fields]
    found = [(ORDER.index(rule.reason), fields.index(rule.field)) for rule in rules(dataset.name)]
    assert found == sorted(found)


def test_every_rule_of_the_contract_is_there():
    found = {(rule.reason, rule.field) for rule in rules("activities")}
    assert {
        ("bad_type", "occurred_at"), ("bad_type", "topics"), ("null_required", "network"),
        ("not_in_set", "kind"), ("too_long", "activity_id"), ("too_long", "topics"),
        ("bad_text", "content_id"), ("bad_text", "topics"),
        ("future_time", "occurred_at"), ("too_old", "occurred_at"),
    } <= found  # fmt: skip
    assert ("null_required", "target_account_id") not in found
    assert {("out_of_range", "share"), ("out_of_range", "confidence")} <= {
        (rule.reason, rule.field) for rule in rules("identity_links")
    }


def test_a_missing_column_is_told_once():
    (rule,) = missing_columns(contract("activities"), {"network", "kind", "occurred_at"})
    assert (rule.reason, rule.field) == ("missing_column", "activity_id")
    assert missing_columns(contract("privacy_requests"), {"request", "requested_at"}) == []


@pytest.mark.parametrize("dataset", INPUTS, ids=lambda dataset: dataset.name)
def test_the_rules_are_valid_sql_for_every_format(spark, dataset):
    session = conform_session(spark)
    names = [f.name for f in dataset.input_fields]
    lines = session.createDataFrame([], f"{META}, value string")
    text = ", ".join(f"_c{i} string" for i in range(len(names)))
    cells = session.createDataFrame([], f"{META}, _corrupt string, {text}")
    columns = session.createDataFrame([], f"{META}, {', '.join(f'{name} string' for name in names)}")
    for frame in (
        judge(json_cells(lines, dataset), dataset),
        judge(csv_cells(cells, dataset, names, utf8=False), dataset),
        judge(parquet_cells(columns, dataset, dict.fromkeys(names, "string")), dataset),
    ):
        assert frame.columns == list(FATED)
        assert frame.schema["row"].dataType.fieldNames() == names
