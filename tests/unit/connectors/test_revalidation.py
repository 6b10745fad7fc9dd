"""A feed that has not changed costs a 304, and what it said stands again; nothing of it is lost."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from orchestration.connectors import feeds
from orchestration.connectors.network_landing import land_network
from orchestration.connectors.reports import Landing
from orchestration.settings import Settings
from spark_jobs.lake import Lake
from tests.fixtures.replay_server import ReplayServer, serving

DAY = date(2026, 3, 10)


def feed(*dates: str) -> dict[str, Any]:
    items = [{"id": f"p{at}", "date_published": at, "title": "Football"} for at in dates]
    return {"version": "https://jsonfeed.org/version/1.1", "title": "Ada", "items": items}


def line(body: dict[str, Any], **headers: str) -> dict[str, Any]:
    return {"url": "/feed.json", "status": 200, "headers": headers, "body": body}


def land(home: Path, server: ReplayServer, day: date) -> list[str]:
    """Land a day in the night after it, at two; the ids of what was posted then."""
    settings = Settings(_env_file=None, home=str(home), feeds=(f"{server.url}/feed.json|https://ada.blog",))
    night = datetime(day.year, day.month, day.day, 2, tzinfo=UTC) + timedelta(days=1)
    landing = Landing(settings, Lake(settings.home), "feeds", [day], DAY, "run")
    land_network(landing, feeds, wait=lambda _: None, clock=night.timestamp)
    rows = rows_of(settings, "mapped/feeds", day, "activities")
    return [row["activity_id"].partition("#p")[2] for row in rows]


def rows_of(settings: Settings, table: str, day: date, part: str) -> list[dict[str, Any]]:
    lake = Lake(settings.home)
    manifest = lake.manifest(table, day)
    assert manifest is not None
    found: list[dict[str, Any]] = []
    for file in manifest.files:
        if file.extra["table"] == part and file.extra["format"] == "parquet":
            with lake.open(f"{lake.day_path(table, day)}/{file.name}") as handle:
                found += pq.read_table(handle).to_pylist()
    return found


def test_what_was_posted_after_the_days_end_is_not_lost_with_an_unchanged_feed(tmp_path: Path) -> None:
    noon, at_night = "2026-03-10T12:00:00Z", "2026-03-11T01:00:00Z"
    with serving([line(feed(noon, at_night), ETag='"v1"')]) as server:
        assert land(tmp_path, server, DAY) == [noon]
        assert land(tmp_path, server, DAY + timedelta(days=1)) == [at_night], "it was there the night before"
        assert land(tmp_path, server, DAY + timedelta(days=2)) == []
        said = [headers.get("If-None-Match") for _, headers in server.asked]
        assert said == [None, '"v1"', '"v1"'], "a 304 keeps the version that is known"
    settings = Settings(_env_file=None, home=str(tmp_path))
    days = [rows_of(settings, "raw/feeds", DAY + timedelta(days=n), "answers") for n in range(3)]
    assert len({one["body"] for (one,) in days}) == 1
    assert [one["status"] for (one,) in days] == [200] * 3, "an answer stands by itself, to be mapped again"
    assert [one["received_at"].day for (one,) in days] == [11, 12, 13]


def test_a_changed_feed_is_read_anew(tmp_path: Path) -> None:
    first, second = "2026-03-10T12:00:00Z", "2026-03-11T12:00:00Z"
    with serving([line(feed(first), ETag='"v1"'), line(feed(second, first), ETag='"v2"')]) as server:
        assert land(tmp_path, server, DAY) == [first]
        assert land(tmp_path, server, DAY + timedelta(days=1)) == [second]


def test_the_date_of_a_change_will_do_and_no_version_is_asked_in_full(tmp_path: Path) -> None:
    stamp = "Tue, 10 Mar 2026 12:00:00 GMT"
    with serving([line(feed(), **{"Last-Modified": stamp}), line(feed())]) as server:
        for number in range(3):
            land(tmp_path, server, DAY + timedelta(days=number))
        said = [headers.get("If-Modified-Since") for _, headers in server.asked]
        assert said == [None, stamp, None], "an answer without a date has no version"


def test_a_version_without_end_is_not_sent_back(tmp_path: Path) -> None:
    with serving([line(feed(), ETag=f'"{"v" * 600}"')]) as server:
        land(tmp_path, server, DAY)
        land(tmp_path, server, DAY + timedelta(days=1))
        assert [headers.get("If-None-Match") for _, headers in server.asked] == [None, None]


def test_an_unchanged_answer_that_nobody_has_is_a_refusal(tmp_path: Path) -> None:
    with serving([{**line({}), "status": 304, "body": ""}]) as server:
        assert land(tmp_path, server, DAY) == []
    settings = Settings(_env_file=None, home=str(tmp_path))
    (kept,) = rows_of(settings, "raw/feeds", DAY, "answers")
    assert (kept["status"], json.loads(kept["about"])["blog"]) == (304, "ada.blog")
