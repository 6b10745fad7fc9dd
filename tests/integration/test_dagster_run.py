"""What `stature run` does about a bad day, what Dagster knows of it, and how a run is stopped or redone."""

from __future__ import annotations

import re
import signal
from datetime import timedelta
from pathlib import Path

import psutil
from dagster import AssetKey, DagsterInstance, DagsterRunStatus

from tests.fixtures.hostile_day import BAD_DAY, HELD_DAY, overwhelm
from tests.fixtures.long_runs import Hostile
from tests.fixtures.whole_home import DAYS, FIRST, WholeHome, contents

PUBLISHED = [FIRST + timedelta(days=number) for number in range(DAYS)]
BEFORE = ["conform", "check input", "privacy"]
AFTER = ["ledger", "validation", "warehouse", "publish", "result"]


def stages(output: str) -> list[str]:
    return re.findall(r"^[✓✗] ([a-z ]+?) {2,}", output, re.MULTILINE)


def test_the_days_before_a_failed_check_are_published(hostile: Hostile) -> None:
    assert hostile.returncode == 1, hostile.output
    assert hostile.home.lake.days("ledger_digest") == PUBLISHED
    assert hostile.home.published.exists()
    assert f"3 of 5 days published; {HELD_DAY} was not: " in hostile.output
    assert "quarantined" in hostile.output.partition(f"{HELD_DAY} was not: ")[2]
    assert "Traceback" not in hostile.output


def test_progress_is_a_line_a_stage(hostile: Hostile) -> None:
    landed, rest = stages(hostile.output)[:3], stages(hostile.output)[3:]
    assert sorted(landed) == ["land inbox", "land requests", "land sample"]
    assert rest == [*BEFORE, "score", "check scores", *AFTER]


def test_dagster_has_the_run_its_days_and_its_rows(hostile: Hostile) -> None:
    lake = hostile.home.lake
    with DagsterInstance.from_config(str(hostile.home.path / "dagster")) as instance:
        (run,) = instance.get_runs()
        assert run.status == DagsterRunStatus.FAILURE
        records = instance.fetch_materializations(AssetKey(["lake", "activities"]), limit=100).records
        rows = {
            record.partition_key: record.asset_materialization.metadata["dagster/partition_row_count"].value
            for record in records
            if record.asset_materialization
        }
    assert sorted(rows) == [str(FIRST + timedelta(days=number)) for number in range(DAYS + 2)]
    manifest = lake.manifest("activities", FIRST)
    assert manifest is not None
    assert rows[str(FIRST)] == manifest.rows > 0
    told = [record.asset_materialization.metadata for record in records if record.asset_materialization]
    shown = " ".join(str(of_day["top"].value) for of_day in told if "top" in of_day)
    assert "•" in shown, "ids of people stay out of Dagster's storage"
    activities = lake.read_arrow("activities", FIRST)
    assert activities is not None
    assert not [name for name in set(activities["actor_account_id"].to_pylist()) if name in shown]


def test_published_days_are_left_alone_and_a_run_says_so(hostile: Hostile) -> None:
    before = contents(hostile.home.path)
    again = hostile.home.attempt(DAYS)
    assert again.returncode == 0
    assert f"Already published up to {PUBLISHED[-1]}, nothing to do." in again.stdout
    assert contents(hostile.home.path) == before


def test_a_restatement_is_a_new_revision_of_the_day_and_all_after_it(restatement: WholeHome) -> None:
    for day in PUBLISHED:
        digest = restatement.lake.read_arrow("ledger_digest", day)
        assert digest is not None
        again = day >= BAD_DAY
        assert sorted(digest["revision"].to_pylist()) == ([1, 2] if again else [1])
        assert ("a trial" in digest["reason"].to_pylist()) == again
    verified = restatement.stature("verify")
    assert verified.returncode == 0, verified.stdout
    assert "The ledger holds: 5 publications of 3 days" in verified.stdout


def test_a_restatement_of_the_same_input_says_the_same(restatement: WholeHome, hostile: Hostile) -> None:
    """Nothing is new but the revision and its reason; the one before is still there to be seen."""
    newest = restatement.mart_rows()["bi.score_latest"]
    assert len(newest) > 0
    query = "select person_id, day, score, revision from core.daily_score order by all"
    before, after = hostile.home.marts(query), restatement.marts(query)
    assert [row for row in after if row[3] == 1] == before
    revised = {row[:3] for row in after if row[3] == 2}
    assert revised == {row[:3] for row in before if row[1] >= BAD_DAY}
    person = next(row[0] for row in after if row[2] is not None)
    assert "revision 2: a trial" in restatement.stature("show", person).stdout


def test_a_stopped_run_ends_with_its_jobs_and_a_bad_first_day_publishes_nothing(tmp_path: Path) -> None:
    home = WholeHome(tmp_path, inbox=str(tmp_path / "inbox"), networks="inbox")
    overwhelm(home, FIRST)
    stop_in_conform(home)
    done = home.attempt(1)
    assert done.returncode == 1
    assert f"{FIRST} did not pass: " in done.stdout
    assert home.lake.days("ledger_digest") == []
    assert not home.published.parent.exists()
    assert stages(done.stdout) == ["land inbox", "land requests", *BEFORE]


def stop_in_conform(home: WholeHome) -> None:
    """Press Ctrl-C while a job of the first day is running."""
    with home.start("run", "--from", str(FIRST), "--to", str(FIRST)) as run:
        assert run.stdout is not None
        while "land inbox" not in run.stdout.readline():
            assert run.poll() is None
        jobs: list[psutil.Process] = []
        while not any("spark_jobs" in " ".join(job.cmdline()) for job in jobs):
            jobs = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGINT)
        said, _ = run.communicate(timeout=60)
    assert run.returncode == 130
    assert said.endswith("Stopped. What was published stays; the same command goes on from there.\n")
    assert "Traceback" not in said
    assert psutil.wait_procs(jobs, timeout=10)[1] == []
