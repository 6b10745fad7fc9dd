"""One day of hostile files in every format, conformed once: every bad row by its reason, no good one lost."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from spark_jobs.contracts import contract
from spark_jobs.jobs.conform import conform
from spark_jobs.lake import Lake
from spark_jobs.transforms.conform.counting import ConformReport
from spark_jobs.transforms.conform.rules import ORDER
from tests.fixtures.deliveries import as_jsonl, deliver, sha256
from tests.fixtures.hostile_files import (
    AT,
    BAD_CONTACTS,
    CASES,
    CONTACTS,
    DAY,
    MEGABYTE,
    ODD,
    Bad,
    activity,
    unreadable_cases,
)


@dataclass
class Run:
    lake: Lake
    report: ConformReport
    said: list[str]
    quarantine: list[dict[str, Any]]
    activities: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def run(spark, tmp_path_factory) -> Run:
    lake = Lake(str(tmp_path_factory.mktemp("hostile files") / "a home"))
    deliver(
        lake, DAY, {case.name: case.content for case in CASES} | {"crm_contacts.jsonl": as_jsonl(CONTACTS)}
    )
    said: list[str] = []
    report = conform(spark, lake, [DAY], "hostile", said.append)
    quarantine = lake.read_arrow("quarantine", DAY).to_pylist()
    activities = lake.read_arrow("activities", DAY).to_pylist()
    assert len(activities) == len({row["activity_id"] for row in activities})
    return Run(lake, report, said, quarantine, {row["activity_id"]: row for row in activities})


def by_row(bad: list[Bad]) -> list[Bad]:
    return sorted(bad, key=lambda row: (row[0] or 0, row[1]))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_bad_row_of_a_file_has_its_reason(case, run):
    found = [(r["row_number"], r["reason"], r["field"]) for r in run.quarantine if r["file"] == case.file]
    assert by_row(found) == by_row(case.bad)


def test_every_good_row_survives_beside_them(run):
    assert run.activities.keys() == set().union(*(case.good for case in CASES))


def test_every_reason_occurs(run):
    assert {row["reason"] for row in run.quarantine} == {*ORDER, "unreadable_file"}


@pytest.mark.parametrize("mark", ["jsonl", "csv", "parquet"])
def test_odd_values_become_what_they_mean(mark, run):
    for i, (changes, expected) in enumerate(ODD):
        row = run.activities[f"{mark}-odd-{i}"]
        assert {name: row[name] for name in expected} == expected, changes


def test_rows_are_filled_and_lowered(run):
    rows = run.activities.values()
    assert {row["network"] for row in rows} == {"forum"}
    assert {row["source"] for row in rows} == {"inbox"}
    assert run.activities["7"]["target_account_id"] == "12345678901234567890"
    assert run.activities["7"]["topics"] == ["a", "b", "c"]
    assert run.activities["csv break"]["target_account_id"] == 'line\nbreak, "quoted"'
    typed = run.activities["901"]
    assert (typed["actor_account_id"], typed["target_account_id"], typed["topics"]) == (
        "1",
        "bytes",
        ["1", "2"],
    )
    assert [run.activities[name]["occurred_at"] for name in ("ns 0", "96 0", "ms 0", "far 2")] == [AT] * 4


def test_the_quarantine_keeps_the_row_cut_with_its_size_and_hash(run):
    for row in run.quarantine:
        if row["reason"] == "unreadable_file":
            continue
        assert len(row["raw"]) <= 4096
        assert row["raw_bytes"] >= len(row["raw"].encode()) or row["raw_bytes"] > 4096
        if row["raw_bytes"] <= 4096 and "\ufffd" not in row["raw"]:
            assert row["raw_sha256"] == sha256(row["raw"].encode())
    long = next(
        r
        for r in run.quarantine
        if r["file"] == "activities/activities.jsonl" and r["field"] == "activity_id"
    )
    line = json.dumps(activity("jsonl-bad-9", activity_id=MEGABYTE))
    assert (long["raw"], long["raw_bytes"], long["raw_sha256"]) == (
        line[:4096],
        len(line),
        sha256(line.encode()),
    )
    poke = next(r for r in run.quarantine if r["reason"] == "not_in_set" and "csv-bad" in r["raw"])
    assert (poke["network"], poke["account_id"]) == ("forum", "actor of csv-bad-7")
    assert poke["detail"].startswith("'poke' is not one of post, reply")


def test_an_unreadable_file_is_told_with_size_and_hash(run):
    sizes = {case.file: (len(case.content), sha256(case.content)) for case in unreadable_cases()}
    found = {
        r["file"]: (r["raw_bytes"], r["raw_sha256"])
        for r in run.quarantine
        if r["reason"] == "unreadable_file"
    }
    assert found == sizes
    details = {r["file"]: r["detail"] for r in run.quarantine if r["reason"] == "unreadable_file"}
    assert details["activities/activities-packed.jsonl"].startswith("this is gzip, not jsonl; ")
    assert details["strangers/strangers.jsonl"].startswith("its name names no input table; ")
    assert any("activities-damaged.parquet" in text for text in run.said)


def test_the_counts_balance_and_agree_with_the_tables(run):
    counts = {row["table_name"]: row for row in run.lake.read_arrow("conform_count", DAY).to_pylist()}
    bad = Counter(row["table_name"] for row in run.quarantine)
    for table, row in counts.items():
        assert row["received"] == row["accepted"] + row["quarantined"] + row["duplicates"] + row["suppressed"]
        assert row["quarantined"] == bad[table], table
        manifest = run.lake.manifest(table, DAY)
        assert row["accepted"] == (manifest.rows if manifest else 0), table
    assert counts["activities"]["accepted"] == len(run.activities)
    assert counts["strangers"] == {
        "source": "inbox", "table_name": "strangers", "received": 1, "accepted": 0, "quarantined": 1,
        "duplicates": 0, "suppressed": 0, "unknown_columns": [],
    }  # fmt: skip
    assert {"Kind", "kind ", "huge", "nested", "day", "network"} == set(
        counts["activities"]["unknown_columns"]
    )


def test_a_contact_goes_on_without_what_of_it_cannot_be_read(run):
    """What it may lack is left empty and noted; without what it needs there is no row."""
    rows = {row["contact_id"]: row for row in run.lake.read_arrow("crm_contacts", DAY).to_pylist()}
    told = {name: {c: v for c, v in row.items() if v is not None} for name, row in rows.items()}
    named = {"crm": "crm", "updated_at": AT, "source": "inbox"}
    assert told == {
        "good": named | {"contact_id": "good", "email": "good@x.org", "currency": "EUR", "birth_year": 1980,
                         "lifetime_value": 10.0, "customer_since": date(2020, 1, 2)},
        "odd": named | {"contact_id": "odd"},
    }  # fmt: skip
    found = [
        (r["row_number"], r["reason"], r["field"])
        for r in run.quarantine
        if r["table_name"] == "crm_contacts"
    ]
    assert by_row(found) == by_row(BAD_CONTACTS)
    [count] = [
        row
        for row in run.lake.read_arrow("conform_count", DAY).to_pylist()
        if row["table_name"] == "crm_contacts"
    ]
    assert count["unknown_columns"] == [
        f"{name}: {reason}, left empty"
        for name, reason in (
            ("birth_year", "bad_type"),
            ("currency", "too_long"),
            ("customer_since", "bad_type"),
            ("email", "bad_text"),
            ("lifetime_value", "out_of_range"),
        )
    ]


def test_the_report_says_the_same(run):
    totals = run.report.totals()
    assert totals["quarantined"] == len(run.quarantine)
    assert totals["reasons"] == dict(sorted(Counter(row["reason"] for row in run.quarantine).items()))
    told = json.loads(json.dumps(run.report.as_json()))
    assert told["days"] == ["2026-03-10"]
    assert sum(count["accepted"] for count in told["counts"]) == totals["accepted"]


def test_every_table_of_the_day_exists_and_has_its_contract_s_columns(run):
    types = {
        "string": pa.string(), "double": pa.float64(), "bigint": pa.int64(), "int": pa.int32(),
        "boolean": pa.bool_(), "timestamp": pa.timestamp("us", tz="UTC"), "date": pa.date32(),
    }  # fmt: skip
    for table in ("activities", "accounts", "identity_links", "quarantine", "conform_count", "outcomes"):
        assert run.lake.exists(table, DAY), table
        rows = run.lake.read_arrow(table, DAY)
        for column in contract(table).lake_fields if rows.num_columns else ():
            found = rows.schema.field(column.name).type
            if column.type == "array<string>":
                assert pa.types.is_list(found)
                assert found.value_type == pa.string()
            else:
                assert found == types[column.type], (table, column.name)
        assert not rows.num_columns or rows.column_names == [f.name for f in contract(table).lake_fields]
