"""`stature privacy`: what people ask for about their own data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from orchestration.commands.groups.options import console
from orchestration.settings import settings

app = typer.Typer(help="What people ask for about their own data.", no_args_is_help=True)

Somebody = Annotated[str, typer.Argument(metavar="ACCOUNT", help="@handle@network, or a contact as CRM:ID.")]


@app.command()
def opt_out(who: Somebody) -> None:
    """Score and show this person nowhere."""
    _asked(who, "opt_out")


@app.command()
def erase(who: Somebody) -> None:
    """Delete all that is held on this person."""
    _asked(who, "erase")


@app.command("object")
def object_(who: Somebody) -> None:
    """Suspend scoring until the objection is answered."""
    _asked(who, "object")


@app.command()
def opt_in(who: Somebody) -> None:
    """Take back what was asked before."""
    _asked(who, "opt_in")


@app.command()
def report(
    who: Somebody,
    out: Annotated[Path, typer.Option("--out", help="A file; written as .html and as .json.")],
) -> None:
    """Write all that is held on this person, and why."""
    from orchestration.commands.privacy import report as write_report

    with console.status("Looking") as status:
        files, rows = write_report(
            settings(), who, out, lambda place: status.update(f"Looking in {escape(place)}")
        )
    console.print(f"{' and '.join(map(str, files))}: {rows:,} rows", markup=False)


def _asked(who: str, what: str) -> None:
    from orchestration.commands.privacy import request

    subject, follows, held = request(settings(), who, what)
    console.print(f"Written down for {escape(str(subject))}. With the next daily run: {follows}.")
    if not held:
        console.print(
            "Nothing is held on it now, by this very name: is it spelt as the network or CRM has it? "
            "(Somebody erased is not held, either.)",
            style="yellow",
        )
