"""Tampering of every kind is named with its day; erasing a person is not tampering."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from orchestration.ledger import publish_days, verify
from spark_jobs.arrow_schemas import arrow_schema
from spark_jobs.lake import Lake

Scorer = Callable[..., None]
Rows = list[dict[str, Any]]
ADA = "acct:sample:ada"


def rewrite(lake: Lake, table: str, day: date, change: Callable[[Rows], Rows]) -> None:
    """Replace a day's rows as somebody with access to the files could, or an erasure does."""
    found = lake.read_arrow(table, day)
    assert found is not None
    rows = change(found.to_pylist())
    lake.write_arrow(table, day, pa.Table.from_pylist(rows, arrow_schema(table)), "tamper")


def where(person: str, **new: Any) -> Callable[[Rows], Rows]:
    return lambda rows: [{**r, **new} if r["person_id"] == person else r for r in rows]


def without(person: str) -> Callable[[Rows], Rows]:
    return lambda rows: [row for row in rows if row["person_id"] != person]


def first(**new: Any) -> Callable[[Rows], Rows]:
    return lambda rows: [{**rows[0], **new}, *rows[1:]]


@pytest.fixture(scope="module")
def published(
    tmp_path_factory: pytest.TempPathFactory,
    days: list[date],
    score: Scorer,
    people: dict[str, float | None],
) -> Lake:
    """Four published days, the last two of them restated."""
    lake = Lake(str(tmp_path_factory.mktemp("published")))
    lake.declare_first_day(days[0])
    for day in days:
        score(lake, day, people)
    publish_days(lake, days, "run", days)
    for day in days[2:]:
        score(lake, day, {**people, ADA: 60.0})
    publish_days(lake, days[2:], "fix", days, reason="late file")
    return lake


@pytest.fixture
def ledger(published: Lake, tmp_path: Path) -> Lake:
    """A copy of it to tamper with."""
    shutil.copytree(published.root, tmp_path / "home")
    return Lake(str(tmp_path / "home"))


def test_an_untouched_ledger_agrees(ledger: Lake) -> None:
    report = verify(ledger)
    assert report.ok
    assert (report.days, report.publications, report.rows, report.erased) == (4, 6, 24, 0)
    assert report.head is not None


def test_an_empty_lake_agrees(lake: Lake) -> None:
    assert verify(lake).ok
    assert verify(lake).head is None


@pytest.mark.parametrize(
    ("table", "change", "named"),
    [
        ("daily_score", where(ADA, score=41.250001), "changed or repeated row"),
        ("daily_score", where(ADA, unscored_reason="opted_out"), "changed or repeated row"),
        ("daily_score", where(ADA, reach=None), "changed or repeated row"),
        ("daily_score", where(ADA, reason="because"), "changed or repeated row"),
        ("daily_score", where(ADA, person_id="acct:sample:eve"), "key is missing"),
        ("daily_score", without(ADA), "published row missing"),
        ("daily_score", lambda rows: [*rows, rows[0]], "changed or repeated row"),
        ("daily_score", lambda rows: [*rows, {**rows[0], "revision": 7}], "no digest covers"),
        ("ledger_leaf", first(leaf="0" * 64), "does not match its leaves"),
        ("ledger_leaf", lambda rows: rows[1:], "leaves, its digest says"),
        ("ledger_leaf", lambda rows: [*rows, {**rows[0], "revision": 9}], "that no digest covers"),
        ("ledger_digest", first(digest="0" * 64), "does not match its leaves"),
        ("ledger_digest", first(rows=3), "its digest says 3"),
        ("ledger_digest", first(reason="another"), "does not match its leaves"),
        ("ledger_digest", first(model_version="v9"), "does not match its leaves"),
        ("ledger_digest", first(sequence=9), "stands where"),
        ("ledger_digest", first(previous_digest="0" * 64), "does not follow"),
        ("ledger_digest", lambda rows: rows[1:], "no digest covers"),
        ("person_key", where(ADA, key="00" * 32), "never published"),
        ("person_key", without(ADA), "key is missing"),
    ],
)
def test_a_change_is_found_and_named(
    ledger: Lake, days: list[date], table: str, change: Callable[[Rows], Rows], named: str
) -> None:
    day = days[0] if table == "person_key" else days[1]
    rewrite(ledger, table, day, change)
    report = verify(ledger)
    problems = {problem.day: problem.what for problem in report.problems if named in problem.what}
    assert day in problems, report.problems


def test_changed_rows_of_an_older_revision_are_found(ledger: Lake, days: list[date]) -> None:
    rewrite(ledger, "daily_score", days[3], lambda rows: [r for r in rows if r["revision"] == 2])
    assert any("missing from revision 1 (4)" in problem.what for problem in verify(ledger).problems)


def test_swapped_publications_are_found(ledger: Lake, days: list[date]) -> None:
    rewrite(ledger, "ledger_digest", days[0], first(sequence=2))
    rewrite(ledger, "ledger_digest", days[1], first(sequence=1))
    assert {problem.day for problem in verify(ledger).problems} >= {days[0], days[1]}


@pytest.mark.parametrize("number", [0, 1])
def test_a_dropped_day_is_found(ledger: Lake, days: list[date], number: int) -> None:
    for table in ("ledger_digest", "ledger_leaf", "daily_score"):
        ledger.drop_day(table, days[number])
    assert any(
        problem.day == days[number] and "ledger" in problem.what for problem in verify(ledger).problems
    )


def test_cutting_off_the_end_leaves_rows_without_a_digest_and_another_head(
    ledger: Lake, days: list[date]
) -> None:
    head = verify(ledger).head
    ledger.drop_day("ledger_digest", days[3])
    report = verify(ledger)
    assert report.head != head
    assert any(problem.day == days[3] and "no digest covers" in problem.what for problem in report.problems)


def test_a_missing_file_is_a_problem_and_not_an_error(ledger: Lake, days: list[date]) -> None:
    Path(ledger.files("daily_score", [days[1]])[0]).unlink()
    report = verify(ledger)
    assert [problem.day for problem in report.problems] == [days[1]]
    assert "cannot be read" in report.problems[0].what
    Path(ledger.files("ledger_digest", [days[1]])[0]).write_bytes(b"PAR1")
    assert "the ledger cannot be read" in verify(ledger).problems[0].what


def test_an_erased_person_leaves_a_ledger_that_agrees(ledger: Lake, days: list[date]) -> None:
    for day in days:
        rewrite(ledger, "daily_score", day, without(ADA))
    rewrite(ledger, "person_key", days[0], without(ADA))
    report = verify(ledger)
    assert report.ok, report.problems
    assert report.erased == 6
    assert report.rows == 18


def test_erasing_excuses_nobody_else(ledger: Lake, days: list[date]) -> None:
    rewrite(ledger, "daily_score", days[0], without(ADA))
    rewrite(ledger, "daily_score", days[0], without("acct:sample:bo"))
    rewrite(ledger, "person_key", days[0], without(ADA))
    found = {p.what for p in verify(ledger).problems if p.day == days[0]}
    assert found == {"published row missing from revision 1 (1): acct:sample:bo"}


def test_publishing_goes_on_after_an_erasure(
    ledger: Lake, days: list[date], score: Scorer, people: dict[str, float | None]
) -> None:
    for day in days:
        rewrite(ledger, "daily_score", day, without(ADA))
    rewrite(ledger, "person_key", days[0], without(ADA))
    for day in days[2:]:  # files rewritten by an erasure carry no revision in their manifest entry
        score(ledger, day, {name: 9.0 for name in people if name != ADA})
    report = publish_days(ledger, days[2:], "run", days, reason="again")
    assert [done.revision for done in report.published] == [3, 3]
    assert verify(ledger).ok


def test_a_person_who_comes_back_has_a_new_key(
    ledger: Lake, days: list[date], score: Scorer, people: dict[str, float | None]
) -> None:
    for day in days:
        rewrite(ledger, "daily_score", day, without(ADA))
    rewrite(ledger, "person_key", days[0], without(ADA))
    for day in days[3:]:
        score(ledger, day, people)
    publish_days(ledger, days[3:], "run", days, reason="back")
    report = verify(ledger)
    assert report.ok, report.problems
    assert report.erased == 6


def test_a_killed_publication_is_named_until_it_is_repaired(
    ledger: Lake, days: list[date], score: Scorer, people: dict[str, float | None]
) -> None:
    found = ledger.read_arrow("daily_score", days[3])
    assert found is not None
    rewrite(ledger, "daily_score", days[3], lambda rows: [*rows, *({**r, "revision": 3} for r in rows[:2])])
    assert "row of revision 3 that no digest covers (2)" in verify(ledger).problems[0].what
