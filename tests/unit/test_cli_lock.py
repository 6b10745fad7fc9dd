"""One run writes the home, and a job ends with whoever started it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from orchestration.home import (
    Holder,
    dagster_home,
    home_lock,
    is_alive,
    lock_path,
    machine_folder,
    read_holder,
)
from orchestration.runs import RunError
from orchestration.settings import Settings

HOLD = """
import sys
from orchestration.home import home_lock
from orchestration.settings import Settings
with home_lock(Settings(home=sys.argv[1]), "the other run"):
    print("held", flush=True)
    sys.stdin.read()
"""
# A parent that starts a job with the lock, says the job's id, and waits to be killed.
PARENT = """
import subprocess, sys
job = [sys.executable, "-c", sys.argv[1], sys.argv[2]]
child = subprocess.Popen(job, stdout=subprocess.PIPE, text=True)
print(child.pid, child.stdout.readline().strip(), flush=True)
sys.stdin.read()
"""
JOB = """
import subprocess, sys, threading
from spark_jobs.jobs.process import die_with_parent
die_with_parent(sys.argv[1])
below = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
print(below.pid, flush=True)
threading.Event().wait()
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path / "home"))


def test_a_second_run_is_told_who_holds_the_lock(settings: Settings) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, settings.home], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with (
            pytest.raises(RunError, match=rf"the other run \(process {other.pid}.*is writing"),
            home_lock(settings, "me"),
        ):
            pass
    with home_lock(settings, "me"):
        assert read_holder(lock_path(settings)) is not None


def test_the_lock_is_taken_once_a_process(settings: Settings) -> None:
    with home_lock(settings, "outer"), home_lock(settings, "inner"):
        holder = read_holder(lock_path(settings))
        assert holder is not None
        assert (holder.command, holder.pid, holder.alive) == ("outer", os.getpid(), True)


def test_a_killed_run_takes_its_job_along_and_leaves_no_lock(settings: Settings) -> None:
    path = lock_path(settings)
    path.parent.mkdir(parents=True)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, JOB, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        job, below = (psutil.Process(int(pid)) for pid in parent.stdout.readline().split())
        parent.send_signal(signal.SIGKILL)
    gone, alive = psutil.wait_procs([job, below], timeout=10)
    assert not alive, "neither the job nor what it had started may go on"
    assert len(gone) == 2
    with home_lock(settings, "the next run"):
        pass


def test_a_dead_holder_whose_job_lives_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.home.LOCK_WAIT_SECONDS", 0.2)
    path = lock_path(settings)
    path.parent.mkdir(parents=True)
    orphan = subprocess.Popen([sys.executable, "-c", JOB, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert orphan.stdout is not None
        orphan.stdout.readline()
        path.write_text(json.dumps(Holder(2**22 - 1, 0.0, "stature run", "then").__dict__))
        with pytest.raises(RunError, match="a job of it still runs"), home_lock(settings, "me"):
            pass
    finally:
        orphan.terminate()
        orphan.wait(10)


def test_a_process_id_used_again_is_not_the_old_process() -> None:
    me = psutil.Process()
    assert is_alive(me.pid, me.create_time())
    assert not is_alive(me.pid, me.create_time() - 60)
    assert not is_alive(2**22 - 1, 0.0)


def test_dagster_is_configured_in_the_home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    folder = dagster_home(settings)
    assert folder == machine_folder(settings) / "dagster"
    written = (folder / "dagster.yaml").read_text()
    assert "granularity: run" in written
    assert "enabled: false" in written
    monkeypatch.setenv("DAGSTER_HOME", "/srv/dagster")
    assert dagster_home(settings) == Path("/srv/dagster")


def test_an_object_store_has_its_lock_on_this_machine() -> None:
    folder = machine_folder(Settings(home="s3://bucket/stature"))
    assert folder.parent == Path.cwd() / ".stature"
