"""Starting a run in this process, and telling what happens in words that need no Dagster."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

import dagster as dg
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, EventLogEntry, RunsFilter
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster_shared.error import SerializableErrorInfo

from orchestration.defs.jobs import JOB
from orchestration.defs.loading import load
from orchestration.defs.partitions import range_tags
from orchestration.defs.resources import PROCESS_TAG, RESTATE_TAG, process_tag
from orchestration.home import dagster_home, is_alive
from orchestration.runs import Plan
from orchestration.settings import Settings

# A run started from the UI writes its process down within seconds; one that never did has died before.
_SILENT_FOR = timedelta(minutes=10)

_WRAPPED = "dagster._core.definitions.events.Failure: "

Kind = Literal["started", "said", "done", "failed", "retried"]


@dataclass(frozen=True)
class StepEvent:
    """What happened to a stage. `text` is its last word, or the reason of its failure."""

    kind: Kind
    stage: str
    text: str = ""
    seconds: float = 0.0


@dataclass
class Outcome:
    """How a run ended; `reasons` are empty where it succeeded."""

    run_id: str
    success: bool
    logs: str
    reasons: list[str] = field(default_factory=list)


STAGES = {
    "conform": "conform",
    "lake__activities_conform_checks": "check input",
    "score": "score",
    "pending__daily_score_score_checks": "check scores",
    "ledger": "ledger",
    "validation": "validation",
    "dbt": "warehouse",
    "published__warehouse": "publish",
    "published__warehouse_all_days_published": "result",
}


def stage_name(step_key: str) -> str:
    """A step's name for people: `raw__sample` is `land sample`."""
    return STAGES.get(step_key) or step_key.replace("raw__", "land ").replace(
        "activation__", "sync "
    ).replace("__", " ")


def execute(settings: Settings, plan: Plan, on_event: Callable[[StepEvent], None]) -> Outcome:
    """Run the whole pipeline for the plan's days in this process, which holds the home's lock."""
    job = load().resolve_job_def(JOB)
    folder = dagster_home(settings)
    with DagsterInstance.from_config(str(folder)) as instance:
        end_dead_runs(instance)
        run_id = str(uuid.uuid4())
        outcome = Outcome(run_id, success=False, logs=str(folder / "logs" / run_id))
        listener = _Listener(on_event, outcome)
        instance.add_event_listener(run_id, listener)
        tags = {**range_tags(plan.start, plan.end), PROCESS_TAG: process_tag()}
        if plan.restate_reason:
            tags[RESTATE_TAG] = plan.restate_reason
        try:
            result = job.execute_in_process(
                instance=instance,
                run_id=run_id,
                tags=tags,
                raise_on_error=False,
                # Dagster's own lines go into its storage; the terminal has ours.
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )
        except (KeyboardInterrupt, DagsterExecutionInterruptedError):
            run = instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                instance.report_run_canceled(run, "Stopped by hand.")
            raise KeyboardInterrupt from None
        if listener.interrupted:
            raise KeyboardInterrupt
        outcome.success = result.success
        if not outcome.success and not outcome.reasons:
            outcome.reasons.append(
                "The run failed without a reason; its events are in Dagster's UI (make dev)."
            )
    return outcome


def end_dead_runs(instance: DagsterInstance) -> list[str]:
    """Mark runs as failed whose process is gone, so that nothing waits for them; their ids."""
    unfinished = [
        DagsterRunStatus.NOT_STARTED,
        DagsterRunStatus.STARTING,
        DagsterRunStatus.STARTED,
        DagsterRunStatus.CANCELING,
    ]
    ended = []
    for record in instance.get_run_records(RunsFilter(statuses=unfinished)):
        run = record.dagster_run
        silent = datetime.now(UTC) - record.create_timestamp > _SILENT_FOR
        if _is_dead(run, silent):
            instance.report_run_failed(run, "Its process is gone: it was killed, or the machine went down.")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            ended.append(run.run_id)
    return ended


def _is_dead(run: DagsterRun, silent: bool) -> bool:
    tag = run.tags.get(PROCESS_TAG)
    if tag is None:
        return silent
    pid, started = tag.split(":")
    return not is_alive(int(pid), float(started))


class _Listener:
    """Dagster's events as ours. Called from the run's thread and from the one that reads a job's messages."""

    def __init__(self, on_event: Callable[[StepEvent], None], outcome: Outcome) -> None:
        self._on_event = on_event
        self._outcome = outcome
        self._said: dict[str, str] = {}
        self._failed_checks: dict[str, str] = {}
        self.interrupted = False

    def __call__(self, entry: EventLogEntry) -> None:
        step = entry.step_key or (entry.dagster_event.step_key if entry.dagster_event else None)
        if step is None:
            return
        if entry.dagster_event is None:
            if entry.level == 20:  # a stage's own words; the rest is Dagster's
                self._said[step] = entry.user_message
                self._tell("said", step, entry.user_message)
        else:
            self._dagster(entry.dagster_event, step)

    def _dagster(self, event: DagsterEvent, step: str) -> None:
        if event.event_type is DagsterEventType.STEP_START:
            self._tell("started", step)
        elif event.event_type is DagsterEventType.STEP_SUCCESS:
            seconds = event.step_success_data.duration_ms / 1000
            self._tell("done", step, self._said.get(step, ""), seconds)
        elif event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR:
                self._failed_checks[step] = check.description or check.check_name
        elif event.event_type is DagsterEventType.STEP_UP_FOR_RETRY:
            error = event.step_retry_data.error
            if _is_interrupt(error):
                # To Dagster this may be a machine that was taken away, and it tries again. Here it is Ctrl-C.
                self.interrupted = True
                raise DagsterExecutionInterruptedError
            self._tell("retried", step, _cause(error))
        elif event.event_type is DagsterEventType.STEP_FAILURE:
            self.interrupted |= _is_interrupt(event.step_failure_data.error)
            reason = self._failed_checks.get(step) or _failure(event)
            self._outcome.reasons.append(reason)
            self._tell("failed", step, reason)

    def _tell(self, kind: Kind, step: str, text: str = "", seconds: float = 0.0) -> None:
        self._on_event(StepEvent(kind, stage_name(step), text, seconds))


def _is_interrupt(error: SerializableErrorInfo | None) -> bool:
    while error is not None:
        if error.cls_name in (DagsterExecutionInterruptedError.__name__, KeyboardInterrupt.__name__):
            return True
        error = error.cause
    return False


def _failure(event: DagsterEvent) -> str:
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return data.user_failure_data.description
    return _cause(data.error)


def _cause(error: SerializableErrorInfo | None) -> str:
    """The first line of the innermost error, without the name of Dagster's class around it."""
    while error is not None and error.cause is not None:
        error = error.cause
    message = error.message.strip() if error else ""
    return message.removeprefix(_WRAPPED).split("\n", 1)[0] or "it failed without a reason"
