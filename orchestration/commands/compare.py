"""`stature model compare`: two models side by side on a home's history, without a trace in its lake."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestration.commands.show import PARTS
from orchestration.commands.warehouse import CommandError, open_warehouse
from orchestration.runs import RunError, days_between
from orchestration.settings import PROJECT_ROOT, Settings
from orchestration.validation.comparison import Comparison, DayAgreement, Mover, compare
from spark_jobs.lake import Lake
from spark_jobs.scoring_model import ModelError, model_of
from spark_jobs.scratch import ScratchLake

_REASONS = 3
_BAR_WIDTH = 30


def compare_models(
    settings: Settings, first: str, second: str, start: date, end: date, say: Callable[[str], None]
) -> Comparison:
    """Score the history from its first day to `end` by both models, and compare the days from `start` on.

    Both are scored in a scratch place beside the home's lake, which is deleted at the end. It takes as much
    room as the history's states and scores, twice. CommandError where a model or the days do not fit.
    """
    for name in (first, second):
        try:
            model_of(name)
        except ModelError as error:
            raise CommandError(str(error)) from error
    home = Lake(settings.home)
    days = _days(settings, home, start, end)
    with _scratch(settings) as root:
        lakes = [ScratchLake(home, f"{root}/{name}") for name in ("first", "second")]
        _score(settings, [(first, lakes[0].root), (second, lakes[1].root)], days, say)
        say("Comparing")
        return compare(lakes[0], lakes[1], days_between(start, end), (first, second), _names(settings))


@contextmanager
def _scratch(settings: Settings) -> Iterator[str]:
    """A place that is gone afterwards, with what a killed comparison left: no erasure would look there."""
    folder = f"{settings.home.rstrip('/')}/scratch"
    root = f"{folder}/compare-{secrets.token_hex(4)}"
    with _alone(None if "://" in settings.home else Path(folder)):
        try:
            yield root
        finally:
            ScratchLake(Lake(settings.home), root).remove()


@contextmanager
def _alone(folder: Path | None) -> Iterator[None]:
    """Be the only comparison in a folder of this machine, and clear what an earlier one left."""
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / ".lock"
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(f"Another comparison is running in {folder}. Wait until it ends.") from None
        for left in folder.glob("compare-*"):
            shutil.rmtree(left, ignore_errors=True)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _days(settings: Settings, home: Lake, start: date, end: date) -> list[date]:
    first_day, published = home.first_day(), home.days("ledger_digest")
    if first_day is None or not published:
        raise CommandError(f"Nothing is published in {settings.home} yet. Run: stature run --from YYYY-MM-DD")
    if start > end:
        raise CommandError(f"The days end before they begin: from {start} to {end}.")
    if start < first_day or end > published[-1]:
        raise CommandError(
            f"{start} to {end} is not all published: the published days are {first_day} to {published[-1]}."
        )
    return days_between(first_day, end)


def _score(
    settings: Settings, models: Sequence[tuple[str, str]], days: Sequence[date], say: Callable[[str], None]
) -> None:
    """Run the job in a process of its own, telling what it says."""
    options = {
        **settings.job_options(),
        "days": [day.isoformat() for day in days],
        "models": [(_absolute(name), root) for name, root in models],
        "parent": os.getpid(),
    }
    command = [sys.executable, "-m", "spark_jobs.jobs.compare_models", "--options", json.dumps(options)]
    prefix = "compare_models: "
    with tempfile.TemporaryFile("w+") as errors:
        job = subprocess.Popen(command, cwd=PROJECT_ROOT, text=True, stdout=subprocess.PIPE, stderr=errors)
        try:
            for line in job.stdout or ():
                if line.startswith(prefix):
                    say(line.removeprefix(prefix).strip())
            code = job.wait()
        except BaseException:
            job.terminate()
            job.wait()
            raise
        if code:
            errors.seek(0)
            told = [line.removeprefix(prefix) for line in errors if line.startswith(prefix)]
            raise CommandError(told[-1].strip() if told else f"The models' job ended with code {code}.")


def _absolute(name: str) -> str:
    # The job runs in the project's folder, and a file is named from the user's.
    path = Path(name).expanduser()
    return str(path.resolve()) if path.is_file() else name


def _names(settings: Settings) -> dict[str, str]:
    """Who may be named, and how. Whoever left is not in the published copy, and nobody is without one."""
    try:
        with open_warehouse(settings) as warehouse:
            rows = warehouse.rows("select person_id, display_name, handle from core.person")
    except (CommandError, RunError):
        return {}
    named = {}
    for row in rows:
        handle = f"@{row['handle']}" if row["handle"] else ""
        named[row["person_id"]] = " ".join(filter(None, (row["display_name"], handle))) or row["person_id"]
    return named


def write_report(found: Comparison, out: Path) -> None:
    """Write the whole report as JSON. CommandError where the folder does not exist."""
    if not out.parent.is_dir():
        raise CommandError(f"The folder {out.parent} does not exist.")
    temporary = out.with_name(f".{out.name}.part")
    temporary.write_text(json.dumps(found.as_json(), indent=1) + "\n", encoding="utf-8")
    temporary.replace(out)


# --- as it is printed -----------------------------------------------------------------------------


def page(found: Comparison) -> RenderableType:
    """The report: the days' agreement, the histogram, and who moves most and why."""
    last = found.days[-1]
    of = f"{found.second} against {found.first}"
    return Group(
        Text(f"{of}, {found.days[0].day} to {last.day}", "bold"),
        _agreement(found.days),
        Text(
            "PSI: bins by deciles of the first model, equal deciles merged, half a person more in every bin. "
            "Up to 0.10 is calm, above 0.25 another population. RBO: extrapolated, top 100, p = 0.9.",
            "dim",
        ),
        Text(),
        Text("Differences, all people and days", "bold"),
        _histogram(found),
        Text(),
        Text(f"Who moves most on {last.day}", "bold"),
        _movers(found),
    )


def _agreement(days: Sequence[DayAgreement]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in (
        "day",
        "people",
        "only one",
        "median",
        "",
        "PSI",
        "bins",
        "tau-b",
        "RBO",
        "p50",
        "largest",
    ):
        table.add_column(column, justify="right", header_style="dim")
    shown = (
        list(days) if len(days) <= 7 else [*days[:1], *days[1 : -1 : max(1, (len(days) - 2) // 5)], days[-1]]
    )
    for day in shown:
        table.add_row(
            str(day.day),
            f"{day.people:,}",
            f"{day.only_first + day.only_second:,}",
            _number(day.median_first, 1),
            f"→ {_number(day.median_second, 1)}",
            _number(day.psi.value if day.psi else None, 3),
            str(day.psi.bins) if day.psi else "",
            _number(day.kendall_tau_b, 3),
            _number(day.rbo_top_100, 3),
            _number(day.difference_p50, 2),
            _number(day.largest_difference, 2),
        )
    return table


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _histogram(found: Comparison) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for justify in ("right", "right", "left"):
        table.add_column(justify=justify)
    filled = [n for n, (_, _, people) in enumerate(found.differences) if people]
    most = max((people for *_, people in found.differences), default=0)
    for low, high, people in found.differences[filled[0] : filled[-1] + 1] if filled else ():
        ends = (f"{low:+g}" if low is not None else "", f"{high:+g}" if high is not None else "")
        table.add_row(
            " to ".join(ends) if all(ends) else f"below {ends[1]}" if ends[1] else f"{ends[0]} and more",
            f"{people:,}",
            Text("█" * max(1, round(people / most * _BAR_WIDTH)) if people else "", "cyan"),
        )
    return table


def _movers(found: Comparison) -> Table:
    table = Table(box=None, pad_edge=False)
    for column, justify in (
        ("first", "right"),
        ("second", "right"),
        ("", "right"),
        ("who", "left"),
        ("why", "left"),
    ):
        table.add_column(column, justify=justify, header_style="dim")  # type: ignore[arg-type]
    for number, mover in enumerate(found.movers, 1):
        name = found.names.get(mover.person_id, f"somebody ({number})")
        table.add_row(
            f"{mover.first:.1f}",
            f"{mover.second:.1f}",
            f"{mover.difference:+.2f}",
            Text(name),
            reasons(mover),
        )
    return table


def reasons(mover: Mover) -> str:
    """The parts that make the difference, in words."""
    told = [part for part in mover.reasons if abs(part[2]) >= 0.05][:_REASONS]
    if not told:
        return "many small parts"
    words = [
        f"{points:+.1f} {PARTS.get(part, part).split(':')[0]}{f' on {network}' if network else ''}"
        for part, network, points in told
    ]
    rest = mover.difference - sum(points for *_, points in told)
    return ", ".join([*words, *([f"{rest:+.1f} the rest"] if abs(rest) >= 0.05 else [])])
