"""What several commands take and where they print: days, and the console."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer
from rich.console import Console

console = Console(highlight=False)


def day_of(text: str) -> date:
    """A day as somebody types it; typer.BadParameter where it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a day: write it as YYYY-MM-DD.") from error


DayOption = Annotated[date | None, typer.Option("--day", parser=day_of, metavar="YYYY-MM-DD")]
FromOption = Annotated[date, typer.Option("--from", parser=day_of, metavar="YYYY-MM-DD", help="First day.")]
ToOption = Annotated[date, typer.Option("--to", parser=day_of, metavar="YYYY-MM-DD", help="Last day.")]
