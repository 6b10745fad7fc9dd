"""A population against itself a month before: who is settled, what is held back, what acceptance changes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from orchestration.quality import BOUNDS, CheckResult, check_scores
from orchestration.quality.acceptance import accept_day
from orchestration.quality.measure import connection
from orchestration.quality.panel import Reading
from orchestration.quality.score_checks import score_panels
from orchestration.quality.stability import NAME, references, warnings
from orchestration.validation.agreement import psi

World = Any
Scores = dict[str, float | None]
PEOPLE = 300
DAY = 90
"""The first day that is judged; 60 is the day that it is compared with, and 30 the one that makes settled."""


def month(world: World, of_day: Scores | None = None, day: int = DAY, model: str = "v1") -> None:
    """The days that `day` needs: a calm history, and from the day before on `of_day`."""
    for number in (day - 60, day - 30):
        world.scored(number, world.scores(number, PEOPLE), before={})
    of_day = world.scores(day, PEOPLE) if of_day is None else of_day
    for number in (day - 1, day):
        world.scored(number, of_day, before=of_day, model=model)


def reading(world: World, day: int = DAY) -> Reading:
    """The day's reading, before anybody judges it."""
    with connection(world.lake) as con:
        panels = score_panels(con, world.lake, [world.day(day)], {}, BOUNDS)
    [scores] = [panel for panel in panels if panel.table == "daily_score"]
    assert scores.checks[NAME].maximum == 0.25
    return scores.readings[NAME, world.day(day)]


def verdict(world: World, day: int = DAY) -> tuple[CheckResult, set[str]]:
    """The result of the day's check, and the names of all checks that failed."""
    results = check_scores(world.lake, [world.day(day)], "run")
    [found] = [result for result in results if result.check_name == NAME]
    return found, {result.check_name for result in results if not result.passed}


def shifted(scores: Scores, by: float) -> Scores:
    return {person: None if score is None else round(score + by, 4) for person, score in scores.items()}


def test_a_calm_month_is_judged_and_calm(world: World) -> None:
    month(world)
    found = reading(world)
    assert 0 < (found.judged or 0) < 0.1
    assert found.detail == f"270 settled people in 10 bins against {world.day(60)}; 0 newcomers apart"


def test_the_index_is_that_of_the_arrays_where_deciles_coincide(world: World) -> None:
    month(world)
    tied = {p: s if s is None or s > 20 else 1.0 for p, s in world.scores(60, PEOPLE).items()}
    world.scored(60, tied, before={})
    now = world.scores(DAY, PEOPLE)
    settled = [person for person, score in now.items() if score is not None]
    reference = psi(np.array([tied[p] for p in settled]), np.array([now[p] for p in settled]))
    assert reference is not None
    assert reference.bins < 10
    found = reading(world)
    assert found.judged == pytest.approx(reference.value)
    assert f"{len(settled)} settled people in {reference.bins} bins" in (found.detail or "")


def test_a_population_that_moved_is_held_back_until_it_is_accepted(world: World) -> None:
    moved = shifted(world.scores(DAY, PEOPLE), 12)
    month(world, moved)
    found, failed = verdict(world)
    assert failed == {NAME}
    assert (found.observed or 0) > 0.25
    accept_day(world.lake, world.day(DAY), "another network came in")
    found, failed = verdict(world)
    assert failed == set()
    assert (found.detail or "").startswith("accepted: another network came in")
    # The days after it are compared with the accepted day, and not held back for the same shift again.
    world.scored(DAY + 1, moved, before=moved)
    later = reading(world, DAY + 1)
    assert later.judged == 0
    assert f"against {world.day(DAY)}" in (later.detail or "")


def test_a_smaller_shift_warns_and_passes(world: World) -> None:
    month(world, shifted(world.scores(DAY, PEOPLE), 1.4))
    found = reading(world)
    assert 0.1 < (found.judged or 0) < 0.25
    assert (found.detail or "").startswith("warning: above 0.1; ")
    when = world.day(DAY)
    result = CheckResult("score", when, "daily_score", NAME, True, 0.1234, "", found.detail)
    quiet = CheckResult("score", when, "daily_score", "psi", True, 0.0, "", "300 people compared")
    assert warnings([quiet, result]) == [f"{when} {NAME} 0.123 ({found.detail})"]


def test_a_young_history_is_not_judged(world: World) -> None:
    month(world, shifted(world.scores(DAY, PEOPLE), 12), day=DAY - 1)
    found = reading(world, DAY - 1)
    assert (found.observed or 0) > 0.25
    assert found.judged is None
    assert found.detail == "not judged: 89 days after the first day, 90 are needed"


def test_newcomers_and_another_model_are_not_compared(world: World) -> None:
    calm = world.scores(DAY, PEOPLE)
    newcomers: Scores = {f"new{n}": 90.0 for n in range(PEOPLE)}
    month(world, {**calm, **newcomers})
    found = reading(world)
    assert (found.judged or 1) < 0.1
    assert f"{PEOPLE} newcomers apart" in (found.detail or "")

    month(world, shifted(calm, 12), model="v2")
    assert reading(world) == Reading(None, None, "not judged: 0 settled people")


def test_a_small_community_is_not_judged(world: World) -> None:
    month(world, dict(list(shifted(world.scores(DAY, PEOPLE), 12).items())[:200]))
    found = reading(world)
    assert (found.judged, found.detail) == (None, "not judged: 180 settled people")


def test_a_day_is_compared_with_the_last_accepted_day_of_the_month_before_it(world: World) -> None:
    day = world.day(DAY)

    def accepted(*ago: int) -> object:
        return references([day], [day - timedelta(days=number) for number in ago])[day]

    assert accepted() == accepted(31) == accepted(0) == world.day(60)
    assert accepted(29, 7, 35) == world.day(DAY - 7)
