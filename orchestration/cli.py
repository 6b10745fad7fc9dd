"""The `stature` command. Each command says what is wrong in a line; a traceback means a fault of ours."""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from orchestration.commands.groups import audience, crm, model, privacy, watch
from orchestration.commands.groups.options import DayOption, FromOption, ToOption, console, day_of
from orchestration.commands.warehouse import CommandError
from orchestration.connectors.registry import ConnectorError
from orchestration.privacy.asking import PrivacyError
from orchestration.runs import RunError
from orchestration.settings import PROJECT_ROOT, settings
from spark_jobs.contracts import ContractError
from spark_jobs.lake import Lake, LakeError

DEMO_DAYS = (date(2026, 1, 1), date(2026, 1, 30))
DEMO_PERSON = "@ada@sample"
DEMO_CRM = "samplecrm"

# No tool underneath tells anybody what it does, unless somebody said that it may.
QUIET = {
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
}

app = typer.Typer(
    help="Influence scores, a day at a time: each from 1 to 100, with its interval and its reasons.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(model.app, name="model")
app.add_typer(watch.app, name="watch")
app.add_typer(audience.app, name="audience")
app.add_typer(crm.app, name="crm")
app.add_typer(privacy.app, name="privacy")


@app.command()
def run(
    start: Annotated[
        date | None,
        typer.Option(
            "--from", parser=day_of, metavar="YYYY-MM-DD", help="First day; else the first unpublished."
        ),
    ] = None,
    end: Annotated[
        date | None,
        typer.Option("--to", parser=day_of, metavar="YYYY-MM-DD", help="Last day; else yesterday (UTC)."),
    ] = None,
) -> None:
    """Run the whole pipeline over a range of days. Days already published stay as they are."""
    from orchestration.commands.run import run_days

    run_days(settings(), start, end)


@app.command()
def show(
    who: Annotated[str, typer.Argument(help="@handle@network, or a person's id.")],
    day: DayOption = None,
) -> None:
    """Explain somebody's score: interval, trend, parts, change and topics."""
    from orchestration.commands.show import explain, page
    from orchestration.commands.warehouse import open_warehouse

    with open_warehouse(settings()) as warehouse:
        console.print(page(explain(warehouse, settings(), who, day)))


@app.command()
def top(
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 10,
    topic: Annotated[str | None, typer.Option(help="On one topic.")] = None,
) -> None:
    """List the highest scores of the last day."""
    from orchestration.commands.show import WHAT_IT_IS_NOT, leaderboard
    from orchestration.commands.warehouse import open_warehouse

    with open_warehouse(settings()) as warehouse:
        console.print(leaderboard(warehouse, limit, topic))
    console.print(WHAT_IT_IS_NOT, style="italic dim")


@app.command()
def export(
    table: Annotated[str, typer.Argument(help="A table of core, bi or crm, such as daily_score.")],
    out: Annotated[Path, typer.Option("--out", help="A file ending in .parquet or .csv.")],
    day: DayOption = None,
) -> None:
    """Write a table of the published warehouse, or one day of it, to a file."""
    from orchestration.commands.warehouse import write_table

    name, rows = write_table(settings(), table, out, day)
    console.print(f"{out}: {rows:,} rows of {name}")


@app.command()
def verify() -> None:
    """Recompute the ledger's digests: has any published score changed?"""
    from orchestration.ledger import verify as verify_ledger

    report = verify_ledger(Lake(settings().home))
    for problem in report.problems:
        console.print(f"[red]✗[/] {escape(f'{problem.day}: ' if problem.day else '')}{escape(problem.what)}")
    counted = f"{report.publications:,} publications of {report.days:,} days, {report.rows:,} rows"
    erased = f", {report.erased:,} of them erased" if report.erased else ""
    if not report.ok:
        raise CommandError(f"The ledger does not hold: {len(report.problems)} problems in {counted}{erased}.")
    console.print(f"The ledger holds: {counted}{erased}.")
    if report.head:
        console.print(f"Last digest {report.head}. Kept elsewhere, it shows whether the end was cut off.")


@app.command()
def restate(
    day: Annotated[date, typer.Option("--day", parser=day_of, metavar="YYYY-MM-DD", help="The first day.")],
    reason: Annotated[str, typer.Option("--reason", help="Published with the new revision.")],
) -> None:
    """Make a day and all after it again from their raw data, as a new revision."""
    from orchestration.commands.run import restate_days

    restate_days(settings(), day, reason)


@app.command()
def accept(
    day: Annotated[date, typer.Option("--day", parser=day_of, metavar="YYYY-MM-DD", help="The day.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is as it should be; kept with the checks.")],
) -> None:
    """Let a day pass that is unlike the days before it, and true. The next run publishes it."""
    from orchestration.commands.accept import accept as accept_checks

    for check in accept_checks(settings(), day, reason):
        console.print(f"Accepted: {check}", markup=False)
    console.print(f"Run the day again: stature run --from {day}")


@app.command("networks")
def list_networks(
    check: Annotated[bool, typer.Option("--check", help="Ask each configured network once.")] = False,
) -> None:
    """List the networks: which run, what they lack, how far back they can be asked."""
    from orchestration.commands.networks import networks, page

    with console.status("Looking") as status:
        found = networks(settings(), check=check, said=status.update)
    console.print(page(found))
    if any(state.answer and not state.answered and state.runs for state in found):
        raise CommandError("A network that runs does not answer as it should.")


@app.command()
def replay(
    network: Annotated[str, typer.Option("--network", help="Whose answers.")],
    start: FromOption,
    end: ToOption,
) -> None:
    """Map a network's stored answers again, without asking it. Publishes nothing."""
    from orchestration.commands.replay import replay as map_again
    from orchestration.commands.replay import told

    with console.status("Mapping") as status:
        days = map_again(settings(), network.lower(), start, end, status.update)
    for line in told(network, days):
        console.print(line, markup=False)


@app.command()
def demo() -> None:
    """Run 30 days of the sample network and look at the result."""
    from orchestration.commands.run import refuse_foreign_home, run_days

    refuse_foreign_home(settings(), DEMO_DAYS[0])
    run_days(settings(), *DEMO_DAYS)
    console.print()
    top(limit=10, topic=None)
    console.print()
    show(DEMO_PERSON)
    console.print("\nWhat the sample CRM would be sent", style="bold")
    crm.plan(DEMO_CRM)
    stature = "stature" if "VIRTUAL_ENV" in os.environ else ".venv/bin/stature"
    copy = Path(settings().home, "warehouse", "published", "stature.duckdb")
    nearest = min(str(copy), os.path.relpath(copy), key=len)
    steps = {
        f"{stature} top --topic football": "who is heard on a topic",
        f"{stature} show @HANDLE@NETWORK --day DAY": "anybody's score on any day",
        f"{stature} export daily_score --out scores.parquet": "any table of core, bi or crm as a file",
        f"{stature} crm apply --crm {DEMO_CRM}": "the same, as the file that the sample CRM takes",
        f"{stature} verify": "that no published score was changed",
        "make dev": "Dagster's graph of the pipeline, with this run",
        nearest: "the published warehouse, for any SQL tool",
    }
    width = max(map(len, steps))
    console.print("\nWhere to look next", style="bold")
    for step, what in steps.items():
        console.print(f"  {step:{width}}  {what}", markup=False, soft_wrap=True)


@app.command()
def dev(
    port: Annotated[int, typer.Option(help="Port of the UI, on this machine alone.")] = 3000,
) -> None:
    """Open Dagster's UI on this project."""
    from orchestration.home import dagster_home

    os.environ["DAGSTER_HOME"] = str(dagster_home(settings()))
    os.chdir(PROJECT_ROOT)
    dagster = str(Path(sys.executable).with_name("dagster"))
    console.print(f"Dagster on http://127.0.0.1:{port}")
    os.execv(dagster, [dagster, "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)])  # noqa: S606


def main() -> None:
    """The console script."""
    try:
        _run()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is written. Threads of native libraries that still run while Python takes itself apart
    # can abort the process, and a run would then seem to have failed otherwise than it did.
    os._exit(code)


def _run() -> None:
    """The user's mistakes as one line, ours as they are."""
    from orchestration.activation.mapping import MappingError
    from orchestration.activation.planfile import PlanFileError
    from orchestration.activation.sync import SyncError
    from orchestration.commands.run import NotPublishedError, StoppedError
    from orchestration.ledger import LedgerError

    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    mistakes = (
        CommandError,
        RunError,
        NotPublishedError,
        ConnectorError,
        PrivacyError,
        LedgerError,
        LakeError,
        ContractError,
        MappingError,
        PlanFileError,
        SyncError,
    )
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        app()
    except ValidationError as error:
        for problem in error.errors():
            name = "_".join(["STATURE", *(str(part) for part in problem["loc"][:1])]).upper()
            hidden = name.endswith(("_SECRET", "_SECRETS", "_TOKEN"))
            found = "" if hidden else f" (it is {escape(repr(problem['input']))})"
            errors.print(f"[red]{name}[/]: {escape(problem['msg'])}{found}")
        sys.exit(1)
    except mistakes as error:
        errors.print(f"[red]Error:[/] {escape(str(error))}")
        sys.exit(1)
    except StoppedError as stopped:
        errors.print(str(stopped))
        sys.exit(130)
