"""Two scratch lakes compared, and how it is told."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from orchestration.commands.compare import page, reasons
from orchestration.validation.comparison import Comparison, Mover, compare
from spark_jobs.lake import Lake, LakeError
from spark_jobs.scratch import CONFORMED, ScratchLake
from tests.fixtures.lake_days import at, put

DAYS = [date(2026, 1, 1), date(2026, 1, 2)]
PEOPLE = [f"acct:forum:p{n}" for n in range(30)]


def write(lake: Lake, of_day: dict[date, dict[str, float | None]]) -> None:
    """Scores of which 1 is the base and all else likes; a person's reposts are what p0 gains."""
    for day, scores in of_day.items():
        rows = [{"person_id": p, "score": s, "model_version": "v1"} for p, s in scores.items()]
        put(lake.pending, "daily_score", day, rows)
        known = {person: score for person, score in scores.items() if score is not None}
        parts = [{"person_id": p, "part": "base", "points": 1.0} for p in known]
        likes = [
            {"person_id": p, "part": "like", "network": "forum", "points": min(s, 31.0) - 1}
            for p, s in known.items()
        ]
        reposts = [
            {"person_id": p, "part": "repost", "network": "forum", "points": s - 31.0}
            for p, s in known.items()
            if s > 31
        ]
        put(lake.pending, "score_part", day, parts + likes + reposts)


@pytest.fixture
def found(tmp_path: Path) -> Comparison:
    first, second = Lake(str(tmp_path / "a")), Lake(str(tmp_path / "b"))
    calm: dict[str, float | None] = {person: 2.0 + n for n, person in enumerate(PEOPLE)}
    write(first, {day: {**calm, "only": 5.0} for day in DAYS})
    other = {**calm, PEOPLE[0]: 34.0, PEOPLE[1]: 2.0, PEOPLE[2]: None}
    write(second, {DAYS[0]: calm, DAYS[1]: other})
    return compare(first, second, DAYS, ("v1", "v2"), {PEOPLE[0]: "Zero @zero"})


def test_a_day_on_which_both_say_the_same(found: Comparison) -> None:
    same = found.days[0]
    assert (same.people, same.only_first, same.only_second) == (30, 1, 0)
    assert same.psi is not None
    assert (same.psi.value, same.kendall_tau_b, same.largest_difference) == (0, 1, 0)


def test_a_day_on_which_they_differ(found: Comparison) -> None:
    day = found.days[1]
    assert (day.people, day.only_first, day.only_second) == (29, 2, 0)
    assert (day.largest_difference, day.median_first) == (32.0, 17.0)
    assert day.psi is not None
    assert day.psi.value > 0
    assert 0 < (day.kendall_tau_b or 0) < 1
    assert 0 < (day.rbo_top_100 or 0) < 1
    assert sum(people for *_, people in found.differences) == 59
    assert [entry for entry in found.differences if entry[2]] == [
        (-1.0, -0.5, 1),
        (-0.5, 0.5, 57),
        (20.0, None, 1),
    ]


def test_who_moves_most_and_the_parts_that_add_up_to_it(found: Comparison) -> None:
    assert [(mover.person_id, mover.difference) for mover in found.movers] == [
        (PEOPLE[0], 32),
        (PEOPLE[1], -1),
    ]
    for mover in found.movers:
        assert sum(points for *_, points in mover.reasons) == pytest.approx(mover.difference)
    assert reasons(found.movers[0]) == "+29.0 like on forum, +3.0 repost on forum"


def test_reasons_name_the_largest_and_what_is_left() -> None:
    parts = (("ceiling", None, -4.0), ("like", "a", 2.0), ("reply", "b", 1.5), ("quote", "b", 1.0))
    told = "-4.0 ceiling of a young account, +2.0 like on a, +1.5 reply on b, +1.0 the rest"
    assert reasons(Mover("p", 1.0, 1.5, parts)) == told
    assert reasons(Mover("p", 1.0, 1.0, (("like", "a", 0.01),))) == "many small parts"


def test_only_who_may_be_named_is_named(found: Comparison) -> None:
    console = Console(width=160, file=io.StringIO())
    with console.capture() as printed:
        console.print(page(found))
    text = printed.get()
    assert "Zero @zero" in text
    assert "somebody (2)" in text
    assert PEOPLE[1] not in text + json.dumps(found.as_json())
    movers = [(mover["person_id"], mover["person"]) for mover in found.as_json()["movers"]]
    assert movers == [(PEOPLE[0], "Zero @zero"), (None, None)]


def test_a_scratch_lake_reads_the_conformed_tables_and_writes_none(tmp_path: Path) -> None:
    home = Lake(str(tmp_path / "home"))
    put(
        home,
        "accounts",
        DAYS[0],
        [{"network": "n", "account_id": "a", "handle": "h", "observed_at": at(DAYS[0])}],
    )
    put(home, "account_state", DAYS[0], [])
    scratch = ScratchLake(home, str(tmp_path / "home" / "scratch" / "x"))
    assert scratch.files("accounts", DAYS) == home.files("accounts", DAYS) != []
    assert scratch.days("account_state") == []
    for refused in ("accounts", "activities", "conform_count"):
        assert refused in CONFORMED
        with pytest.raises(LakeError, match="is only read here"):
            put(scratch, refused, DAYS[1], [])
        with pytest.raises(LakeError, match="is only read here"):
            scratch.drop_day(refused, DAYS[0])
    put(scratch, "account_state", DAYS[1], [])
    put(scratch.pending, "daily_score", DAYS[1], [])
    assert home.days("account_state") == [DAYS[0]]
    assert home.pending.days("daily_score") == []
    scratch.remove()
    assert not (tmp_path / "home" / "scratch" / "x").exists()
    assert home.exists("accounts", DAYS[0])
