"""Runs whose process is gone are ended, and the night's schedule asks for what is missing."""

import os
import subprocess
import sys
from pathlib import Path

# The definitions belong to one home, so this has a process of its own; they load for seconds, so it is one.
DEAD = """
import subprocess, sys
from dagster import DagsterInstance, DagsterRunStatus, job, op
from orchestration.defs.execution import end_dead_runs
from orchestration.defs.resources import PROCESS_TAG, process_tag
from orchestration.home import dagster_home
from orchestration.settings import settings

@op
def nothing(): ...

@job
def empty():
    nothing()

gone = subprocess.Popen([sys.executable, "-c", ""])
gone.wait()
with DagsterInstance.from_config(str(dagster_home(settings()))) as instance:
    ids = {
        name: instance.create_run_for_job(empty, status=DagsterRunStatus.STARTED, tags=tags).run_id
        for name, tags in {
            "dead": {PROCESS_TAG: f"{gone.pid}:1.0"},
            "alive": {PROCESS_TAG: process_tag()},
            "not yet known": {},
        }.items()
    }
    ended = end_dead_runs(instance)
    assert ended == [ids["dead"]], (ended, ids)
    assert instance.get_run_by_id(ids["dead"]).status == DagsterRunStatus.FAILURE
    assert instance.get_run_by_id(ids["alive"]).status == DagsterRunStatus.STARTED
    assert end_dead_runs(instance) == []
    assert type(instance.event_log_storage).__name__ == "EventLog"
    assert not instance.telemetry_enabled
"""
NIGHT = """
import os
from datetime import UTC, date, datetime
import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG as END
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_START_TAG as START
from orchestration.definitions import defs
from orchestration.defs.jobs import every_night
from orchestration.runs import mark_restating, mark_warehouse
from orchestration.settings import settings
from spark_jobs.lake import Lake

def asked():
    with dg.instance_for_test() as instance:
        at = datetime(2026, 1, 6, 2, tzinfo=UTC)
        repository = defs.get_repository_def()
        with dg.build_schedule_context(
            instance, scheduled_execution_time=at, repository_def=repository
        ) as context:
            return every_night.evaluate_tick(context)

lake = Lake(settings().home)
lake.declare_first_day(date(2026, 1, 1))
(request,) = asked().run_requests
assert (request.tags[START], request.tags[END]) == ("2026-01-01", "2026-01-05"), request.tags
for day in (1, 2, 3):
    lake.commit("ledger_digest", date(2026, 1, day), [], "run")
copy = settings().home + "/warehouse/published"
os.makedirs(copy)
open(copy + "/stature.duckdb", "w").close()
mark_warehouse(settings(), date(2026, 1, 3))
(request,) = asked().run_requests
assert (request.tags[START], request.tags[END]) == ("2026-01-04", "2026-01-05"), request.tags
mark_restating(settings(), date(2026, 1, 2), "why")
tick = asked()
assert not tick.run_requests
assert "was not finished" in tick.skip_message
"""


def test_dead_runs_are_ended_and_the_night_asks_for_what_is_missing(tmp_path: Path) -> None:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("STATURE_", "DAGSTER_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", DEAD + NIGHT],
        env={**kept, "STATURE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
