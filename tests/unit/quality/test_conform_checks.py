"""Checks after conform: clean days pass, and each planted fault is found on its day, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from orchestration.quality import CheckResult, check_conform, first_failed_day

World = Any


def failures(results: list[CheckResult]) -> set[tuple[date, str, str]]:
    return {(r.day, r.table, r.check_name) for r in results if not r.passed}


def first_rows(count: int, **new: object) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    return lambda rows: [{**row, **new} for row in rows[:count]] + rows[count:]


@pytest.fixture
def clean(world: World) -> World:
    """Sixteen conformed days."""
    for number in range(16):
        world.conformed(number, big=1100 + 20 * number)
    return world


def test_clean_days_pass_together_and_one_after_the_other(clean: World) -> None:
    days = clean.days(16)
    together = check_conform(clean.lake, days, "run")
    assert not failures(together)
    assert {r.day for r in together} == set(days)
    assert {r.table for r in together} == {"activities", "accounts", "conform_count"}
    # What is judged must not depend on how a range is cut: the second half finds its past in check_result.
    later = check_conform(clean.lake, days[9:], "again")
    assert sorted(map(str, later)) == sorted(str(r) for r in together if r.day >= days[9])
    assert [r for r in later if r.check_name == "volume.big" and r.detail and "not judged" in r.detail] == []


def test_each_planted_fault_is_found_on_its_day(clean: World) -> None:
    world, day = clean, clean.day
    expected: set[tuple[date, str, str]] = set()

    def plant(number: int, table: str, *checks: str) -> None:
        expected.update((day(number), table, check) for check in checks)

    # Contract rules need no history.
    world.change("activities", 0, first_rows(3, kind="poke"))
    plant(0, "activities", "in_set.kind")
    world.change("activities", 1, first_rows(2, actor_account_id=None))
    plant(1, "activities", "not_null.actor_account_id")
    world.change("accounts", 2, first_rows(1, followers=-1))
    plant(2, "accounts", "range.followers")
    world.change("activities", 3, first_rows(2, activity_id="same"))
    plant(3, "activities", "unique")
    rows = world.lake.read_arrow("accounts", day(4)).to_pylist()
    world.put("accounts", 4, rows, without="handle")
    plant(4, "accounts", "columns", "not_null.handle")
    table = world.lake.read_arrow("accounts", day(5))
    text = table.set_column(table.schema.get_field_index("posts"), "posts", pa.array(["many"] * 120))
    world.lake.write_arrow("accounts", day(5), text, "test")
    plant(5, "accounts", "columns")
    world.put("privacy_requests", 6, [{"account_id": "a1", "request": "erase", "source": "inbox"}])
    plant(6, "privacy_requests", "required_group", "not_null.requested_at")
    plant(6, "conform_count", "accepted_kept")

    # The equation, and whether the tables hold what it says.
    world.counts(7, activities=1390, accounts=120, lost=5)
    plant(7, "conform_count", "balanced")
    world.counts(8, activities=1410, accounts=119, quarantined=4)
    world.refused(8, 3)
    plant(8, "conform_count", "accepted_kept", "quarantined_kept")
    world.counts(9, activities=1430, accounts=120, quarantined=1000)
    world.refused(9, 1000)
    plant(9, "conform_count", "quarantined.inbox")
    world.lake.drop_day("conform_count", day(10))
    plant(10, "conform_count", "written", "accepted_kept")

    # Against the days before.
    world.conformed(11, big=100, small=5)
    plant(11, "activities", "volume.big")
    world.conformed(12, big=14_000, small=1400)
    plant(12, "activities", "volume.big")
    world.conformed(13, big=0, small=150)  # silent: not a failure
    world.change("accounts", 14, first_rows(80, region=None))
    plant(14, "accounts", "filled.region")
    world.counts(15, activities=1550, accounts=120, quarantined=400)
    world.refused(15, 400)  # a fifth: wide enough

    results = check_conform(world.lake, world.days(16), "run")
    assert failures(results) == expected
    found = {(r.day, r.table, r.check_name): r for r in results}
    assert found[day(0), "activities", "in_set.kind"].observed == 3
    assert "poke" not in str(found[day(0), "activities", "in_set.kind"])
    assert found[day(4), "accounts", "columns"].detail == "handle"
    assert found[day(11), "activities", "volume.big"].observed == 100
    assert found[day(13), "activities", "volume.big"].detail == "not judged: nothing was delivered"
    assert found[day(8), "conform_count", "accepted_kept"].detail == "accounts from inbox: +1"
    assert found[day(15), "conform_count", "quarantined.inbox"].observed == pytest.approx(400 / 1950)
    assert first_failed_day(world.lake, world.days(16), ["conform"]) == (
        day(0),
        [
            "activities: in_set.kind: found 3, expected kind is one of post, reply, mention, quote, repost, "
            "like, follow, unfollow."
        ],
    )


def test_days_without_any_row_are_checked_too(world: World) -> None:
    world.put("conform_count", 0, [])
    world.put("activities", 0, [])
    results = check_conform(world.lake, world.days(2), "run")
    assert {r.table for r in results} == {"conform_count"}
    assert failures(results) == {(world.day(1), "conform_count", "written")}


def test_no_days_no_checks(world: World) -> None:
    assert check_conform(world.lake, [], "run") == []
