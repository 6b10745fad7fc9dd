"""`stature crm`: the scores in the records of a CRM."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.commands.groups.options import console
from orchestration.settings import settings

app = typer.Typer(help="The scores in the records of a CRM.", no_args_is_help=True)

CrmOption = Annotated[str, typer.Option("--crm", help="Its name, which is its mapping's: salesforce, …")]


@app.command()
def plan(
    crm: CrmOption,
    out: Annotated[Path | None, typer.Option("--out", help="A file ending in .jsonl or .csv.")] = None,
) -> None:
    """Say what a sync would change in a CRM, and write it to a file. Sends nothing and needs no access."""
    from orchestration.commands.crm import plan as plan_changes

    console.print(plan_changes(settings(), crm, out))


@app.command()
def apply(
    crm: CrmOption,
    yes: Annotated[
        bool, typer.Option("--yes", help="Also where it changes or empties many records.")
    ] = False,
    plan_file: Annotated[
        Path | None, typer.Option("--plan", help="Only if the plan is still the one in this file.")
    ] = None,
    wake: Annotated[
        bool, typer.Option("--retry-given-up", help="Also records that it refused too often.")
    ] = False,
    same: Annotated[
        bool, typer.Option("--same-crm", help="It is at another address, and the one it was.")
    ] = False,
) -> None:
    """Send to a CRM what has changed since it last confirmed."""
    from orchestration.commands.crm import apply as apply_plan

    report = apply_plan(settings(), crm, yes, plan_file, console, wake, same)
    console.print(f"{crm}: {report.text}", markup=False)
