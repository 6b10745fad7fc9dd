"""`stature watch`: the accounts that networks are asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from orchestration.commands.groups.options import console
from orchestration.settings import settings

app = typer.Typer(help="The accounts that networks are asked for.", no_args_is_help=True)

AccountArgument = Annotated[list[str], typer.Argument(help="@handle@network, one or several.")]


@app.command()
def add(accounts: AccountArgument) -> None:
    """Ask networks for these accounts from the next run on."""
    _change("add", accounts)


@app.command()
def remove(accounts: AccountArgument) -> None:
    """Ask for these accounts no more. What they did stays; stature privacy is for that."""
    _change("remove", accounts)


@app.command("list")
def list_watched() -> None:
    """List the accounts that networks are asked for because somebody said so."""
    from orchestration.connectors.watch import watched

    found = watched(settings().home)
    for order in found:
        console.print(f"@{order.handle}@{order.network}  since {order.at[:10]}", markup=False)
    console.print(f"{len(found)} accounts are watched.")


def _change(action: Literal["add", "remove"], accounts: list[str]) -> None:
    from orchestration.connectors.registry import CONNECTORS
    from orchestration.connectors.watch import change, parse, watched

    pairs = [parse(account, CONNECTORS) for account in accounts]
    changed = change(settings().home, action, pairs, datetime.now(UTC))
    done = {"add": "added", "remove": "removed"}[action]
    as_before = len(set(pairs)) - changed
    console.print(f"{changed} {done}, {as_before} as before; {len(watched(settings().home))} are watched.")
