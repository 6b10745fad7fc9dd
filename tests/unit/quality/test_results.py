"""Verdicts in the lake, and what Data Docs show of them."""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest

from orchestration.quality import CheckResult, first_failed_day
from orchestration.quality.expectations import frame, judge
from orchestration.quality.panel import Check, Panel, Reading
from orchestration.quality.results import STAGES, Stage, history, read, record
from spark_jobs.lake import Lake

World = Any


def result(when: date, stage: Stage, passed: bool = True, observed: float | None = 1.0) -> CheckResult:
    return CheckResult(stage, when, "activities", "volume.a", passed, observed, "300 to 3,000 rows", "why")


def panel(table: str, *readings: float | None, name: str = "share", first: date = date(2026, 1, 1)) -> Panel:
    """One check, at most a half, with a reading a day."""
    made = Panel(table)
    for number, value in enumerate(readings):
        made.add(
            Check(name, f"The {name} of {table} is at most a half.", maximum=0.5),
            date.fromordinal(first.toordinal() + number),
            Reading(value, value),
        )
    return made


def shown(page: str) -> str:
    """The text that a browser would show of a page."""
    page = re.sub(r"<(script|style).*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


@pytest.fixture(params=["folder", "memory"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "folder":
        yield str(tmp_path / "a [home]")
        return
    root = f"memory://{secrets.token_hex(4)}/home"
    yield root
    fsspec.filesystem("memory").rm(root, recursive=True)


def test_stages_share_a_day_and_replace_only_their_own(world: World) -> None:
    lake, days = world.lake, world.days(2)
    record(lake, "conform", days, [result(day, "conform") for day in days], "run")
    record(lake, "score", days[:1], [result(days[0], "score", passed=False)], "run")
    record(lake, "conform", days[:1], [result(days[0], "conform", observed=None)], "again")
    assert read(lake, days[0]) == [
        result(days[0], "score", passed=False),
        result(days[0], "conform", observed=None),
    ]
    assert read(lake, days[1]) == [result(days[1], "conform")]
    assert read(lake, world.day(9)) == []


def test_the_first_failed_day_is_the_first_that_failed_or_was_not_checked(world: World) -> None:
    lake, days = world.lake, world.days(4)
    assert first_failed_day(lake, []) is None
    for stage in STAGES:
        record(lake, stage, days[:3], [result(day, stage) for day in days[:3]], "run")
    assert first_failed_day(lake, days[:3]) is None
    assert first_failed_day(lake, reversed(days)) == (  # type: ignore[arg-type]
        days[3],
        ["the checks after conform did not run", "the checks after score did not run"],
    )
    record(lake, "score", [days[1]], [result(days[1], "score", passed=False)], "run")
    assert first_failed_day(lake, days) == (
        days[1],
        ["activities: volume.a: found 1, expected 300 to 3,000 rows (why)"],
    )
    assert first_failed_day(lake, days[:3], ["conform"]) is None


def test_history_is_what_one_stage_observed_before(world: World) -> None:
    lake, days = world.lake, world.days(5)
    for number, day in enumerate(days):
        record(lake, "conform", [day], [result(day, "conform", observed=float(number))], "run")
    record(lake, "score", days, [result(day, "score", observed=9.0) for day in days], "run")
    record(lake, "conform", days[1:2], [result(days[1], "conform", observed=None)], "run")
    assert history(lake, "conform", days[4], 3) == {("activities", "volume.a"): {days[2]: 2.0, days[3]: 3.0}}


def test_a_frame_has_a_row_a_day_and_a_column_a_check() -> None:
    days = [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)]
    expected = pd.DataFrame({"day": ["2026-01-01", "2026-01-02", "2026-01-03"], "share": [0.1, None, None]})
    pd.testing.assert_frame_equal(frame(panel("t", 0.1, None), days), expected)


def test_data_docs_show_the_latest_run_of_each_stage(home: str) -> None:
    lake = Lake(home)
    days = [date(2026, 1, 1), date(2026, 1, 2)]
    judge(lake, "conform", [panel("accounts", 0.7, 0.1), panel("stale", 0.1, 0.1)], days, "run-one")
    judge(lake, "score", [panel("daily_score", 0.2, None)], days, "run-one")
    results = judge(lake, "conform", [panel("accounts", 0.2, 0.75)], days, "run-two")
    assert [(r.day, r.passed, r.observed) for r in results] == [(days[0], True, 0.2), (days[1], False, 0.75)]
    assert results[0].expected == "The share of accounts is at most a half."

    fs, root = fsspec.core.url_to_fs(home)
    pages = {
        path: shown(fs.cat_file(path).decode())
        for path in fs.find(f"{root}/quality/data_docs")
        if path.endswith(".html")
    }
    validations = {path: text for path, text in pages.items() if "/validations/" in path}
    assert len(validations) == 2, sorted(pages)
    conform = next(text for path, text in validations.items() if "/conform/accounts/" in path)
    assert "The share of accounts is at most a half." in conform
    assert "Status: Failed" in conform
    assert "run-two" in conform
    assert "0.75 1 2026-01-02" in conform
    score = next(text for path, text in validations.items() if "/score/daily_score/" in path)
    assert "Status: Succeeded" in score
    assert "run-one" in score
    assert not [path for path in pages if "stale" in path]
    assert f"{root}/quality/data_docs/index.html" in pages
    assert fs.exists(f"{root}/quality/gx/great_expectations.yml")


def test_a_project_that_a_killed_run_left_half_written_is_written_anew(world: World) -> None:
    folder = Path(world.lake.root, "quality", "gx")
    folder.mkdir(parents=True)
    (folder / "great_expectations.yml").write_text("config_version: [")
    results = judge(world.lake, "score", [panel("daily_score", 0.9)], world.days(1), "run")
    assert [r.passed for r in results] == [False]


def test_nothing_is_sent_anywhere(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    judge(world.lake, "score", [panel("daily_score", 0.1)], world.days(1), "run")
    configuration = Path(world.lake.root, "quality/gx/great_expectations.yml").read_text()
    assert "analytics_enabled: false" in configuration
