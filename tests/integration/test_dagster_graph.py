"""The graph of assets reads like the design: keys, groups, days, and what blocks what."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spark_jobs.contracts import contracts
from tests.fixtures.contact_scores import DAY, contact, publish

# In a process of its own: the definitions are made for one home, read from the environment once.
DESCRIBE = """
import json
from orchestration.definitions import defs
from orchestration.defs.jobs import JOB, every_night

graph = defs.resolve_asset_graph()
nodes = {}
for key in graph.get_all_asset_keys():
    node = graph.get(key)
    nodes[key.to_user_string()] = {
        "group": node.group_name,
        "parents": sorted(parent.to_user_string() for parent in node.parent_keys),
        "daily": node.partitions_def is not None,
        "policy": str(node.backfill_policy.policy_type.name) if node.backfill_policy else None,
        "made": node.is_materializable,
        "pools": sorted(node.pools or []),
    }
checks = {
    f"{key.asset_key.to_user_string()}:{key.name}": graph.get_check_spec(key).blocking
    for key in graph.asset_check_keys
}
job = defs.resolve_job_def(JOB)
first = next(iter(job.partitions_def.get_partition_keys()))
print(json.dumps({
    "nodes": nodes, "checks": checks, "first": first, "cron": every_night.cron_schedule,
    "executor": job.executor_def.name,
}))
"""


@pytest.fixture(scope="module")
def described_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all: a new home begins with dbt reading its project."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def graph(described_home: Path) -> dict[str, Any]:
    return described(described_home, {"STATURE_FIRST_DAY": "2026-01-05"})


@pytest.fixture(scope="module")
def other_graph(described_home: Path) -> dict[str, Any]:
    """Of a home with an inbox alone, whose scores go to two CRMs."""
    inbox = described_home / "in"
    inbox.mkdir()
    crms = {"STATURE_CRMS": "samplecrm,salesforce"}
    return described(described_home, crms | {"STATURE_INBOX": str(inbox), "STATURE_NETWORKS": "inbox"})


def described(home: Path, environment: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", DESCRIBE],
        env={"PATH": "/usr/bin:/bin", "STATURE_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_every_table_of_the_contracts_is_an_asset(graph: dict[str, Any]) -> None:
    lake = {f"lake/{name}" for name, dataset in contracts().items() if dataset.layer in ("input", "lake")}
    marts = {
        name.replace(".", "/")
        for name, dataset in contracts().items()
        if dataset.layer == "mart" and dataset.status != "draft"
    }
    assert (lake | marts) - set(graph["nodes"]) == set()


def test_the_way_of_the_data_is_the_designs(graph: dict[str, Any]) -> None:
    parents = {key: node["parents"] for key, node in graph["nodes"].items()}
    assert parents["raw/sample"] == []
    assert parents["lake/activities"] == parents["lake/quarantine"] == ["raw/requests", "raw/sample"]
    assert "lake/activities" in parents["pending/daily_score"]
    assert parents["lake/daily_score"] == ["pending/daily_score"]
    assert parents["lake/score_part"] == ["pending/score_part"]
    assert "lake/daily_score" in parents["staging/stg_daily_score"]
    assert {"bi/score_latest", "core/daily_score", "crm/contact_score"} <= set(parents["published/warehouse"])


def test_state_is_carried_on_from_its_own_yesterday(graph: dict[str, Any]) -> None:
    for key in ("lake/person_state", "lake/pair_state", "lake/follow_state", "lake/ledger_digest"):
        assert key in graph["nodes"][key]["parents"], key


def test_everything_is_daily_and_a_range_is_one_run(graph: dict[str, Any]) -> None:
    made = {key: node for key, node in graph["nodes"].items() if node["made"]}
    assert all(node["daily"] and node["policy"] == "SINGLE_RUN" for node in made.values())
    assert graph["first"] == "2026-01-05"
    assert graph["cron"] == "0 2 * * *"
    assert graph["executor"] == "in_process"


def test_one_run_at_a_time_writes(graph: dict[str, Any]) -> None:
    assert all(node["pools"] == ["home"] for node in graph["nodes"].values() if node["made"])


def test_checks_stand_between_the_stages(graph: dict[str, Any]) -> None:
    blocking = {name for name, blocks in graph["checks"].items() if blocks}
    assert {
        "lake/activities:conform_checks",
        "pending/daily_score:score_checks",
        "published/warehouse:all_days_published",
    } <= blocking
    tests = [name for name in graph["checks"] if name.startswith(("core/", "bi/", "crm/"))]
    assert len(tests) >= 10, "dbt's data tests are checks as well"


def test_groups_are_the_stages(graph: dict[str, Any]) -> None:
    groups = {key: node["group"] for key, node in graph["nodes"].items()}
    assert groups["raw/sample"] == "raw"
    assert groups["lake/activities"] == "lake"
    assert groups["pending/daily_score"] == "scoring"
    assert groups["lake/daily_score"] == "ledger"
    assert groups["staging/stg_daily_score"] == "staging"
    assert groups["bi/score_latest"] == "bi"
    assert groups["published/warehouse"] == "published"
    assert "default" not in groups.values()


def test_a_crm_is_synced_after_publishing_and_whatever_was_held_back(
    graph: dict[str, Any], other_graph: dict[str, Any]
) -> None:
    assert not [key for key in graph["nodes"] if key.startswith("activation/")], "off until configured"
    node = other_graph["nodes"]["activation/salesforce"]
    assert node["parents"] == ["published/contacts"]
    assert (node["daily"], node["policy"], node["pools"]) == (True, "SINGLE_RUN", ["home"])
    assert not [check for check in other_graph["checks"] if check.startswith("published/contacts")]


SYNC = """
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from orchestration.defs.activation.sync import sync_asset
from orchestration.defs.resources import Home

mapping, yesterday = Path(sys.argv[1]), datetime.now(UTC).date() - timedelta(days=1)
sync, instance = sync_asset("mycrm"), dg.DagsterInstance.ephemeral()

def said(day):
    home = {"home": Home()}
    done = dg.materialize([sync], resources=home, partition_key=day, instance=instance, raise_on_error=False)
    made = [entry.materialization.metadata for entry in done.get_asset_materialization_events()]
    failures = [event.step_failure_data.user_failure_data for event in done.get_step_failure_events()]
    texts = [failure.description for failure in failures]
    found = [*made, *(failure.metadata for failure in failures)][0]
    return {"failed": texts, "metadata": {name: value.value for name, value in found.items()}}

past, nightly = said("2026-02-01"), said(str(yesterday))
mapping.write_text(mapping.read_text() + "guards: {never_stale: true}\\n")
print(json.dumps([past, nightly, said(str(yesterday))]))
"""


def test_a_sync_fails_alone_with_its_counts_and_no_run_over_the_past_fails(
    described_home: Path, graph: dict[str, Any], tmp_path: Path
) -> None:
    mapping = tmp_path / "mycrm.yaml"
    mapping.write_text("kind: file\nfields: [{field: score, column: score}]\n")
    publish(described_home, [contact("1", 40.0), contact("2", 60.0)])
    environment = {
        "PATH": "/usr/bin:/bin",
        "STATURE_HOME": str(described_home),
        "STATURE_CRM_MAPPINGS": str(tmp_path),
        "STATURE_FIRST_DAY": "2026-01-05",
    }
    done = subprocess.run(
        [sys.executable, "-c", SYNC, str(mapping)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    past, stale, sent = json.loads(done.stdout.splitlines()[-1])
    assert past["failed"] == []
    assert past["metadata"]["not sent"].startswith(f"not sent: the mart is of {DAY}, ")
    assert "so nothing is sent; run the days that are missing" in stale["failed"][0]
    assert (stale["metadata"]["planned"], stale["metadata"]["confirmed"]) == (2, 0)
    assert (sent["failed"], sent["metadata"]["confirmed"], sent["metadata"]["calls"]) == ([], 2, 1)


def test_an_inbox_is_a_source_of_its_own(other_graph: dict[str, Any]) -> None:
    nodes = other_graph["nodes"]
    assert "raw/sample" not in nodes
    assert nodes["lake/activities"]["parents"] == ["raw/inbox", "raw/requests"]
