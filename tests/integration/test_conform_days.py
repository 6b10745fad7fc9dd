"""Days of activities through conform, against a plain model of it that takes one day after the other.

The same deliveries go through at once, in pieces, and by the ways of working that are for large tables; every
way must end with the model's rows.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from spark_jobs.contracts import contract
from spark_jobs.jobs.conform import conform
from spark_jobs.jobs.conform_chunk import Limits, written_tables
from spark_jobs.lake import Lake
from tests.fixtures.deliveries import as_jsonl, as_parquet, deliver

FIRST = date(2026, 2, 28)  # a Saturday: the third day is one on which follow_state is written whole
DAYS = [FIRST + timedelta(days=i) for i in range(6)]
MONDAY = DAYS[2]
COLUMNS = [f.name for f in contract("activities").input_fields]
ACCOUNTS = [f"a{i}" for i in range(6)]
ERASED, GONE, BACK = "a5", DAYS[2], DAYS[4]
CONTENT_KINDS = ("post", "reply", "quote")

Row = dict[str, Any]


def deliveries(seed: int) -> dict[date, list[Row]]:
    """A few hundred activities in a small world, so that keys, pairs and threads meet again and again."""
    chance = random.Random(seed)  # noqa: S311  a test's world, not a secret
    found: dict[date, list[Row]] = {}
    follows: list[Row] = []
    contents: list[str] = []
    for number, day in enumerate(DAYS):
        rows = []
        for _ in range(100):
            kind = chance.choice(["post", "reply", "reply", "quote", "like", "like", "repost", "mention"])
            content = chance.choice(contents[-60:]) if contents else "p0"
            rows.append(
                {
                    "network": "forum",
                    "activity_id": f"p{chance.randrange(60 + 40 * number)}",
                    "kind": kind,
                    "actor_account_id": chance.choice(ACCOUNTS),
                    "target_account_id": None if kind == "post" else chance.choice(ACCOUNTS),
                    "content_id": None if kind == "mention" else content,
                    "occurred_at": moment(day, chance),
                    "topics": chance.sample(["bread", "birds", "boats"], chance.choice([0, 0, 0, 1, 2])),
                }
            )
            if kind in CONTENT_KINDS:
                contents.append(rows[-1]["activity_id"])
        for i in range(30):
            follow = {
                "network": "forum",
                "activity_id": f"f{number}-{i}",
                "kind": chance.choice(["follow", "follow", "unfollow"]),
                "actor_account_id": chance.choice(ACCOUNTS),
                "target_account_id": chance.choice([*ACCOUNTS, None]),
                "content_id": None,
                "occurred_at": moment(day, chance),
                "topics": [],
            }
            # Some come once more days later, as they are or with another time.
            again = chance.choice(follows) if follows and chance.random() < 0.3 else follow
            rows.append({**again, "occurred_at": chance.choice([again["occurred_at"], moment(day, chance)])})
            follows.append(rows[-1])
        rows += chance.sample(rows, 5)  # the same rows once more
        found[day] = rows
    return found


def moment(day: date, chance: random.Random) -> datetime:
    """A time on the day or up to five days before, often the same one."""
    back = chance.choice([0, 0, 0, 1, 5])
    return datetime.combine(day - timedelta(days=back), datetime.min.time(), UTC) + timedelta(
        hours=chance.randrange(12)
    )


@dataclass
class Model:
    """What conform must leave, a day after the other."""

    accepted: dict[date, list[Row]] = field(default_factory=dict)
    counts: dict[date, Counter[str]] = field(default_factory=dict)
    standing: dict[tuple[str, str], datetime] = field(default_factory=dict)
    whole: dict[date, dict[tuple[str, str], datetime]] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    topics: dict[str, list[str]] = field(default_factory=dict)

    def take(self, day: date, rows: Iterable[Row]) -> None:
        fates: Counter[str] = Counter()
        if day == GONE:
            self.standing = {pair: since for pair, since in self.standing.items() if ERASED not in pair}
        first: dict[str, Row] = {}
        events: list[Row] = []
        for row in sorted(rows, key=order):
            if GONE <= day < BACK and ERASED in (row["actor_account_id"], row["target_account_id"]):
                fates["suppressed"] += 1
            elif is_event(row):
                events.append(row)
            elif row["activity_id"] in self.keys or row["activity_id"] in first:
                fates["duplicates"] += 1
            else:
                first[row["activity_id"]] = row
        kept = list(first.values())
        for row in sorted(events, key=lambda row: (row["occurred_at"], row["activity_id"])):
            pair = (row["actor_account_id"], row["target_account_id"])
            if (row["kind"] == "follow") == (pair in self.standing) or row["activity_id"] in self.keys:
                fates["duplicates"] += 1
                continue
            if row["kind"] == "follow":
                self.standing[pair] = row["occurred_at"]
            else:
                del self.standing[pair]
            self.keys.add(row["activity_id"])
            kept.append(row)
        self.keys |= {row["activity_id"] for row in kept}
        self.accepted[day] = self.inherit(day, kept)
        fates["accepted"] = len(kept)
        self.counts[day] = fates
        self.whole[day] = dict(self.standing)

    def inherit(self, day: date, rows: list[Row]) -> list[Row]:
        today = {row["activity_id"]: row for row in rows if row["kind"] in CONTENT_KINDS}

        def topics(row: Row, passed: tuple[str, ...] = ()) -> list[str]:
            asks = row["kind"] != "post" and row["content_id"] is not None and not row["topics"]
            if not asks or row["content_id"] in passed:
                return row["topics"]
            parent = today.get(row["content_id"])
            if parent is not None:
                return topics(parent, (*passed, row["content_id"]))
            return self.topics.get(row["content_id"], [])

        late = [{**row, "late_days": (day - row["occurred_at"].date()).days} for row in rows]
        filled = [{**row, "topics": topics(row), "source": "inbox"} for row in late]
        self.topics |= {row["activity_id"]: row["topics"] for row in filled if row["kind"] in CONTENT_KINDS}
        return filled


def is_event(row: Row) -> bool:
    return row["kind"] in ("follow", "unfollow") and row["target_account_id"] is not None


def order(row: Row) -> list[Any]:
    """Spark's order of the columns: nulls first."""
    return [(row[name] is not None, row[name] if row[name] is not None else "") for name in COLUMNS[1:]]


def land(lake: Lake, rows: dict[date, list[Row]]) -> None:
    for day, of_day in rows.items():
        deliver(lake, day, {"activities.parquet": as_parquet(of_day)})
    land_requests(lake)


def land_requests(lake: Lake) -> None:
    for day, request in ((GONE, "erase"), (BACK, "opt_in")):
        row = {
            "network": "Forum",
            "account_id": ERASED,
            "request": request,
            "requested_at": f"{day}T01:00:00Z",
        }
        deliver(lake, day, {"privacy_requests.jsonl": as_jsonl([row])})


def tables(lake: Lake) -> dict[tuple[str, date], list[Row]]:
    """Every table's rows by day, in an order of their own."""
    found = {}
    for table in written_tables():
        for day in DAYS:
            rows = lake.read_arrow(table, day)
            assert rows is not None, (table, day)
            found[table, day] = sorted(rows.to_pylist(), key=repr)
    return found


WORLD = deliveries(7)


@pytest.fixture(scope="module")
def model() -> Model:
    model = Model()
    for day in DAYS:
        model.take(day, WORLD[day])
    return model


@pytest.fixture(scope="module")
def at_once(spark, tmp_path_factory) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("at once")))
    land(lake, WORLD)
    conform(spark, lake, DAYS, "at once", lambda _: None)
    return lake


def test_the_world_is_worth_the_name(model):
    total = sum(model.counts.values(), Counter())
    assert min(total["accepted"], total["duplicates"]) > 100
    assert total["suppressed"] > 10
    # Topics that no row of this id was delivered with, so that they can but be inherited.
    delivered = {(r["activity_id"], tuple(r["topics"])) for rows in WORLD.values() for r in rows}
    accepted = [row for rows in model.accepted.values() for row in rows]
    assert sum((row["activity_id"], tuple(row["topics"])) not in delivered for row in accepted) > 30


def test_the_accepted_rows_are_the_model_s(at_once, model):
    found = tables(at_once)
    for day in DAYS:
        assert found["activities", day] == sorted((ordered(row) for row in model.accepted[day]), key=repr), (
            day
        )


def ordered(row: Row) -> Row:
    return {name: row[name] for name in (*COLUMNS, "source", "late_days")}


def test_the_counts_are_the_model_s(at_once, model):
    for day in DAYS:
        rows = [
            r for r in at_once.read_arrow("conform_count", day).to_pylist() if r["table_name"] == "activities"
        ]
        assert [{name: row[name] for name in ("accepted", "duplicates", "suppressed")} for row in rows] == [
            {name: model.counts[day][name] for name in ("accepted", "duplicates", "suppressed")}
        ]
        assert rows[0]["received"] == len(WORLD[day])


def test_follow_state_is_whole_on_mondays_and_says_so(at_once, model):
    rows = at_once.read_arrow("follow_state", MONDAY).to_pylist()
    found = {(row["actor_account_id"], row["target_account_id"]): row["since"] for row in rows}
    assert found == model.whole[MONDAY]
    assert len(rows) == len(found)
    assert [at_once.manifest("follow_state", day).notes["whole"] for day in DAYS] == [
        d == MONDAY for d in DAYS
    ]


def test_a_range_in_pieces_leaves_the_same_rows(spark, at_once, tmp_path):
    lake = Lake(str(tmp_path))
    land(lake, WORLD)
    for days in (DAYS[:1], DAYS[1:4], DAYS[4:]):
        conform(spark, lake, days, "in pieces", lambda _: None)
    assert tables(lake) == tables(at_once)


def test_neither_order_nor_partitions_nor_the_way_of_working_matter(spark, at_once, tmp_path):
    lake = Lake(str(tmp_path))
    chance = random.Random(1)  # noqa: S311
    for day, rows in WORLD.items():
        shuffled = chance.sample(rows, len(rows))
        deliver(lake, day, {"activities.parquet": as_parquet(shuffled, row_group_size=20)})
    land_requests(lake)
    conform(spark, lake, DAYS, "in Spark", lambda _: None, limits=Limits(0, 0, 0))
    assert tables(lake) == tables(at_once)


def test_rewriting_leaves_the_same_rows_and_nothing_of_before(spark, at_once, tmp_path):
    shutil.copytree(at_once.root, tmp_path / "home")
    lake = Lake(str(tmp_path / "home"))
    before = {(t, d): lake.manifest(t, d) for t in written_tables() for d in DAYS}
    # What a run that was killed leaves: a file that no manifest names, and Spark's folder of attempts.
    stray = lake.read_arrow("activities", DAYS[1])
    lake.put_parquet("activities", DAYS[2], stray)
    lake.put_parquet("outcomes", DAYS[2], stray)
    lake.put_parquet("activities/_temporary/0/task_1", DAYS[3], stray)
    conform(spark, lake, DAYS[2:], "again", lambda _: None)
    assert tables(lake) == tables(at_once)
    for (table, day), manifest in before.items():
        now = lake.manifest(table, day)
        assert (now == manifest) == (day in DAYS[:2])
        folder = tmp_path / "home" / "lake" / table / f"day={day}"
        names = {path.name for path in folder.iterdir()} - {"_manifest.json"}
        assert names == {file.name for file in now.files}, (table, day)


def test_a_published_day_is_left_alone_unless_restated(spark, at_once, tmp_path):
    shutil.copytree(at_once.root, tmp_path / "home")
    lake = Lake(str(tmp_path / "home"))
    late = [{**WORLD[DAYS[0]][0], "activity_id": f"late {i}"} for i in range(3)]
    for day in DAYS[:2]:
        lake.commit("ledger_digest", day, [], "publish")
        deliver(lake, day, {"activities-late.jsonl": as_jsonl([_texts(row) for row in late])})
    before = [lake.manifest("activities", day) for day in DAYS[:2]]
    report = conform(spark, lake, DAYS[:2], "published", lambda _: None)
    assert (report.days, report.skipped, report.counts) == ((), tuple(DAYS[:2]), ())
    assert [lake.manifest("activities", day) for day in DAYS[:2]] == before

    report = conform(spark, lake, DAYS[:2], "restated", lambda _: None, restate=True)
    assert report.days == tuple(DAYS[:2])
    assert lake.manifest("activities", DAYS[0]).rows == before[0].rows + 3
    assert lake.manifest("activities", DAYS[1]).rows == before[1].rows, "the second day brought them again"


def _texts(row: Row) -> Row:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


def test_days_without_files_get_empty_tables(spark, tmp_path):
    lake = Lake(str(tmp_path))
    report = conform(spark, lake, DAYS[:2], "empty", lambda _: None)
    assert report.totals()["received"] == 0
    assert all(lake.manifest(table, day).rows == 0 for table in written_tables() for day in DAYS[:2])
