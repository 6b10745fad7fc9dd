"""`stature run`, `restate` and `demo`: the pipeline for a range of days, with its progress and its end."""

from __future__ import annotations

import os
import sys
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from orchestration.activation.mapping import load_mapping
from orchestration.commands.warehouse import CommandError, summary
from orchestration.connectors.inbox import look
from orchestration.connectors.registry import source_names
from orchestration.home import home_lock
from orchestration.quality.acceptance import may_be_accepted
from orchestration.runs import (
    DAY,
    Plan,
    RunError,
    clear_restating,
    is_restated,
    mark_restating,
    mark_warehouse,
    not_restated,
    plan_restate,
    plan_run,
    read_history,
    yesterday,
)
from orchestration.settings import PROJECT_ROOT, Settings
from spark_jobs.lake import Lake
from spark_jobs.taxonomy import TaxonomyError, load_taxonomy

if TYPE_CHECKING:
    from orchestration.defs.execution import Outcome, StepEvent

_LABEL_WIDTH = 13


class NotPublishedError(Exception):
    """A run that ended without publishing all of its days; the message is the reason."""


class StoppedError(Exception):
    """A run that was stopped by hand."""


def run_days(settings: Settings, start: date | None, end: date | None) -> None:
    """Run the pipeline; raises NotPublishedError unless every day asked for is published at the end."""
    console = own_console()
    lake = Lake(settings.home)
    with home_lock(settings, "stature run"):
        history = read_history(settings, lake)
        plan = plan_run(history, start, end, yesterday())
        if plan is None:
            console.print(f"Already published up to {history.published}, nothing to do.")
            return
        _check_settings(settings)
        if lake.first_day() is None:
            lake.declare_first_day(plan.first_day)
            console.print(f"The history in {settings.home} begins on {plan.first_day}.")
        _say_range(console, plan, history.published)
        _execute(console, settings, plan)
    _say_end(console, settings)


def restate_days(settings: Settings, day: date, reason: str) -> None:
    """Make a day and all after it again, as new revisions; raises NotPublishedError unless all were made."""
    console = own_console()
    lake = Lake(settings.home)
    with home_lock(settings, "stature restate"):
        history = read_history(settings, lake)
        whole = plan_restate(history, day, reason)
        plan = not_restated(lake, history, whole)
        if plan is whole:
            # Before anything changes: a restatement that is stopped must be finished before other runs.
            mark_restating(settings, plan.start, whole.restate_reason or reason)
        mark_warehouse(settings, whole.start - DAY if whole.start > whole.first_day else None)
        if plan is None:
            console.print(f"{len(whole.days)} days have their new revision already; the warehouse is to do.")
            plan = replace(whole, restate_reason=None)
        else:
            console.print(f"Restating {len(plan.days)} days, {plan.start} to {plan.end}: {reason}")
        try:
            _execute(console, settings, plan)
        except NotPublishedError:
            # A CRM that could not be synced at the end leaves nothing of the restatement to be done.
            if is_restated(settings, lake, whole):
                clear_restating(settings)
            raise
        clear_restating(settings)
    _say_end(console, settings)


def _check_settings(settings: Settings) -> None:
    """Find what a stage would stumble over before anything is written. Raises that stage's own error."""
    if "inbox" in source_names(settings):
        look(str(settings.inbox))
    for crm in settings.crms:
        load_mapping(crm, settings.crm_mappings)
    models = sorted(path.stem for path in (PROJECT_ROOT / "spark_jobs" / "scoring_model").glob("*.yaml"))
    if settings.model not in models:
        raise RunError(f"STATURE_MODEL is {settings.model}, and there is no such model: {', '.join(models)}.")
    try:
        load_taxonomy(settings.taxonomy, settings.taxonomy_unknown)
    except TaxonomyError as error:
        raise RunError(f"STATURE_TAXONOMY: {error}") from error


def own_console() -> Console:
    """A console on a copy of standard output: what jobs print goes into Dagster's logs, our lines do not."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        return Console(file=os.fdopen(os.dup(sys.stdout.fileno()), "w"), highlight=False)
    return Console(highlight=False)  # a test's output has no file behind it


def _say_range(console: Console, plan: Plan, published: date | None) -> None:
    again = len([day for day in plan.days if published and day <= published])
    done = f", {again} of them published and waiting for the warehouse" if again else ""
    console.print(f"{plan.start} to {plan.end}: {len(plan.days)} days{done}")


def _execute(console: Console, settings: Settings, plan: Plan) -> Outcome:
    started = time.perf_counter()
    with Progress(console) as progress:
        # Loading Dagster takes two seconds; who mistyped a date does not wait for it.
        warnings.filterwarnings("ignore", module="dagster")
        from orchestration.defs.execution import execute

        try:
            outcome = execute(settings, plan, progress)
        except KeyboardInterrupt:
            raise StoppedError(
                "Stopped. What was published stays; the same command goes on from there."
            ) from None
    seconds = time.perf_counter() - started
    if not outcome.success:
        reasons = "\n".join([*dict.fromkeys(outcome.reasons), *_way_out(Lake(settings.home), plan)])
        raise NotPublishedError(f"{reasons}\nStopped after {seconds:.0f} s. Logs: {outcome.logs}")
    console.print(f"Done in {seconds:.0f} s.")
    return outcome


def _way_out(lake: Lake, plan: Plan) -> list[str]:
    """What to do about a day that is held back for being unlike those before it."""
    held = [day for day in plan.days if may_be_accepted(lake, day)]
    if not held:
        return []
    return [f"If {held[0]} really was like that: stature accept --day {held[0]} --reason TEXT"]


def _say_end(console: Console, settings: Settings) -> None:
    last = summary(settings)
    median = f", median {last.median:.1f}" if last.median is not None else ""
    console.print(f"Published up to {last.day}: {last.scored:,} people scored{median}.")


@dataclass
class Progress:
    """One line a stage when it is done, and above all what is going on now."""

    console: Console

    def __post_init__(self) -> None:
        self._unheard = False
        self._now = Spinner("dots", Text("Starting"))
        self._live = Live(self._now, console=self.console, transient=True, refresh_per_second=8)

    def __enter__(self) -> Progress:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, event: StepEvent) -> None:
        if self._unheard:
            return
        try:
            self._show(event)
        except (BrokenPipeError, SystemExit):  # rich turns the first into the second
            self._unheard = True  # whoever read our lines has gone; the run goes on

    def _show(self, event: StepEvent) -> None:
        label = event.stage.ljust(_LABEL_WIDTH)
        if event.kind == "started":
            self._now.update(text=Text(f"{label} …"))
        elif event.kind == "said":
            self._now.update(text=Text(f"{label} {event.text}"[: self.console.width - 4]))
        elif event.kind == "done":
            self._line("✓", "green", f"{label} {event.seconds:6.1f} s  {event.text}")
        elif event.kind == "retried":
            self._line("↻", "yellow", f"{label} {event.text}; trying again in a while")
        else:
            self._line("✗", "red", label)  # the reason is the run's last word

    def _line(self, mark: str, style: str, text: str) -> None:
        self.console.print(Text(f"{mark} ", style=style).append(text, style="default"), soft_wrap=True)


def refuse_foreign_home(settings: Settings, first_day: date) -> None:
    """CommandError where the home holds anything but the sample community from `first_day` on."""
    found = Lake(settings.home).first_day()
    if settings.inbox or settings.networks != ("sample",):
        raise CommandError(
            "The demo runs the sample network alone, and STATURE_INBOX or STATURE_NETWORKS says otherwise. "
            "Unset them, or use stature run."
        )
    if found and found != first_day:
        raise CommandError(
            f"{settings.home} holds another history, from {found} on. "
            "Run the demo in a home of its own: make demo STATURE_HOME=/path/to/folder"
        )
