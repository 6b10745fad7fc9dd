"""`stature run` on a small inbox: good days are published, a bad one stops the run, and Dagster knows why."""

import csv
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from dagster import AssetKey, DagsterInstance, DagsterRunStatus

from spark_jobs.lake import Lake

FIRST = date(2026, 1, 1)
PEOPLE, POSTS = 30, 400


class Home:
    """A home and its inbox, driven by the command."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "home"
        self.inbox = folder / "inbox"
        self.lake = Lake(str(self.path))
        self.command = [str(Path(sys.executable).with_name("stature"))]
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("STATURE_", "DAGSTER_"))
            },
            "STATURE_HOME": str(self.path),
            "STATURE_INBOX": str(self.inbox),
            "STATURE_NETWORKS": "inbox",
            "STATURE_SPARK_DRIVER_MEMORY": "1g",
        }

    def deliver(self, day: date, bad: int = 0) -> None:
        """A day's files: everybody once, posts and the likes they win, and `bad` rows of an unknown kind."""
        folder = self.inbox / day.isoformat()
        folder.mkdir(parents=True)
        at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        with (folder / "accounts.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["network", "account_id", "handle", "observed_at", "created_at"])
            for number in range(PEOPLE):
                rows.writerow(["town", f"a{number}", f"h{number}", at.isoformat(), "2020-01-01T00:00:00Z"])
        with (folder / "activities.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(
                [
                    "network",
                    "activity_id",
                    "kind",
                    "actor_account_id",
                    "target_account_id",
                    "content_id",
                    "occurred_at",
                ]
            )
            for number in range(POSTS):
                post, author = f"{day}-{number}", f"a{number % PEOPLE}"
                when = (at + timedelta(seconds=number)).isoformat()
                rows.writerow(["town", post, "post", author, "", post, when])
                fan = f"a{(number * 7 + 1) % PEOPLE}"
                if fan != author:
                    rows.writerow(["town", f"{post}-like", "like", fan, author, post, when])
            for number in range(bad):
                rows.writerow(["town", f"{day}-bad-{number}", "poke", "a1", "a2", "", at.isoformat()])

    def stature(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.path.parent,
        )

    def stop_in_conform(self) -> None:
        """Press Ctrl-C while a job of the first day is running."""
        command = [*self.command, "run", "--from", str(FIRST), "--to", str(FIRST)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, env=self.environment, cwd=self.path.parent, **pipes) as run:
            assert run.stdout is not None
            while "land inbox" not in run.stdout.readline():
                assert run.poll() is None
            jobs = []
            while not any("spark_jobs" in " ".join(job.cmdline()) for job in jobs):
                jobs = psutil.Process(run.pid).children(recursive=True)
            run.send_signal(signal.SIGINT)
            _, said = run.communicate(timeout=60)
        assert run.returncode == 130
        assert said == "Stopped. What was published stays; the same command goes on from there.\n"
        assert psutil.wait_procs(jobs, timeout=10)[1] == []

    def run(self, start: date, end: date) -> subprocess.CompletedProcess[str]:
        return self.stature("run", "--from", str(start), "--to", str(end))

    def dagster(self) -> DagsterInstance:
        return DagsterInstance.from_config(str(self.path / "dagster"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two good days, a bad one, and a good one after it."""
    home = Home(tmp_path_factory.mktemp("run"))
    for number in range(4):
        home.deliver(FIRST + timedelta(days=number), bad=2 * POSTS if number == 2 else 0)
    return home


@pytest.fixture(scope="module")
def first_run(home: Home) -> subprocess.CompletedProcess[str]:
    return home.run(FIRST, FIRST + timedelta(days=3))


def test_the_days_before_a_failed_check_are_published(
    home: Home, first_run: subprocess.CompletedProcess[str]
) -> None:
    assert first_run.returncode == 1, first_run.stdout
    assert home.lake.days("ledger_digest") == [FIRST, FIRST + timedelta(days=1)]
    assert (home.path / "warehouse" / "published" / "stature.duckdb").exists()
    assert "2 of 4 days published; 2026-01-03 was not: " in first_run.stderr
    assert "quarantined" in first_run.stderr
    assert "Traceback" not in first_run.stderr


def test_progress_is_a_line_a_stage(first_run: subprocess.CompletedProcess[str]) -> None:
    stages = re.findall(r"^[✓✗] ([a-z ]+?) {2,}", first_run.stdout, re.MULTILINE)
    before = ["land inbox", "land requests", "conform", "check input", "privacy"]
    after = ["ledger", "validation", "warehouse", "publish", "result"]
    assert stages == [*before, "score", "check scores", *after]


def test_dagster_has_the_run_its_days_and_its_rows(
    home: Home, first_run: subprocess.CompletedProcess[str]
) -> None:
    assert first_run.returncode == 1
    with home.dagster() as instance:
        (run,) = instance.get_runs()
        assert run.status == DagsterRunStatus.FAILURE
        records = instance.fetch_materializations(AssetKey(["lake", "activities"]), limit=100).records
        rows = {
            record.partition_key: record.asset_materialization.metadata["dagster/partition_row_count"].value
            for record in records
            if record.asset_materialization
        }
    assert sorted(rows) == [str(FIRST + timedelta(days=number)) for number in range(4)]
    manifest = home.lake.manifest("activities", FIRST)
    assert manifest is not None
    assert rows[str(FIRST)] == manifest.rows
    top = records[0].asset_materialization
    assert top is not None
    assert "•" in str(top.metadata["top"].value), "ids of people stay out of Dagster's storage"
    assert "a1" not in str(top.metadata["top"].value)


def test_published_days_are_left_alone(home: Home, first_run: subprocess.CompletedProcess[str]) -> None:
    assert first_run.returncode == 1
    before = home.lake.manifest("ledger_digest", FIRST)
    again = home.run(FIRST, FIRST + timedelta(days=1))
    assert (again.returncode, again.stderr) == (0, "")
    assert "Already published up to 2026-01-02, nothing to do." in again.stdout
    assert home.lake.manifest("ledger_digest", FIRST) == before


def test_a_restatement_is_a_new_revision_of_the_day_and_all_after_it(
    home: Home, first_run: subprocess.CompletedProcess[str]
) -> None:
    assert first_run.returncode == 1
    day = FIRST + timedelta(days=1)
    done = home.stature("restate", "--day", str(day), "--reason", "a trial")
    assert done.returncode == 0, done.stderr
    digest = home.lake.read_arrow("ledger_digest", day)
    assert digest is not None
    assert sorted(digest["revision"].to_pylist()) == [1, 2]
    assert "a trial" in digest["reason"].to_pylist()
    first = home.lake.read_arrow("ledger_digest", FIRST)
    assert first is not None
    assert first["revision"].to_pylist() == [1]
    verified = home.stature("verify")
    assert verified.returncode == 0, verified.stdout
    assert "The ledger holds: 3 publications of 2 days" in verified.stdout
    assert "revision 2: a trial" in home.stature("show", "@h1@town").stdout


def test_a_stopped_run_ends_with_its_jobs_and_a_bad_first_day_publishes_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.deliver(FIRST, bad=2 * POSTS)
    home.stop_in_conform()
    done = home.run(FIRST, FIRST)
    assert done.returncode == 1
    assert "2026-01-01 did not pass: " in done.stderr
    assert home.lake.days("ledger_digest") == []
    assert not (tmp_path / "home" / "warehouse" / "published").exists()
    assert re.findall(r"^[✓✗] ([a-z ]+?) {2,}", done.stdout, re.MULTILINE) == [
        "land inbox",
        "land requests",
        "conform",
        "check input",
        "privacy",
    ]
