"""Checks of scored days: sums, who is scored, and how far scores may move; what cannot be judged passes."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import date
from typing import Any

import fsspec
import pytest

from orchestration.ledger import publish_days, verify
from orchestration.quality import CheckResult, check_conform, check_scores
from orchestration.quality.bounds import BOUNDS

World = Any
Rows = list[dict[str, Any]]
DAYS = 24
MOVES = {"people", "scored_share", "psi", "change_p50", "change_p99"}


def failures(results: list[CheckResult]) -> set[tuple[date, str, str]]:
    return {(r.day, r.table, r.check_name) for r in results if not r.passed}


def of_person(person: str, **new: object) -> Callable[[Rows], Rows]:
    return lambda rows: [{**row, **new} if row["person_id"] == person else row for row in rows]


@pytest.fixture
def clean(world: World) -> World:
    for number in range(DAYS):
        world.scored(number)
    return world


def test_clean_days_pass_whether_yesterday_waits_or_is_published(clean: World) -> None:
    days = clean.days(DAYS)
    together = check_scores(clean.lake, days, "run")
    assert not failures(together)
    assert {r.table for r in together} == {"daily_score", "score_part", "score_change"}
    judged = {r.check_name: r for r in together if r.day == days[-1] and r.check_name in MOVES}
    assert {r.detail for r in judged.values()} == {"150 people compared", "135 people compared"}
    assert judged["people"].observed == 150
    assert judged["scored_share"].observed == pytest.approx(0.9)
    assert 0 < (judged["change_p50"].observed or 0) < (judged["change_p99"].observed or 0) < 0.5
    assert (judged["psi"].observed or 0) < 0.02
    early = {r.detail for r in together if r.day == days[10] and r.check_name in MOVES}
    assert early == {"not judged: 10 scored days before"}

    # Published in between, and the day before the second part restated: its newest revision counts.
    publish_days(clean.lake, days[:20], "run", days)
    clean.scored(19)
    publish_days(clean.lake, days[19:20], "run", days, reason="again")
    later = check_scores(clean.lake, days[20:], "again")
    assert sorted(map(str, later)) == sorted(str(r) for r in together if r.day >= days[20])


def test_each_planted_fault_is_found_on_its_day(clean: World) -> None:
    world, day = clean, clean.day
    expected: set[tuple[date, str, str]] = set()

    def plant(number: int, table: str, *checks: str) -> None:
        expected.update((day(number), table, check) for check in checks)

    def broken(table: str, number: int, how: Callable[[Rows], Rows]) -> None:
        world.change(table, number, how, pending=True)

    broken("score_part", 0, lambda rows: [{**rows[0], "points": rows[0]["points"] + 0.02}, *rows[1:]])
    plant(0, "score_part", "parts_add_up")
    broken("score_part", 1, lambda rows: [{**rows[0], "points": rows[0]["points"] + 0.009}, *rows[1:]])
    broken("score_part", 2, lambda rows: [row for row in rows if row["person_id"] != "p3"])
    plant(2, "score_part", "parts_add_up")
    stray = {"person_id": "p9", "part": "base", "network": None, "points": 1.0}  # p9 is unscored
    broken("score_part", 3, lambda rows: [*rows, stray])
    plant(3, "score_part", "parts_add_up")
    broken("score_part", 4, lambda rows: [*rows, {**stray, "person_id": "nobody"}, {**stray, "part": "luck"}])
    plant(4, "score_part", "parts_add_up", "in_set.part")
    broken("score_part", 5, lambda rows: [*rows, *({**r, "points": 0.0} for r in rows[:2])])
    plant(5, "score_part", "unique")
    broken("score_change", 6, lambda rows: [row for row in rows if row["cause"] != "fading"])
    plant(6, "score_change", "changes_add_up")
    broken("daily_score", 7, of_person("p0", score_high=float("nan"), score_low=0.5))
    plant(7, "daily_score", "range.score_high")  # NaN is above every number, so the interval holds
    broken("daily_score", 8, of_person("p0", score_low=90.0, score_high=95.0))
    plant(8, "daily_score", "interval")
    broken("daily_score", 9, of_person("p9", unscored_reason=None))
    broken("daily_score", 9, of_person("p8", unscored_reason="opted_out"))
    plant(9, "daily_score", "reason_given")
    high = {**world.scores(10), "p0": 101.0}
    world.scored(10, high)
    world.scored(11, before=high)
    plant(10, "daily_score", "range.score")
    for table in ("daily_score", "score_part", "score_change"):
        world.lake.pending.drop_day(table, day(12))
    plant(12, "daily_score", "written")

    # Everybody five points up in a day, though the sums are right, and for good.
    def lifted(number: int, by: float = 5.0) -> dict[str, float | None]:
        return {p: None if s is None else round(s + by, 4) for p, s in world.scores(number).items()}

    for number in range(17, DAYS):
        world.scored(number, lifted(number), before=None if number == 17 else lifted(number - 1))
    plant(17, "daily_score", "change_p50", "psi")
    # Two people in a hundred by 15 points.
    jumped = {p: s + 15 if p in {"p1", "p2", "p3"} else s for p, s in lifted(19).items()}  # type: ignore[operator]
    world.scored(19, jumped, before=lifted(18))
    world.scored(20, jumped, before=jumped)
    world.scored(21, before=jumped, scores=lifted(21))
    plant(19, "daily_score", "change_p99")
    plant(21, "daily_score", "change_p99")
    # A fifth of the people lose their score, and after them half of all go missing.
    silent = {p: None if n % 5 == 0 else s for n, (p, s) in enumerate(lifted(22).items())}
    world.scored(22, silent, before=lifted(21))
    plant(22, "daily_score", "scored_share")
    world.scored(23, dict(list(silent.items())[:75]), before=silent)
    plant(23, "daily_score", "people")

    results = check_scores(world.lake, world.days(DAYS), "run")
    assert failures(results) == expected
    found = {(r.day, r.check_name): r for r in results}
    assert found[day(0), "parts_add_up"].detail == "1 people; largest difference 0.02"
    assert found[day(17), "change_p50"].observed == pytest.approx(5, abs=0.3)


def test_an_object_store_is_checked_and_published_like_a_folder(make_world: Callable[[str], World]) -> None:
    root = f"memory://{secrets.token_hex(4)}/home"
    try:
        world = make_world(root)
        for number in range(2):
            world.scored(number)
            world.conformed(number)
        world.change("score_part", 1, lambda rows: rows[1:], pending=True)
        days = world.days(2)
        assert not failures(check_conform(world.lake, days, "run"))
        assert failures(check_scores(world.lake, days, "run")) == {(days[1], "score_part", "parts_add_up")}
        assert publish_days(world.lake, days, "run", days[:1]).published[0].rows == 150
        assert verify(world.lake).ok
    finally:
        fsspec.filesystem("memory").rm(root, recursive=True)


def test_a_distribution_that_moves_as_one_fails_the_psi(clean: World) -> None:
    last = DAYS - 1
    moved = {p: None if s is None else round(101 - s, 4) for p, s in clean.scores(last).items()}
    clean.scored(last, moved)
    found = failures(check_scores(clean.lake, clean.days(DAYS), "run"))
    assert found == {(clean.day(last), "daily_score", name) for name in ("psi", "change_p50", "change_p99")}


def test_a_young_community_that_rises_into_new_heights_passes(clean: World) -> None:
    """Nobody was ever so high, and sixty come close together: as in the third week of a large new home."""
    last = DAYS - 1
    scored = [person for person, score in clean.scores(last).items() if score is not None]
    heights = [5 + 13 * n / 75 for n in range(75)] + [18 + 2.75 * n / 60 for n in range(len(scored) - 75)]
    low = dict(zip(scored, (round(height, 4) for height in heights), strict=True))
    high = {person: round(score + 0.8, 4) for person, score in low.items()}
    for number, now, before in ((last - 1, low, low), (last, high, low)):
        everybody = dict.fromkeys(clean.scores(number)) | now
        clean.scored(number, everybody, before=dict.fromkeys(everybody) | before)
    results = check_scores(clean.lake, clean.days(DAYS), "run")
    judged = {(r.day, r.check_name): r for r in results}
    assert 0 < (judged[clean.day(last), "psi"].observed or 0) < BOUNDS.psi
    assert judged[clean.day(last), "psi"].detail == f"{len(scored)} people compared"


def test_what_moves_by_rule_is_not_judged(world: World) -> None:
    """A ceiling that lifts everybody, a new model, and a community of fifty."""
    for number in range(18):
        world.scored(number)
    up = {p: None if s is None else round(s + 20, 4) for p, s in world.scores(18).items()}
    held = [person for person, score in up.items() if score is not None]
    world.scored(18, up, held=held)
    world.scored(19, world.scores(19), model="v2")
    few = dict(list(world.scores(19).items())[:50])
    world.scored(20, {p: None if s is None else s + 20 for p, s in few.items()}, model="v2")
    results = check_scores(world.lake, world.days(21), "run")
    # Of the hundred people who left on the last day, nothing is excused.
    assert failures(results) == {(world.day(20), "daily_score", "people")}
    details = {(r.day, r.check_name): r.detail for r in results}
    assert details[world.day(18), "psi"] == "not judged: nobody to compare with"
    assert details[world.day(19), "change_p99"] == "not judged: nobody to compare with"
    assert details[world.day(20), "psi"] == "not judged: 45 people to compare with"
