"""A CRM's days in the lake: everything first, then what changed, and no gap after a day that was not had."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from orchestration.connectors import salesforce
from orchestration.connectors.network_landing import land_network
from orchestration.connectors.reports import Landing, LandingReport
from orchestration.settings import Settings
from spark_jobs.lake import Lake
from tests.fixtures.network_answers import DAY
from tests.fixtures.replay_server import ReplayServer, recorded, serving

NEXT = DAY + timedelta(days=1)
NOW = datetime(2026, 3, 20, tzinfo=UTC)


def _between(line: dict[str, Any], since: str, until: str) -> dict[str, Any]:
    url = line["url"].replace("2026-03-11T00%3A00%3A00Z", f"{until}T00%3A00%3A00Z")
    return line | {"url": url.replace("2026-03-09T23%3A45%3A00Z", since.replace(":", "%3A"))}


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    """The first day's query is for all there is; on the next, nothing has changed."""
    first = [_between(line, "1970-01-01T00:00:00Z", "2026-03-11") for line in recorded("salesforce")]
    counts = [line for line in recorded("salesforce") if line["endpoint"] == "count"]
    nothing = {"totalSize": 0, "done": True, "records": []}
    later = [_between(line, "2026-03-10T23:45:00Z", "2026-03-12") | {"body": nothing} for line in counts]
    with serving([*first, *later]) as found:
        yield found


@pytest.fixture
def settings(tmp_path: Path, server: ReplayServer) -> Settings:
    told = {"home": str(tmp_path), "salesforce_url": server.url, "salesforce_token": "t0ken"}
    return Settings(_env_file=None, networks=("salesforce",), **told)


def land(settings: Settings, *days: date) -> list[LandingReport]:
    landing = Landing(settings, Lake(settings.home), "salesforce", days, days[0], "run")
    return land_network(landing, salesforce, wait=lambda _: None, clock=NOW.timestamp)


def rows_of(settings: Settings, day: date) -> dict[str, list[dict[str, Any]]]:
    lake, found = Lake(settings.home), dict[str, list[dict[str, Any]]]()
    manifest = lake.manifest("mapped/salesforce", day)
    assert manifest is not None
    for file in manifest.files:
        with lake.open(f"{lake.day_path('mapped/salesforce', day)}/{file.name}") as handle:
            found.setdefault(file.name.split("/")[0], []).extend(pq.read_table(handle).to_pylist())
    return found


def test_the_first_day_has_all_and_the_next_what_changed(settings: Settings, server: ReplayServer) -> None:
    first, second = land(settings, DAY, NEXT)
    assert server.missed == []
    assert "asked for all that is there" in first.notes
    assert second.rows == 0
    rows = rows_of(settings, DAY)
    # The contact that changed on the day before is this pull's as well: it is the first.
    assert [row["contact_id"] for row in rows["crm_contacts"]] == ["003A", "003B", "003C", "003E", "003F"]
    assert [row["event_id"] for row in rows["service_events"]] == ["500A", "500B", "500C", "500E"]
    assert [row["outcome_id"] for row in rows["outcomes"]] == ["006A", "006C", "006D"]
    assert [(row["reason"], row["detail"]) for row in rows["refused"]] == [
        ("bad_type", "contacts: Birthdate, left empty")
    ]
    assert rows_of(settings, NEXT) == {}
    asked = len(server.asked)
    assert [report.notes for report in land(settings, DAY, NEXT)] == [("already landed",)] * 2
    assert len(server.asked) == asked
    lake = Lake(settings.home)
    stored = json.dumps([m.as_json() for m in lake.manifests("raw/salesforce").values()])
    assert "t0ken" not in stored
