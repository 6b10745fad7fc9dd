"""`stature model`: versions of the scoring model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.commands.groups.options import FromOption, ToOption, console
from orchestration.settings import settings

app = typer.Typer(help="Versions of the scoring model.", no_args_is_help=True)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(help="A version, such as v1, or a YAML file.")],
    second: Annotated[str, typer.Argument(help="The version or file to try out.")],
    start: FromOption,
    end: ToOption,
    out: Annotated[Path | None, typer.Option("--out", help="Write all of it as JSON as well.")] = None,
) -> None:
    """Run two models side by side on this home's history, and say how they differ. Publishes nothing."""
    from orchestration.commands.compare import compare_models, page, write_report

    with console.status("Starting") as status:
        found = compare_models(settings(), first, second, start, end, status.update)
    if out:
        write_report(found, out)
    console.print(page(found))
