"""The warehouse day after day: what is read again, what is not, and that the way there does not matter."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from spark_jobs.arrow_schemas import arrow_schema
from spark_jobs.lake import MANIFEST, Lake
from tests.fixtures.lake_days import FIRST, SCORE_TABLES, Community, at, days_from, put
from tests.fixtures.warehouse import Warehouse, failures

COMMUNITY = Community(people=20)
DAYS = days_from(FIRST, 7)
LEAVES, ERASED = 3, 7
DELETED = "c16"  # a contact
UNTESTED = "select count(*) from ops.built_day where not tested"

Marts = dict[str, list[tuple[Any, ...]]]


@dataclass
class Story:
    """One home through its builds; the marts after each of them."""

    home: Path
    failed: list[set[str]] = field(default_factory=list)
    untested: list[int] = field(default_factory=list)
    after: dict[str, Marts] = field(default_factory=dict)
    tables: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)


def _put_away(lake: Lake, days: list[date], away: Path) -> None:
    """Take the files of these days from the lake, but not their manifests."""
    for day in days:
        for folder in Path(lake.root, "lake").glob(f"*/day={day}"):
            for file in folder.iterdir():
                if file.name != MANIFEST:
                    target = away / folder.parent.name / folder.name
                    target.mkdir(parents=True, exist_ok=True)
                    file.rename(target / file.name)


def _bring_back(lake: Lake, away: Path) -> None:
    for file in away.rglob("*.parquet"):
        folder = Path(lake.root, "lake", file.parent.parent.name, file.parent.name)
        named = lake.manifest(file.parent.parent.name, date.fromisoformat(file.parent.name[4:]))
        # A day that was written again meanwhile has other files now.
        if named and file.name in {entry.name for entry in named.files}:
            file.rename(folder / file.name)


def _erase(lake: Lake, number: int, days: list[date]) -> None:
    """Remove a person's rows, as an erasure does: the days are written again without them."""
    mine = {COMMUNITY.person(number), f"p{number}"}
    columns = {"accounts": ["account_id"], "activities": ["actor_account_id", "target_account_id"]}
    for table in ("accounts", "activities", "person_account", *SCORE_TABLES):
        for day in days:
            rows = lake.read_arrow(table, day)
            if rows is not None and rows.num_rows:
                telling = columns.get(table, ["person_id"])
                kept = [row for row in rows.to_pylist() if not mine & {row[column] for column in telling}]
                lake.write_arrow(table, day, pa.Table.from_pylist(kept, arrow_schema(table)), "erase")


def _request(lake: Lake, day: date, number: int, request: str) -> None:
    asked = {"network": "forum", "account_id": f"p{number}", "request": request, "requested_at": at(day)}
    put(lake, "privacy_requests", day, [asked | {"source": "test"}])


def _with_a_failed_test(lake: Lake, warehouse: Warehouse, day: date) -> tuple[list[set[str]], list[int]]:
    """Build with a part of somebody's score missing, look again, and build with it back.

    What failed in each, and how many days of tables each left untested.
    """
    parts = lake.read_arrow("score_part", day)
    assert parts is not None
    failed: list[set[str]] = []
    untested: list[int] = []

    def dbt(*command: str) -> None:
        failed.append(set(failures(warehouse.dbt(*command))))
        untested.extend(count for (count,) in warehouse.rows(UNTESTED))

    lake.write_arrow("score_part", day, parts.slice(1), "wrong")
    dbt("build", "--exclude-resource-type", "unit_test")
    dbt("test", "--select", "parts_add_up")
    lake.write_arrow("score_part", day, parts, "right")
    dbt("build", "--exclude-resource-type", "unit_test")
    return failed, untested


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    home, away = tmp_path_factory.mktemp("days"), tmp_path_factory.mktemp("away")
    lake, warehouse, story = Lake(str(home)), Warehouse(home), Story(home)

    COMMUNITY.write(lake, DAYS[:4])
    story.failed, story.untested = _with_a_failed_test(lake, warehouse, DAYS[3])
    story.after["four days"] = warehouse.marts()

    # Days that were read once are not read again: their files are not even there.
    _put_away(lake, DAYS[:4], away)
    COMMUNITY.write(lake, DAYS[4:5])
    version = {"crm": "crm", "contact_id": DELETED, "source": "test"}
    put(lake, "crm_contacts", DAYS[4], [version | {"deleted": True, "updated_at": at(DAYS[4])}])
    warehouse.run()
    story.after["a fifth day"] = warehouse.marts()
    _bring_back(lake, away)

    # Two days are restated; somebody leaves; a table's day becomes empty and another's goes.
    for day in DAYS[3:5]:
        COMMUNITY.publish(lake, day, revision=2, shift=1.5)
    _request(lake, DAYS[4], LEAVES, "opt_out")
    put(lake, "quarantine", DAYS[1], [])
    lake.drop_day("check_result", DAYS[2])
    _put_away(lake, DAYS[:1], away)
    warehouse.run()
    story.after["restated"] = warehouse.marts()
    for table in ("quarantine", "check_result"):
        days_of = f"select distinct day from staging.stg_{table} order by day"
        story.tables[table] = warehouse.rows(days_of)
    _bring_back(lake, away)

    # Somebody is erased and written out of the past; who left comes back.
    COMMUNITY.write(lake, DAYS[5:6])
    put(lake, "crm_contacts", DAYS[5], [version | {"updated_at": at(DAYS[5])}])
    _request(lake, DAYS[5], LEAVES, "opt_in")
    _erase(lake, ERASED, DAYS)
    warehouse.run()
    story.after["erased"] = warehouse.marts()
    story.tables["accounts"] = warehouse.rows("from intermediate.int_account order by all")

    warehouse.run()
    story.after["nothing new"] = warehouse.marts()

    warehouse.run("--full-refresh")
    story.after["from scratch"] = warehouse.marts()
    story.tables["accounts from scratch"] = warehouse.rows("from intermediate.int_account order by all")
    return story


def people(rows: list[tuple[Any, ...]]) -> set[str]:
    return {row[0] for row in rows}


def test_a_failed_test_is_not_forgotten(story: Story) -> None:
    """Tests look at new days only, but a day is new until a build was clean."""
    first, again, mended = story.failed
    assert "parts_add_up" in first
    assert "parts_add_up" in again
    assert mended == set()
    before, still, none = story.untested
    assert before == still > 0
    assert none == 0


def test_days_once_read_are_not_read_again(story: Story) -> None:
    trend = story.after["a fifth day"]["bi.score_trend"]
    assert {row[1] for row in trend} == set(DAYS[:5])
    before = story.after["four days"]["bi.score_trend"]
    assert [row for row in trend if row[1] < DAYS[4]] == before
    # The new day's change is against a day that only the warehouse still had.
    assert all(row[6] is not None for row in trend if row[1] == DAYS[4] and row[2] is not None)


def test_who_is_deleted_in_the_crm_is_gone_the_next_day_and_back_when_restored(story: Story) -> None:
    held = {
        after: tuple(
            [row[1] for row in marts[mart] if row[1] == DELETED]
            for mart in ("crm.contact_score", "crm.deleted_contact")
        )
        for after, marts in story.after.items()
    }
    there, gone = ([DELETED], []), ([], [DELETED])
    assert held == {
        "four days": there, "a fifth day": gone, "restated": gone,
        "erased": there, "nothing new": there, "from scratch": there,
    }  # fmt: skip
    others = {row[1] for row in story.after["a fifth day"]["crm.contact_score"]}
    assert others | {DELETED} == {row[1] for row in story.after["four days"]["crm.contact_score"]}


def test_a_restated_day_shows_its_new_revision_and_keeps_the_old(story: Story) -> None:
    marts = story.after["restated"]
    assert {(row[1], row[7]) for row in marts["bi.score_trend"]} == {
        *((day, 1) for day in DAYS[:3]),
        *((day, 2) for day in DAYS[3:5]),
    }
    assert {(row[1], row[14]) for row in marts["core.daily_score"]} == {
        *((day, 1) for day in DAYS[:5]),
        *((day, 2) for day in DAYS[3:5]),
    }
    person = COMMUNITY.person(1)
    [change] = [row[6] for row in marts["bi.score_trend"] if row[:2] == (person, DAYS[3])]
    moved = COMMUNITY.scores(DAYS[3], 1.5)[1] - COMMUNITY.scores(DAYS[2])[1]
    assert change == pytest.approx(moved, abs=1e-4)
    [version] = marts["core.model_version"]
    assert version == ("v1", DAYS[0], DAYS[4], 5, 7)


def test_parts_and_changes_are_of_one_revision(story: Story) -> None:
    marts = story.after["restated"]
    parts = [row for row in marts["bi.score_parts"] if row[:2] == (COMMUNITY.person(1), DAYS[4])]
    assert sum(row[4] for row in parts) == pytest.approx(COMMUNITY.scores(DAYS[4], 1.5)[1], abs=0.01)


def test_a_days_table_that_became_empty_or_went_is_empty(story: Story) -> None:
    assert [day for (day,) in story.tables["quarantine"]] == [DAYS[0], *DAYS[2:5]]
    assert [day for (day,) in story.tables["check_result"]] == [*DAYS[:2], *DAYS[3:5]]
    reasons = {row[0]: row[9] for row in story.after["restated"]["bi.data_quality"]}
    assert reasons == {day: None if day == DAYS[1] else "too_long" for day in DAYS[:5]}


@pytest.mark.parametrize(
    "mart", ["core.person", "core.daily_score", "bi.score_latest", "bi.score_trend", "bi.score_parts"]
)
def test_who_leaves_is_gone_from_all_days_and_who_returns_is_back(story: Story, mart: str) -> None:
    person = COMMUNITY.person(LEAVES)
    assert person in people(story.after["a fifth day"][mart])
    assert person not in people(story.after["restated"][mart])
    assert person in people(story.after["erased"][mart])
    if mart == "bi.score_trend":
        assert sum(row[0] == person for row in story.after["erased"][mart]) == 6


def test_who_is_erased_is_nowhere(story: Story) -> None:
    for name, rows in story.after["erased"].items():
        assert COMMUNITY.person(ERASED) not in {value for row in rows for value in row}, name
    assert f"p{ERASED}" not in {row[1] for row in story.tables["accounts"]}


def test_a_build_without_news_changes_nothing(story: Story) -> None:
    assert story.after["nothing new"] == story.after["erased"]


def test_day_by_day_gives_what_building_from_scratch_gives(story: Story) -> None:
    assert story.after["erased"].keys() == story.after["from scratch"].keys()
    for name, rows in story.after["from scratch"].items():
        assert story.after["erased"][name] == rows, name
    assert story.tables["accounts"] == story.tables["accounts from scratch"]
