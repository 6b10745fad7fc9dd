"""The contracts of this project: complete, linted, consistent with each other."""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import duckdb
import pytest
from pyspark.sql.types import StructType

from spark_jobs.contracts import (
    CONTRACTS_FOLDER,
    ContractError,
    Dataset,
    Field,
    contract,
    contract_files,
    contracts,
    load_contract,
)
from spark_jobs.schemas import input_schema, lake_schema

INPUTS = [
    "activities",
    "accounts",
    "identity_links",
    "endorsements",
    "deletions",
    "privacy_requests",
    "crm_contacts",
    "crm_contact_accounts",
    "service_events",
    "outcomes",
]
LAKE = [
    "quarantine",
    "conform_count",
    "crm_sync",
    "deliveries",
    "follow_state",
    "endorsement_state",
    "pair_state",
    "person_account",
    "daily_score",
    "score_part",
    "score_change",
    "score_reactor",
    "topic_label",
    "topic_score",
    "ledger_leaf",
    "ledger_digest",
    "person_key",
    "check_result",
    "validation_baseline",
    "campaign_audience",
    "erased_mark",
    "privacy_extension",
    "privacy_report",
]
MARTS = [
    "core.daily_score",
    "core.person",
    "core.person_account",
    "core.model_version",
    "bi.score_latest",
    "bi.score_trend",
    "bi.score_parts",
    "bi.score_changes",
    "bi.topic_leaderboard",
    "bi.content_leaderboard",
    "bi.network_overview",
    "bi.score_stability",
    "bi.score_validation",
    "bi.campaign_lift",
    "bi.data_quality",
    "crm.contact_score",
    "crm.campaign_audience",
    "crm.deleted_contact",
    "crm.sync_history",
    "crm.sync_run",
]
DRAFTS: set[str] = set()

PERSONAL = {
    "email",
    "full_name",
    "display_name",
    "handle",
    "account_id",
    "contact_id",
    "person_key",
    "person_id",
}

# Marts show these lake tables; the partition apart, they must have the same columns.
SHARED = [name for name in contracts() if name.startswith("core.") and name.split(".")[1] in contracts()]
# Marts show columns of these lake tables under the same name; their value sets must not drift apart.
SAME_VALUES = [
    ("quarantine", "reason", "bi.data_quality", "top_reason"),
    ("score_part", "part", "bi.score_parts", "part"),
    ("score_change", "cause", "bi.score_changes", "cause"),
    ("deliveries", "status", "crm.sync_history", "status"),
    ("crm_sync", "status", "crm.sync_run", "status"),
    ("bi.campaign_lift", "group_name", "crm.campaign_audience", "group_name"),
    ("campaign_audience", "group_name", "crm.campaign_audience", "group_name"),
]


@pytest.mark.parametrize("path", contract_files(), ids=lambda path: path.name)
def test_every_file_loads(path: Path) -> None:
    dataset = load_contract(path)
    assert contracts()[dataset.full_name] == dataset


def test_no_file_lies_where_nobody_reads_it() -> None:
    assert set(contract_files()) == set(CONTRACTS_FOLDER.rglob("*.y*ml"))


def test_the_linter_accepts_every_file_and_refuses_a_misspelt_one(tmp_path: Path) -> None:
    lint = CONTRACTS_FOLDER / "lint.py"
    good = subprocess.run([sys.executable, lint], capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stdout + good.stderr
    assert f"{len(contract_files())} contracts, 0 problems" in good.stdout

    bad = tmp_path / "activities.odcs.yaml"
    text = (CONTRACTS_FOLDER / "inputs" / "activities.odcs.yaml").read_text()
    bad.write_text(text.replace("required: true", "requierd: true", 1))
    refused = subprocess.run([sys.executable, lint, bad], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert str(bad) in refused.stdout
    assert "requierd" in refused.stdout


@pytest.mark.parametrize(("layer", "names"), [("input", INPUTS), ("lake", LAKE), ("mart", MARTS)])
def test_every_table_has_a_contract_in_its_layer(layer: str, names: list[str]) -> None:
    assert {name: contract(name).layer for name in names} == dict.fromkeys(names, layer)


def test_only_what_has_no_model_yet_is_a_draft() -> None:
    assert {name for name, dataset in contracts().items() if dataset.status == "draft"} == DRAFTS


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ContractError, match=r"no contract is named 'activitys'; there are: .*activities"):
        contract("activitys")


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(ContractError, match="activities has no column 'colour'"):
        contract("activities").field("colour")


def test_activities_holds_the_rules_of_a_row() -> None:
    activities = contract("activities")
    assert activities.key == ("network", "activity_id")
    assert [f.name for f in activities.input_fields] == [
        "network",
        "activity_id",
        "kind",
        "actor_account_id",
        "target_account_id",
        "content_id",
        "occurred_at",
        "topics",
    ]
    assert [f.name for f in activities.lake_fields[-2:]] == ["source", "late_days"]
    assert activities.columns[-1] == "day"
    assert activities.field("kind").enum == (
        "post",
        "reply",
        "mention",
        "quote",
        "repost",
        "like",
        "follow",
        "unfollow",
    )
    occurred_at = activities.field("occurred_at")
    assert occurred_at.not_future
    assert (occurred_at.max_age_days, occurred_at.max_age_exempt) == (90, ("follow", "unfollow"))
    assert (activities.field("topics").max_items, activities.field("topics").max_length) == (64, 256)
    assert activities.field("network").max_length == 512
    assert activities.field("network").lower_case


def test_a_privacy_request_names_an_account_or_a_contact() -> None:
    assert contract("privacy_requests").required_groups == (("network", "account_id"), ("crm", "contact_id"))


@pytest.mark.parametrize("dataset", contracts().values(), ids=lambda dataset: dataset.full_name)
def test_key_columns_are_required_or_say_why_not(dataset: Dataset) -> None:
    assert dataset.key
    loose = [f.name for f in dataset.fields if f.name in dataset.key and not f.required]
    assert [name for name in loose if not dataset.field(name).nullable_key] == []


@pytest.mark.parametrize("dataset", contracts().values(), ids=lambda dataset: dataset.full_name)
def test_spark_schemas_carry_the_contract_and_back(dataset: Dataset) -> None:
    for schema, fields in (
        (input_schema(dataset.full_name), dataset.input_fields),
        (lake_schema(dataset.full_name), dataset.lake_fields),
    ):
        again = StructType.fromJson(schema.jsonValue())
        assert [(f.name, f.dataType.simpleString()) for f in again] == [(f.name, f.type) for f in fields]


@pytest.mark.parametrize("dataset", contracts().values(), ids=lambda dataset: dataset.full_name)
def test_physical_types_are_duckdbs_own(dataset: Dataset) -> None:
    columns = ", ".join(f'"{f.name}" {f.physical_type}' for f in dataset.fields)
    with duckdb.connect() as connection:
        connection.execute(f"create table shown ({columns})")
        shown = {row[0]: row[1] for row in connection.execute("describe shown").fetchall()}
    assert shown == {f.name: f.physical_type for f in dataset.fields}


def _rules(dataset: Dataset) -> dict[str, tuple[object, ...]]:
    return {f.name: _rule(f) for f in dataset.fields if f.name != "day"}


def _rule(f: Field) -> tuple[object, ...]:
    return f.type, f.physical_type, f.required, f.enum, f.minimum, f.maximum, f.classification


@pytest.mark.parametrize("mart", SHARED)
def test_a_mart_that_shows_a_lake_table_has_its_columns(mart: str) -> None:
    lake = contract(mart.split(".")[1])
    assert _rules(contract(mart)) == _rules(lake)
    assert list(_rules(contract(mart))) == list(_rules(lake)), "the order differs"


def test_the_shared_marts_are_those_of_the_design() -> None:
    assert SHARED == ["core.daily_score", "core.person_account"]


@pytest.mark.parametrize(("left", "left_column", "right", "right_column"), SAME_VALUES)
def test_value_sets_agree(left: str, left_column: str, right: str, right_column: str) -> None:
    values = contract(left).field(left_column).enum
    assert values
    assert contract(right).field(right_column).enum == values


def test_a_column_has_one_type_wherever_it_occurs() -> None:
    types: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, dataset in contracts().items():
        for f in dataset.fields:
            # A rank counts a person's few reactors or topics in the lake, and all people in a mart.
            column = f"{dataset.layer}.rank" if f.name == "rank" else f.name
            types[column][f.type].append(name)
    assert {column: dict(found) for column, found in types.items() if len(found) > 1} == {}


def test_personal_data_is_classified() -> None:
    forgotten = [
        f"{name}.{f.name}"
        for name, dataset in contracts().items()
        for f in dataset.fields
        if (f.name in PERSONAL or f.name.endswith("_account_id")) and f.classification != "personal"
    ]
    assert forgotten == []


def test_what_conform_fills_is_no_part_of_a_delivery() -> None:
    for name in INPUTS:
        dataset = contract(name)
        added = [f.name for f in dataset.lake_fields if f not in dataset.input_fields]
        assert added == (["source", "late_days"] if name == "activities" else ["source"])
        assert all(dataset.field(column).filled_by == "conform" for column in added)
