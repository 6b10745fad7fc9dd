"""`stature audience`: people drawn for a campaign."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from orchestration.commands.groups.options import console
from orchestration.settings import settings

app = typer.Typer(help="People drawn for a campaign.", no_args_is_help=True)


@app.command()
def draw(
    campaign: Annotated[str, typer.Argument(help="A campaign file, or its name in STATURE_CAMPAIGNS.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say who would be drawn.")] = False,
) -> None:
    """Draw a campaign's people once, with a control group beside them."""
    from orchestration.commands.audience import draw_audience, summary

    made = draw_audience(settings(), campaign, datetime.now(UTC), keep=not dry_run)
    console.print(f"{made.campaign.campaign}, from the scores of {made.day}", style="bold")
    console.print(summary(made))
    if made.stands:
        console.print("It was drawn before from the same scores by the same file, and stands as it was.")
    elif dry_run:
        console.print("Nothing was kept.")
    else:
        console.print("In crm.campaign_audience with the next run; bi.campaign_lift says what came of it.")


@app.command("list")
def list_campaigns() -> None:
    """List the campaigns that were drawn, and the files that are not drawn yet."""
    from orchestration.commands.audience import listing

    console.print(listing(settings()))
