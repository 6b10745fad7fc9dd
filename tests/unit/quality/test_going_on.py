"""A day that fails its checks: what of the run goes on all the same."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from orchestration.defs.quality.gate import run_goes_on
from orchestration.publishing import published_path
from orchestration.runs import mark_warehouse
from orchestration.settings import Settings
from spark_jobs.lake import Lake
from tests.fixtures.lake_days import put

PUBLISHED = date(2026, 1, 3)
FAILED = PUBLISHED + timedelta(days=1)
OPT_OUT = {
    "network": "forum", "account_id": "ada", "request": "opt_out", "source": "inbox",
    "requested_at": datetime(2026, 1, 4, 10, tzinfo=UTC),
}  # fmt: skip


class Home:
    """Days that were published and are in the marts, and one after them that fails."""

    def __init__(self, folder: Path) -> None:
        self.settings, self.lake = Settings(home=str(folder)), Lake(str(folder))

    def publish(self, marts_through: date = PUBLISHED) -> None:
        put(self.lake, "ledger_digest", PUBLISHED, [])
        copy = published_path(self.settings)
        copy.parent.mkdir(parents=True)
        copy.touch()
        mark_warehouse(self.settings, marts_through)

    def ask(self, day: date) -> None:
        put(self.lake, "privacy_requests", day, [OPT_OUT])

    def goes_on(self, *, some_passed: bool = False, restating: bool = False) -> bool:
        days = [FAILED, FAILED + timedelta(days=1)]
        return run_goes_on(self.settings, self.lake, days, some_passed=some_passed, restating=restating)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.mark.parametrize(
    ("asked_on", "goes_on"), [(FAILED, True), (FAILED + timedelta(days=1), True), (PUBLISHED, False)]
)
def test_marts_are_made_the_same_night_for_whoever_asks_on_a_day_that_fails(
    home: Home, asked_on: date, goes_on: bool
) -> None:
    home.publish()
    assert not home.goes_on(), "nothing waits for the stages after the check"
    home.ask(asked_on)
    assert home.goes_on() == goes_on


def test_a_day_without_requests_that_was_read_is_no_request(home: Home) -> None:
    home.publish()
    put(home.lake, "privacy_requests", FAILED, [])
    assert not home.goes_on()


def test_without_marts_there_is_nobody_in_them(home: Home) -> None:
    home.ask(FAILED)
    assert not home.goes_on()


def test_published_days_that_no_mart_has_seen_do_not_wait(home: Home) -> None:
    home.publish(marts_through=PUBLISHED - timedelta(days=1))
    assert home.goes_on()


@pytest.mark.parametrize("asked", [True, False])
def test_good_days_before_the_failed_one_go_on_and_a_restatement_stops(home: Home, asked: bool) -> None:
    home.publish()
    if asked:
        home.ask(FAILED)
    assert home.goes_on(some_passed=True)
    assert home.goes_on(some_passed=True, restating=True)
    assert not home.goes_on(restating=True)
