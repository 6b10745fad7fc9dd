"""A network's day in the lake: answers as they came, rows as they are read, days that were missed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from orchestration.connectors import bluesky, mapped
from orchestration.connectors.landing import land_source
from orchestration.connectors.network_landing import journal_path, land_network
from orchestration.connectors.registry import ConnectorError
from orchestration.connectors.reports import Landing, LandingReport
from orchestration.connectors.watch import change
from orchestration.settings import Settings
from spark_jobs.lake import Lake
from tests.fixtures.network_answers import DAY, RECEIVED
from tests.fixtures.replay_server import ReplayServer, recorded, serving

NEXT = DAY + timedelta(days=1)


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with serving(recorded("bluesky")) as found:
        yield found


@pytest.fixture
def settings(tmp_path: Path, server: ReplayServer) -> Settings:
    settings = Settings(_env_file=None, home=str(tmp_path), networks=("bluesky",), bluesky_url=server.url)
    change(settings.home, "add", [("bluesky", "ada.example"), ("bluesky", "gone.example")], RECEIVED)
    return settings


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return Lake(settings.home)


def land(settings: Settings, *days: date, now: datetime = RECEIVED) -> list[LandingReport]:
    landing = Landing(settings, Lake(settings.home), "bluesky", days, days[0], "run")
    return land_network(landing, bluesky, wait=lambda _: None, clock=now.timestamp)


def rows_of(lake: Lake, table: str, day: date = DAY, where: str = "mapped/bluesky") -> list[dict[str, Any]]:
    manifest = lake.manifest(where, day)
    assert manifest is not None
    rows: list[dict[str, Any]] = []
    for file in manifest.files:
        if file.name.startswith(f"{table}/"):
            with lake.open(f"{lake.day_path(where, day)}/{file.name}") as handle:
                rows += pq.read_table(handle).to_pylist()
    return rows


def test_a_day_lands_as_answers_and_as_rows(settings: Settings, lake: Lake, server: ReplayServer) -> None:
    (report,) = land(settings, DAY)
    raw, rows = lake.manifest("raw/bluesky", DAY), lake.manifest("mapped/bluesky", DAY)
    assert raw is not None
    assert rows is not None
    answers = rows_of(lake, "answers", where="raw/bluesky")
    assert len(answers) == len(server.asked) == 12
    assert {name: type(value) for name, value in answers[0].items()} == {
        "endpoint": str, "url": str, "status": int, "body": str, "received_at": datetime, "about": str
    }  # fmt: skip
    assert json.loads(answers[1]["about"]) == {"account_id": "did:plc:ada"}
    assert (raw.notes["since"], raw.notes["until"]) == (
        "2026-03-10T00:00:00+00:00",
        "2026-03-11T00:00:00+00:00",
    )
    assert {k: raw.notes[k] for k in ("accounts", "requests", "complete")} == {
        "accounts": 2, "requests": 12, "complete": True
    }  # fmt: skip
    assert {k: rows.notes[k] for k in ("answers", "failed", "rows", "refused")} == {
        "answers": 12,
        "failed": 0,
        "rows": {"accounts": 4, "activities": 18, "deletions": 1},
        "refused": {"bad_type": 2},
    }
    assert len(rows_of(lake, "activities")) == 18
    seen = {row["observed_at"] for row in rows_of(lake, "accounts")}
    assert {moment.date() for moment in seen} == {DAY}, "a snapshot of the night after belongs to the day"
    assert [(row["reason"], row["answer"]) for row in rows_of(lake, "refused")] == [
        ("bad_type", 8),
        ("bad_type", 12),
    ]
    assert "2 things in the answers refused (2 bad_type)" in report.notes
    assert not journal_path(settings, "bluesky", DAY).exists()


def test_no_words_are_kept_unless_asked_for(settings: Settings, lake: Lake, tmp_path: Path) -> None:
    land(settings, DAY)
    words = " ".join(row["body"] for row in rows_of(lake, "answers", where="raw/bluesky"))
    assert not [word for word in ("secret", "hidden", "private", "avatar") if word in words]
    assert "#Football" in words
    keeping = settings.model_copy(update={"home": str(tmp_path / "other"), "keep_text": True})
    change(keeping.home, "add", [("bluesky", "ada.example"), ("bluesky", "gone.example")], RECEIVED)
    land(keeping, DAY)
    other = Lake(keeping.home)
    words = " ".join(row["body"] for row in rows_of(other, "answers", where="raw/bluesky"))
    assert "a secret evening" in words
    assert "hidden" not in words
    assert rows_of(other, "activities") == rows_of(lake, "activities")


def test_a_landed_day_is_not_asked_for_again(settings: Settings, lake: Lake, server: ReplayServer) -> None:
    land(settings, DAY)
    asked = len(server.asked)
    assert [r.notes for r in land(settings, DAY)] == [("already landed",)]
    assert len(server.asked) == asked


def test_a_run_killed_before_the_mapping_maps_without_asking(
    settings: Settings, lake: Lake, server: ReplayServer
) -> None:
    land(settings, DAY)
    before, asked = rows_of(lake, "activities"), len(server.asked)
    lake.drop_day("mapped/bluesky", DAY)
    (report,) = land(settings, DAY)
    assert report.notes[0] == "mapped again"
    assert (rows_of(lake, "activities"), len(server.asked)) == (before, asked)


def test_a_pull_killed_on_its_way_goes_on_where_it_was(
    settings: Settings, lake: Lake, server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    answer, given = ReplayServer.answer, 0

    def killing(self: ReplayServer, url: str, headers: Any) -> Any:
        nonlocal given
        given += 1
        return answer(self, url, headers)

    monkeypatch.setattr(ReplayServer, "answer", killing)

    def waiting_for_the_end(landing: Any) -> Callable[[], float]:
        def clock() -> float:
            if given >= 7:
                raise Killed
            return RECEIVED.timestamp()

        return clock

    landing = Landing(settings, lake, "bluesky", (DAY,), DAY, "run")
    with pytest.raises(Killed):
        land_network(landing, bluesky, wait=lambda _: None, clock=waiting_for_the_end(landing))
    journal = journal_path(settings, "bluesky", DAY)
    lines = journal.read_bytes()
    journal.write_bytes(lines[:-40])  # and the last line is torn
    already = lines.count(b"\n") - 2
    asked = len(server.asked)
    land(settings, DAY)
    assert len(server.asked) - asked == 12 - already
    assert len(rows_of(lake, "answers", where="raw/bluesky")) == 12
    assert len(rows_of(lake, "activities")) == 18


def test_a_network_that_is_down_is_caught_up_by_the_next_day(settings: Settings, lake: Lake) -> None:
    land(settings, DAY - timedelta(days=1), now=RECEIVED - timedelta(days=1))
    down = settings.model_copy(update={"bluesky_url": "http://127.0.0.1:9"})
    first, second = land(down, DAY, NEXT, now=RECEIVED + timedelta(days=1))
    assert first.notes[0].startswith(
        "missed, and caught up by a later day: bluesky is down: profiles: no connection"
    )
    assert first.notes == second.notes
    assert "missed" in lake.manifest("raw/bluesky", DAY).notes  # type: ignore[union-attr]
    # Before it is published, the day is asked for again.
    assert "missed" not in str([r.notes for r in land(settings, DAY)])
    lake.drop_day("raw/bluesky", DAY)
    land(down, DAY)
    (late,) = land(settings, NEXT, now=RECEIVED + timedelta(days=1))
    assert "asked since 2026-03-10 00:00, because days before it were not had whole" in late.notes
    days = {row["occurred_at"].date() for row in rows_of(lake, "activities", NEXT)}
    assert days == {DAY, NEXT}


def test_a_missed_day_that_is_published_stays(settings: Settings, lake: Lake) -> None:
    down = settings.model_copy(update={"bluesky_url": "http://127.0.0.1:9"})
    land(down, DAY)
    lake.commit("ledger_digest", DAY, [], "run")
    assert [r.notes for r in land(settings, DAY)] == [("already published",)]


def test_a_pull_before_the_day_is_over_leaves_the_rest_to_the_next(settings: Settings, lake: Lake) -> None:
    noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
    land(settings, DAY, now=noon)
    times = [row["occurred_at"] for row in rows_of(lake, "activities")]
    assert max(times) <= noon
    land(settings, NEXT)
    late = {row["activity_id"] for row in rows_of(lake, "activities", NEXT)}
    assert "at://did:plc:bo/app.bsky.feed.post/3b2" in late  # of 14:00 on the day before


def test_what_a_service_failed_to_give_is_asked_for_three_days_more(settings: Settings, lake: Lake) -> None:
    land(settings, DAY)
    notes = dict(lake.manifest("raw/bluesky", DAY).notes) | {"complete": False}  # type: ignore[union-attr]
    lake.commit("raw/bluesky", DAY, lake.manifest("raw/bluesky", DAY).files, "run", notes)  # type: ignore[union-attr]
    (report,) = land(settings, NEXT)
    assert any(note.startswith("asked since 2026-03-10") for note in report.notes)


def test_nobody_to_ask_for_is_said(settings: Settings, lake: Lake) -> None:
    change(settings.home, "remove", [("bluesky", "ADA.example"), ("bluesky", "@gone.example")], RECEIVED)
    (report,) = land(settings, DAY)
    assert report.notes == ("nobody to ask for: stature watch add @handle@network",)


def test_a_missing_setting_is_named(settings: Settings) -> None:
    without = settings.model_copy(update={"bluesky_url": ""})
    needy: Any = type("needy", (), {"NETWORK": replace(bluesky.NETWORK, needs=("bluesky_url",))})
    landing = Landing(without, Lake(without.home), "bluesky", (DAY,), DAY, "run")
    with pytest.raises(ConnectorError, match="bluesky needs STATURE_BLUESKY_URL"):
        land_network(landing, needy)


def test_rows_that_no_contract_knows_are_refused(
    settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def strange(answer: Any, reading: Any) -> Iterator[Any]:
        yield mapped.Row("nowhere", {})
        yield mapped.Row("deletions", {"network": "bluesky", "colour": "red"})
        yield mapped.Row("deletions", {"network": "\ud800", "content_id": "a", "deleted_at": RECEIVED})
        yield mapped.Row("deletions", {"network": "bluesky", "content_id": 7, "deleted_at": RECEIVED})
        yield mapped.Row("deletions", {"network": "bluesky", "deleted_at": RECEIVED.replace(tzinfo=None)})
        yield mapped.Row("accounts", {"followers": 2**63})
        raise KeyError("a fault of ours")

    monkeypatch.setattr(bluesky, "rows", strange)
    land(settings, DAY)
    counts = lake.manifest("mapped/bluesky", DAY).notes  # type: ignore[union-attr]
    assert counts["rows"] == {}
    assert counts["refused"] == {"bad_text": 12, "bad_type": 36, "missing_column": 24, "out_of_range": 12}


def test_what_is_said_of_an_account_adds_up(
    settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = {"network": "bluesky", "account_id": "ada", "observed_at": RECEIVED}
    later = RECEIVED + timedelta(minutes=1)
    of_the_day = datetime(2026, 3, 10, 23, 59, 59, 999999, UTC)  # to a day, the night after is the future

    def said(answer: Any, reading: Any) -> Iterator[Any]:
        if answer.endpoint == "profiles":
            yield mapped.Row("accounts", ada | {"handle": "ada", "is_verified": True, "followers": 7})
            yield mapped.Row("accounts", ada | {"handle": "ada", "is_verified": None, "followers": 8})
            yield mapped.Row("accounts", ada | {"handle": "ada.new", "observed_at": later})

    monkeypatch.setattr(bluesky, "rows", said)
    land(settings, DAY)
    (row,) = rows_of(lake, "accounts")
    assert {name: value for name, value in row.items() if value is not None} == {
        **ada, "handle": "ada.new", "is_verified": True, "followers": 8, "observed_at": of_the_day,
    }  # fmt: skip


def test_the_registry_leads_here(settings: Settings, lake: Lake) -> None:
    (report,) = land_source(settings, lake, "bluesky", [DAY], "run")
    assert report.source == "bluesky"
    assert report.files == 5
