"""A job's process: its options, its Spark, its reports, and its end.

A job runs as `python -m spark_jobs.jobs.<name> --options '{"home": …}'` by hand, and prints what it would
report; or, one after the other and on one Spark session, in the process of `worker`, which speaks Dagster
Pipes.

It never outlives the process that started it: an orphan would go on writing files into a lake that
the next run takes for its own.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import psutil
from dagster_pipes import PipesContext

from spark_jobs.lake import LakeError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PARENT_POLL_SECONDS = 0.2
USER_ERROR, CRASH, INTERRUPTED = 2, 1, 130
_PR_SET_PDEATHSIG = 1


class JobError(Exception):
    """Something that the user can put right; its message is one line that says what and where."""


class Sessions:
    """The one Spark session of a process, shared by the jobs that it runs."""

    def __init__(self) -> None:
        self._session: SparkSession | None = None

    def get(self, job: Job) -> SparkSession:
        """The session, begun with the options of the first job that asks for it."""
        if self._session is None:
            # Only here: a job that has nothing to do, and dbt's process, load no Spark.
            from spark_jobs.session import spark_session

            if memory := job.options.get("driver_memory"):
                os.environ["STATURE_SPARK_DRIVER_MEMORY"] = str(memory)
            job.say("Starting Spark")
            self._session = spark_session("stature", str(job.options.get("master", "local[*]")))
        return self._session

    def stop(self) -> None:
        # A session that has lost its Java cannot be stopped, and that is not the failure to show.
        with suppress(Exception):
            if self._session is not None:
                self._session.stop()


@dataclass
class Job:
    """What a job's code sees of its process."""

    name: str
    options: Mapping[str, Any]
    pipes: PipesContext | None = None
    sessions: Sessions = field(default_factory=Sessions, repr=False)

    @property
    def days(self) -> list[date]:
        """The days that the job was asked for, in order."""
        return sorted(date.fromisoformat(day) for day in self.options["days"])

    @property
    def home(self) -> str:
        """STATURE_HOME as a path or URI."""
        return str(self.options["home"])

    @property
    def run_id(self) -> str:
        return str(self.options.get("run_id", self.name))

    def spark(self) -> SparkSession:
        """The session, started at the first call: a job with nothing to do pays no start."""
        return self.sessions.get(self)

    def report(self, content: Mapping[str, Any]) -> None:
        """Hand a JSON-able report to whoever started the job."""
        self._send("report", content)

    def say(self, text: str) -> None:
        """One line of progress, for a person."""
        if self.pipes:
            self.pipes.log.info(text)
        else:
            print(f"{self.name}: {text}", flush=True)  # noqa: T201  the job's own console

    def fail(self, message: str) -> None:
        """Say the reason of the job's failure, in one line."""
        self._send("error", message)
        print(f"{self.name}: {message}", file=sys.stderr, flush=True)  # noqa: T201

    def _send(self, kind: str, content: object) -> None:
        if self.pipes:
            self.pipes.report_custom_message({kind: content})
        elif kind == "report":
            print(json.dumps(content, default=str), flush=True)  # noqa: T201


def run_by_hand(name: str, body: Callable[[Job], None]) -> None:
    """A job module's entry point: run it once with the command line's options, and end the process."""
    job = Job(name, _options_from_command_line())
    die_with_parent(job.options.get("lock"), job.options.get("parent"))
    try:
        code = perform(job, body)
    finally:
        job.sessions.stop()
    sys.exit(code)


def perform(job: Job, body: Callable[[Job], None]) -> int:
    """Run a job's body; its exit code, 0 where it succeeded.

    JobError and LakeError are the user's to mend: code 2 and one line; anything else is code 1 and a
    traceback. Either way the reason also reaches Dagster.
    """
    try:
        body(job)
    except (JobError, LakeError) as error:
        job.fail(str(error))
        return USER_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  whoever runs the job decides what follows
        traceback.print_exc()
        job.fail(f"{type(error).__name__}: {_first_line(error)}")
        return CRASH
    return 0


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]


def _options_from_command_line() -> Mapping[str, Any]:
    parser = argparse.ArgumentParser()
    parser.add_argument("--options", type=json.loads, required=True, help="The job's options as JSON.")
    options: Mapping[str, Any] = parser.parse_args().options
    return options


def die_with_parent(lock: str | None = None, parent: int | None = None) -> None:
    """End this process, with all that it has started, when the process that started it is gone.

    `lock`: the home's lock file. It is held (shared) until this process ends, so that nobody
    starts writing while a dead run's last job is still on its way out.
    `parent`: the process that started this one; it may be gone before this line is reached.
    """
    if lock:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    parent = parent or os.getppid()
    if sys.platform == "linux":
        # SIGTERM only wakes the process up; the watch below ends it in good order.
        signal.signal(signal.SIGTERM, lambda *_: _end_all())
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    threading.Thread(target=_watch, args=(parent,), name="parent-watch", daemon=True).start()


def _watch(parent: int) -> None:
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(PARENT_POLL_SECONDS)
    _end_all()


def _end_all() -> None:
    # Java and the workers first: they write files, and the lock must outlive them.
    children = psutil.Process().children(recursive=True)
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    psutil.wait_procs(children, timeout=5)
    os._exit(CRASH)
