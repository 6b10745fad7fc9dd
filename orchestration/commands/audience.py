"""`stature audience`: drawing a campaign's people, and what was drawn so far."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from rich.markup import escape
from rich.table import Table

from orchestration.audiences import book
from orchestration.audiences.campaign import (
    Campaign,
    CampaignError,
    campaign_files,
    find_campaign,
    read_campaign,
)
from orchestration.audiences.drawing import CONTROL, INVITED, Candidate, Drawing, draw
from orchestration.commands.warehouse import CommandError, Warehouse, open_warehouse
from orchestration.home import home_lock
from orchestration.settings import Settings
from spark_jobs.lake import Lake


@dataclass(frozen=True)
class Draw:
    """What a draw did, or would do: the campaign, the day of the scores, the people.

    `stands`: it was made before, by the same file from the same scores, and nothing was drawn now.
    """

    campaign: Campaign
    day: date
    drawing: Drawing
    stands: bool = False


def draw_audience(
    settings: Settings,
    name: str,
    drawn_at: datetime,
    *,
    keep: bool = True,
) -> Draw:
    """Draw a campaign's audience from the published warehouse, and unless told otherwise keep it.

    `drawn_at` (UTC) is kept with it, for outcomes count from then on, and decides nothing about whom.
    CommandError where the file or the draw is refused; nothing is written then.
    """
    try:
        campaign = read_campaign(find_campaign(name, settings.campaigns))
        with home_lock(settings, "stature audience draw"):
            lake = Lake(settings.home)
            with open_warehouse(settings) as warehouse:
                day = _scored_day(warehouse)
                candidates = list(_candidates(warehouse))
            if (before := book.kept(lake, day, campaign)) is not None:
                return Draw(campaign, day, Drawing(before, len(before), {}), stands=True)
            drawing = draw(campaign, candidates, book.earlier(lake), day)
            if keep:
                book.append(lake, day, campaign, drawing, drawn_at, f"audience-{secrets.token_hex(6)}")
    except CampaignError as error:
        raise CommandError(str(error)) from error
    return Draw(campaign, day, drawing)


def _scored_day(warehouse: Warehouse) -> date:
    row = warehouse.row("select max(day) as day from bi.score_latest")
    if row is None or row["day"] is None:
        raise CommandError("No day is published yet, so there are no scores to draw from.")
    day: date = row["day"]
    return day


def _candidates(warehouse: Warehouse) -> Iterator[Candidate]:
    # Who opted out, objects or may not be scored has no score here, and so is never drawn.
    rows = warehouse.rows(
        "select contacts.crm, contacts.contact_id, contacts.person_id, contacts.score, latest.evidence,"
        " contacts.match_confidence, contacts.topic_1, contacts.topic_2, contacts.topic_3, latest.networks,"
        " contacts.region, contacts.legal_basis, contacts.open_cases, contacts.double_failure"
        " from crm.contact_score as contacts"
        " left join bi.score_latest as latest on contacts.person_id = latest.person_id"
    )
    for row in rows:
        topics = tuple(topic for number in (1, 2, 3) if (topic := row.pop(f"topic_{number}")) is not None)
        networks = tuple((row.pop("networks") or "").split(","))
        yield Candidate(**row, topics=topics, networks=networks)


def summary(made: Draw) -> Table:
    """A draw in lines: who was drawn, and why others were not."""
    drawing = made.drawing
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right")
    table.add_column()
    table.add_row(f"{drawing.counted(INVITED):,}", "invited")
    table.add_row(f"{drawing.counted(CONTROL):,}", "control: leave them alone")
    if rest := drawing.eligible - len(drawing.people):
        table.add_row(f"{rest:,}", "would have fitted as well")
    for reason, count in sorted(drawing.left_out.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(f"{count:,}", f"left out: {reason}")
    return table


def listing(settings: Settings) -> Table:
    """Campaigns drawn so far, then files of STATURE_CAMPAIGNS that are not drawn yet."""
    drawn = book.drawn_campaigns(Lake(settings.home))
    table = Table(box=None, pad_edge=False)
    for heading in ("campaign", "drawn at", "invited", "control", "outcomes count until"):
        table.add_column(heading, justify="right" if heading in ("invited", "control") else "left")
    for one in drawn:
        moment = f"{one.drawn_at:%Y-%m-%d %H:%M}"
        table.add_row(one.campaign_id, moment, f"{one.invited:,}", f"{one.control:,}", f"{one.counted_until}")
    names = {one.campaign_id for one in drawn}
    for path in campaign_files(settings.campaigns):
        try:
            name = read_campaign(path).campaign
        except CampaignError as error:
            table.add_row(escape(path.stem), escape(f"refused: {error}"), "", "", "")
            continue
        if name not in names:
            table.add_row(name, "not drawn", "", "", "")
    return table
