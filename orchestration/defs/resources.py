"""What the steps of a run share: the home with its lock, and the way a Spark job is started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from typing import Any

import dagster as dg
import psutil
from dagster._core.pipes.context import PipesMessageHandler
from dagster_pipes import PipesParams
from pydantic import PrivateAttr

from orchestration.home import home_lock, lock_path
from orchestration.runs import RunError
from orchestration.settings import PROJECT_ROOT, Settings, settings
from spark_jobs.jobs.process import USER_ERROR
from spark_jobs.lake import Lake

RESTATE_TAG = "stature/restate_reason"
PROCESS_TAG = "stature/process"

POOL = "home"
"""Every step that writes is in it: one run at a time."""

RETRY = dg.RetryPolicy(max_retries=2, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""For what may pass by itself: a network, an object store, a cluster. A user's mistake is not retried."""


def refused(message: str) -> dg.Failure:
    """A failure that another try would meet again."""
    return dg.Failure(message, allow_retries=False)


def restate_reason(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> str | None:
    """Why the run revises published days; None for an ordinary run."""
    return context.run.tags.get(RESTATE_TAG)


class Home(dg.ConfigurableResource[Any]):
    """STATURE_HOME, locked for as long as a run uses it."""

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Home]:
        run = context.run
        if run and context.instance and PROCESS_TAG not in run.tags:
            context.instance.add_run_tags(run.run_id, {PROCESS_TAG: process_tag()})
        try:
            with home_lock(self.settings, f"Dagster run {run.run_id[:8]}" if run else "Dagster"):
                yield self
        except RunError as error:
            raise refused(str(error)) from error

    @property
    def settings(self) -> Settings:
        return settings()

    @property
    def lake(self) -> Lake:
        return Lake(settings().home)


def process_tag() -> str:
    """This process, so that a later one can tell whether it still lives."""
    process = psutil.Process()
    return f"{process.pid}:{process.create_time():.2f}"


class SparkJobs(dg.ConfigurableResource[Any]):
    """Runs Spark jobs one after the other in one process, so that a run starts Spark once."""

    _worker: subprocess.Popen[str] | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[SparkJobs]:
        try:
            yield self
        finally:
            self.end()

    def run(
        self, context: dg.AssetExecutionContext, home: Home, name: str, days: Sequence[date], **options: Any
    ) -> SparkRun:
        """The job's report. Raises dg.Failure with the job's own reason."""
        configured = home.settings
        extras = {
            **configured.job_options(),
            "days": [day.isoformat() for day in days],
            "run_id": context.run.run_id,
            **options,
        }
        reader = _Messages()
        started = time.perf_counter()
        with dg.open_pipes_session(
            context, dg.PipesTempFileContextInjector(), reader, extras=extras
        ) as pipes:
            request = {
                "job": name,
                "lock": str(lock_path(configured)),
                "parent": os.getpid(),
                "pipes": pipes.get_bootstrap_env_vars(),
            }
            code = self._ask(request)
        if code != 0:
            self.end()
            reasons = [message["error"] for message in reader.custom if "error" in message]
            reason = reasons[-1] if reasons else f"{name} ended without a word (code {code})."
            # A user's error is the user's to mend. Anything else may pass.
            raise dg.Failure(reason, allow_retries=code != USER_ERROR)
        report: dict[str, Any] = {}
        for message in reader.custom:
            report.update(message.get("report", {}))
        return SparkRun(report, time.perf_counter() - started)

    def _ask(self, request: Mapping[str, Any]) -> int | None:
        """The exit code of the job asked for; where the process died instead, its own."""
        if self._worker is None:
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "spark_jobs.jobs.worker"],
                cwd=PROJECT_ROOT,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        worker = self._worker
        if worker.stdin is None or worker.stdout is None:
            raise RuntimeError("a worker is asked through its pipes")
        with suppress(BrokenPipeError):
            worker.stdin.write(json.dumps(request) + "\n")
            worker.stdin.flush()
        try:
            answer = worker.stdout.readline()
        except BaseException:  # Ctrl-C: nobody waits for the job any more, so it ends with its Spark
            worker.terminate()
            raise
        return int(answer) if answer else worker.wait()

    def end(self) -> None:
        """Let the process end, if there is one: its input ends, and it stops Spark."""
        worker, self._worker = self._worker, None
        if worker is not None:
            with suppress(BrokenPipeError):
                worker.communicate()


class SparkRun:
    """What a job reported, and how long its process took."""

    def __init__(self, report: Mapping[str, Any], seconds: float) -> None:
        self.report = report
        self.seconds = seconds


class _Messages(dg.PipesTempFileMessageReader):
    """Keeps the job's messages also where it fails: its reason is one of them."""

    def __init__(self) -> None:
        super().__init__()
        self._handler: PipesMessageHandler | None = None

    @contextmanager
    def read_messages(self, handler: PipesMessageHandler) -> Iterator[PipesParams]:
        self._handler = handler
        with super().read_messages(handler) as params:
            yield params

    @property
    def custom(self) -> list[dict[str, Any]]:
        return [dict(message) for message in self._handler.get_custom_messages()] if self._handler else []
