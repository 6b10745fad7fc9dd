"""Publishing days: order, gate, revisions, what the lake holds after, and a crash after any write."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from orchestration.ledger import LedgerError, PublishedDay, publish_days, verify
from orchestration.ledger.book import Book
from orchestration.ledger.publish import SCORE_TABLES
from spark_jobs.arrow_schemas import arrow_schema
from spark_jobs.lake import Lake, LakeFile, Manifest

Scorer = Callable[..., None]
People = Mapping[str, float | None]
TABLES = (*SCORE_TABLES, "person_key", "ledger_leaf", "ledger_digest")


def rows_of(lake: Lake, table: str, day: date, *, without: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """A day's rows in a fixed order."""
    found = lake.read_arrow(table, day)
    rows = [] if found is None else found.to_pylist()
    return sorted(({k: v for k, v in row.items() if k not in without} for row in rows), key=repr)


def contents(lake: Lake, days: list[date]) -> dict[tuple[str, date], list[dict[str, Any]]]:
    """Everything published but the clock."""
    return {(t, d): rows_of(lake, t, d, without=("published_at",)) for t in TABLES for d in days}


class Killed(BaseException):
    """Not an Exception: like a SIGKILL, nothing may catch it and tidy up."""


class DyingLake(Lake):
    """A lake whose writer dies after so many writes, its own and those of its pending area."""

    def __init__(self, root: str, writes: int, area: str = "lake", owner: DyingLake | None = None) -> None:
        super().__init__(root, area)
        self.left = writes
        self.owner = owner or self
        if area == "lake":
            self.__dict__["pending"] = DyingLake(root, 0, "pending", self)

    def _wrote(self) -> None:
        self.owner.left -= 1
        if self.owner.left == 0:
            raise Killed

    def put_parquet(self, table: str, day: date, rows: pa.Table, folder: str = "") -> LakeFile:
        file = super().put_parquet(table, day, rows, folder)
        self._wrote()
        return file

    def write_json(self, path: str, content: Mapping[str, Any]) -> None:
        super().write_json(path, content)
        self._wrote()

    def commit(
        self,
        table: str,
        day: date,
        files: Any,
        run_id: str,
        notes: Mapping[str, Any] | None = None,
    ) -> Manifest:
        manifest = super().commit(table, day, files, run_id, notes)
        self._wrote()
        return manifest

    def drop_day(self, table: str, day: date) -> None:
        super().drop_day(table, day)
        self._wrote()


def test_scored_days_are_published_in_order(
    lake: Lake, days: list[date], score: Scorer, people: People
) -> None:
    for day in reversed(days):
        score(lake, day, people, files=2)
    seen: list[PublishedDay] = []
    report = publish_days(lake, days[::-1], "run", days, on_day=seen.append)

    assert [done.day for done in report.published] == days
    assert seen == list(report.published)
    assert all(done.revision == 1 and done.rows == len(people) for done in report.published)
    book = Book.read(lake)
    assert [entry.sequence for entry in book.entries] == [1, 2, 3, 4]
    assert [e.previous_digest for e in book.entries] == [None, *(e.digest for e in book.entries[:-1])]
    rows = rows_of(lake, "daily_score", days[2])
    assert {row["person_id"]: row["score"] for row in rows} == people
    assert {(row["revision"], row["reason"]) for row in rows} == {(1, None)}
    assert all(row["published_at"].tzinfo is not None for row in rows)
    assert len(rows_of(lake, "score_part", days[2])) == 6
    assert len(rows_of(lake, "person_key", days[0])) == len(people)
    assert rows_of(lake, "person_key", days[1]) == []
    for table in TABLES:
        for file_uri in lake.files(table, days):
            assert pa.parquet.read_schema(file_uri).equals(arrow_schema(table)), table
    assert not lake.pending.days("daily_score")
    assert verify(lake).ok


def test_publishing_again_changes_nothing_and_says_so(
    lake: Lake, days: list[date], score: Scorer, people: People
) -> None:
    for day in days:
        score(lake, day, people)
    publish_days(lake, days, "run", days)
    before = {(t, d): lake.manifest(t, d) for t in TABLES for d in days}
    for day in days:
        score(lake, day, dict.fromkeys(people, 99.0))
    report = publish_days(lake, days, "again", days)
    assert report.already == tuple(days)
    assert not report.published
    assert {(t, d): lake.manifest(t, d) for t in TABLES for d in days} == before


def test_the_gate_holds_its_day_and_all_after_it(
    lake: Lake, days: list[date], score: Scorer, people: People
) -> None:
    for day in days:
        score(lake, day, people)
    report = publish_days(lake, days, "run", [days[0], days[2], days[3]])
    assert [done.day for done in report.published] == days[:1]
    assert [(held.day, held.why) for held in report.held] == [
        (days[1], "its checks did not pass"),
        (days[2], f"{days[1]} is held back"),
        (days[3], f"{days[1]} is held back"),
    ]
    assert lake.days("daily_score") == days[:1]
    report = publish_days(lake, days, "run", days)
    assert report.already == (days[0],)
    assert [done.day for done in report.published] == days[1:]


def test_a_day_without_its_yesterday_is_refused(
    lake: Lake, days: list[date], score: Scorer, people: People
) -> None:
    score(lake, days[1], people)
    report = publish_days(lake, [days[1]], "run", days)
    assert [held.day for held in report.held] == [days[1]]
    assert "the day before is not published" in report.held[0].why
    assert not lake.days("ledger_digest")
    report = publish_days(lake, days[:2], "run", days)
    assert report.held[0].why == "it was not scored"


def test_no_first_day_means_nothing_begins(tmp_path: Path, score: Scorer, people: People) -> None:
    lake, day = Lake(str(tmp_path)), date(2026, 1, 1)
    score(lake, day, people)
    assert [held.day for held in publish_days(lake, [day], "run", [day]).held] == [day]


def test_a_restated_day_gets_a_new_revision_beside_the_old(
    lake: Lake, days: list[date], score: Scorer, people: People
) -> None:
    for day in days:
        score(lake, day, people)
    publish_days(lake, days, "run", days)
    old = {day: rows_of(lake, "daily_score", day) for day in days}
    for day in days[2:]:
        score(lake, day, {"acct:sample:ada": 50.0, "acct:sample:new": 2.0})
    report = publish_days(lake, days[2:], "fix", days, reason="a late file")
    assert [(done.day, done.revision) for done in report.published] == [(days[2], 2), (days[3], 2)]
    rows = rows_of(lake, "daily_score", days[2])
    assert [row for row in rows if row["revision"] == 1] == old[days[2]]
    again = [row for row in rows if row["revision"] == 2]
    assert {row["person_id"]: row["score"] for row in again} == {"acct:sample:ada": 50, "acct:sample:new": 2}
    assert {row["reason"] for row in again} == {"a late file"}
    assert {row["revision"] for row in rows_of(lake, "score_part", days[3])} == {1, 2}
    assert [(e.day, e.revision) for e in Book.read(lake).entries[4:]] == [(days[2], 2), (days[3], 2)]
    assert len({row["key"] for row in rows_of(lake, "person_key", days[0])}) == len(people)
    assert [row["person_id"] for row in rows_of(lake, "person_key", days[2])] == ["acct:sample:new"]
    assert verify(lake).ok
    nothing = publish_days(lake, days[2:], "fix", days, reason="a late file")
    assert nothing.already == tuple(days[2:])


def test_a_reason_belongs_to_revisions_only(
    lake: Lake, days: list[date], score: Scorer, people: People
) -> None:
    score(lake, days[0], people)
    publish_days(lake, days[:1], "run", days, reason="first time all the same")
    assert {row["reason"] for row in rows_of(lake, "daily_score", days[0])} == {None}


def test_an_empty_day_has_a_digest_too(lake: Lake, days: list[date], score: Scorer, people: People) -> None:
    score(lake, days[0], {})
    score(lake, days[1], people)
    score(lake, days[2], {})
    report = publish_days(lake, days[:3], "run", days)
    assert [done.rows for done in report.published] == [0, len(people), 0]
    assert [entry.model_version for entry in Book.read(lake).entries] == ["none", "v1", "none"]
    assert verify(lake).ok


def test_scores_that_cannot_be_published_as_they_are_are_refused(
    lake: Lake, days: list[date], score: Scorer, people: People
) -> None:
    day = days[0]
    score(lake, day, people)
    file = lake.pending.manifest("daily_score", day)
    assert file is not None
    lake.pending.commit("daily_score", day, [*file.files, *file.files], "score")
    with pytest.raises(LedgerError, match="scored twice"):
        publish_days(lake, [day], "run", days)
    score(lake, day, {"acct:sample:ada": float("nan")})
    with pytest.raises(LedgerError, match="no canonical form"):
        publish_days(lake, [day], "run", days)
    lake.pending.write_arrow("daily_score", day, pa.table({"person_id": ["a"]}), "score")
    with pytest.raises(LedgerError, match="no column score"):
        publish_days(lake, [day], "run", days)
    assert not lake.days("ledger_digest")


def test_nothing_is_chained_to_a_broken_chain(
    lake: Lake, days: list[date], score: Scorer, people: People
) -> None:
    for day in days:
        score(lake, day, people)
    publish_days(lake, days[:3], "run", days)
    lake.drop_day("ledger_digest", days[1])
    with pytest.raises(LedgerError, match="stature verify"):
        publish_days(lake, days, "run", days)


@pytest.mark.parametrize("restated", [False, True], ids=["first", "restated"])
def test_killed_after_any_write_it_publishes_the_same_on_the_next_run(
    lake: Lake, days: list[date], score: Scorer, people: People, tmp_path: Path, restated: bool
) -> None:
    reason = "a late file" if restated else None
    work = days[:2]
    if restated:
        for day in work:
            score(lake, day, {**people, "acct:sample:gone": 3.0})
        publish_days(lake, work, "run", work)
    for day in work:
        score(lake, day, people, files=2)
    # Everybody's key comes from the undisturbed run, so that the leaves can be compared.
    calm = Lake(str(tmp_path / "calm"))
    shutil.copytree(lake.root, calm.root)
    publish_days(calm, work, "run", work, reason)
    for day in work:
        keys = calm.read_arrow("person_key", day)
        assert keys is not None
        lake.write_arrow("person_key", day, keys, "run")
    expected = contents(calm, work)

    deaths = 0
    while True:
        home = tmp_path / f"killed-{deaths}"
        shutil.copytree(lake.root, home)
        try:
            publish_days(DyingLake(str(home), deaths + 1), work, "run", work, reason)
        except Killed:
            deaths += 1
        else:
            break
        survivor = Lake(str(home))
        covered = [(e.day, e.revision) for e in Book.read(survivor).entries]
        publish_days(survivor, work, "next", work, reason)
        assert contents(survivor, work) == expected, f"killed after write {deaths}"
        assert covered == [(e.day, e.revision) for e in Book.read(survivor).entries][: len(covered)]
        assert not survivor.pending.days("daily_score")
        assert verify(survivor).ok
    assert deaths > 40


def test_keys_written_before_a_kill_are_used_after_it(
    lake: Lake, days: list[date], score: Scorer, people: People
) -> None:
    score(lake, days[0], people)
    # Writes: the file of keys, its manifest's JSON, its commit.
    with pytest.raises(Killed):
        publish_days(DyingLake(lake.root, 3), days[:1], "run", days)
    before = rows_of(lake, "person_key", days[0])
    assert len(before) == len(people)
    score(lake, days[0], {**people, "acct:sample:late": 2.0})
    publish_days(lake, days[:1], "run", days)
    after = rows_of(lake, "person_key", days[0])
    assert [row for row in after if row["person_id"] != "acct:sample:late"] == before
    assert len(after) == len(people) + 1


def test_what_a_killed_restatement_left_waiting_is_not_published_later(
    lake: Lake, days: list[date], score: Scorer, people: People
) -> None:
    score(lake, days[0], people)
    publish_days(lake, days[:1], "run", days)
    score(lake, days[0], dict.fromkeys(people, 5.0))
    report = publish_days(lake, days[:1], "daily", [days[0] - timedelta(days=1)])
    assert report.already == (days[0],)
    assert {row["revision"] for row in rows_of(lake, "daily_score", days[0])} == {1}
