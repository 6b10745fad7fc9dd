"""Draws in the lake: `campaign_audience`, to which each draw adds a file and from which none is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from orchestration.audiences.campaign import Campaign
from orchestration.audiences.drawing import CONTROL, INVITED, Drawing, Drawn, Earlier
from spark_jobs.arrow_schemas import arrow_schema
from spark_jobs.lake import Lake

TABLE = "campaign_audience"
_COLUMNS = ("campaign_id", "crm", "contact_id", "person_id", "group_name")


@dataclass(frozen=True)
class DrawnCampaign:
    """A campaign that was drawn, in numbers. `counted_until` is the last day of outcomes."""

    campaign_id: str
    drawn_at: datetime
    invited: int
    control: int
    counted_until: date


def append(
    lake: Lake, day: date, campaign: Campaign, drawing: Drawing, drawn_at: datetime, run_id: str
) -> None:
    """Add a draw to the day of the scores that it was made from."""
    same = {
        "campaign_id": campaign.campaign,
        "drawn_at": drawn_at,
        "outcome_kinds": list(campaign.judged_by.outcomes),
        "measured_days": campaign.judged_by.days,
        "definition": campaign.model_dump_json(),
    }
    rows = [
        same
        | {
            "crm": one.crm,
            "contact_id": one.contact_id,
            "person_id": one.person_id,
            "group_name": one.group_name,
        }
        for one in drawing.people
    ]
    manifest = lake.manifest(TABLE, day)
    file = lake.put_parquet(TABLE, day, pa.Table.from_pylist(rows, arrow_schema(TABLE)))
    files = (*manifest.files, file) if manifest else (file,)
    lake.commit(TABLE, day, files, run_id, manifest.notes if manifest else None)


def earlier(lake: Lake) -> list[Earlier]:
    """Everybody drawn so far."""
    return [Earlier(**row, day=day) for day in lake.days(TABLE) for row in _rows(lake, day, _COLUMNS)]


def kept(lake: Lake, day: date, campaign: Campaign) -> tuple[Drawn, ...] | None:
    """Who was drawn from that day's scores by this very file, less whoever was erased since; None: nobody."""
    definition = campaign.model_dump_json()
    rows = _rows(lake, day, (*_COLUMNS, "definition"))
    found = [
        row for row in rows if (row["campaign_id"], row["definition"]) == (campaign.campaign, definition)
    ]
    people = [Drawn(r["crm"], r["contact_id"], r["person_id"], r["group_name"]) for r in found]
    return tuple(sorted(people, key=lambda one: (one.crm, one.contact_id))) if people else None


def drawn_campaigns(lake: Lake) -> list[DrawnCampaign]:
    """Every campaign that was drawn, in order of the draws."""
    groups: dict[tuple[str, datetime, int], list[str]] = {}
    for day in lake.days(TABLE):
        for row in _rows(lake, day, ("campaign_id", "drawn_at", "measured_days", "group_name")):
            key = (row["campaign_id"], row["drawn_at"].astimezone(UTC), row["measured_days"])
            groups.setdefault(key, []).append(row["group_name"])
    found = [
        DrawnCampaign(
            name, at, members.count(INVITED), members.count(CONTROL), at.date() + timedelta(days=days)
        )
        for (name, at, days), members in groups.items()
    ]
    return sorted(found, key=lambda one: (one.drawn_at, one.campaign_id))


def _rows(lake: Lake, day: date, columns: Sequence[str]) -> list[dict[str, Any]]:
    table = lake.read_arrow(TABLE, day, columns)
    return table.to_pylist() if table is not None and table.num_rows else []
