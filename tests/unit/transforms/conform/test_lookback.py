"""What looks back: keys of 90 days, topics up a thread, and lines counted through a file's blocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from spark_jobs.contracts import contract
from spark_jobs.jobs.conform_files import Readable, Shape, inspect, raw_files
from spark_jobs.jobs.conform_reading import conform_session, groups, read_cells
from spark_jobs.lake import Lake
from spark_jobs.transforms.conform.cells import parquet_cells
from spark_jobs.transforms.conform.duplicates import mark_duplicates
from spark_jobs.transforms.conform.judging import FATED, judge
from spark_jobs.transforms.conform.positions import counted_blocks, line_starts, lines_read, number_rows
from spark_jobs.transforms.conform.suppression import ERASED, subject, subjects, suppress
from spark_jobs.transforms.conform.topics import inherit
from tests.fixtures.deliveries import as_jsonl, deliver

DAY = date(2026, 6, 1)
ACTIVITIES = contract("activities")
NAMES = [f.name for f in ACTIVITIES.input_fields]


@pytest.fixture(scope="module")
def session(spark):
    return conform_session(spark)


def judged(session, rows, people=()):
    """Activities given as (day, id, kind, content id, topics); `people` as SQL of those whom a row names."""
    table = pa.Table.from_pylist(
        [
            {
                "day": day, "source": "inbox", "file": "f", "block": None, "position": place,
                "network": "forum", "activity_id": name, "kind": kind, "actor_account_id": "a",
                "target_account_id": "b", "content_id": content, "topics": topics,
                "occurred_at": datetime(2026, 6, 1, tzinfo=UTC),
            }
            for place, (day, name, kind, content, topics) in enumerate(rows, 1)
        ],
        schema=pa.schema(
            [("day", pa.date32()), ("source", pa.string()), ("file", pa.string()), ("block", pa.int64()),
             ("position", pa.int64()), *((name, pa.string()) for name in NAMES[:-2]),
             ("occurred_at", pa.timestamp("us", tz="UTC")), ("topics", pa.list_(pa.string()))]
        ),
    )  # fmt: skip
    kinds = dict.fromkeys(NAMES, "string") | {"occurred_at": "timestamp", "topics": "list"}
    frame = session.createDataFrame(table)
    return judge(parquet_cells(frame, ACTIVITIES, kinds), ACTIVITIES, people)


def test_rows_of_the_erased_are_emptied_good_or_refused(session):
    days = [DAY, DAY + timedelta(days=1), DAY + timedelta(days=2)]
    rows = [(day, name, kind, "c", []) for day in days for name, kind in (("x", "like"), ("y", "poke"))]
    for person in ("a", "b"):  # the actor, the target
        period = {"subject": subject("forum", person), "first_day": days[1], "end_day": days[2]}
        erased = session.createDataFrame(pa.Table.from_pylist([period], schema=ERASED))
        found = suppress(judged(session, rows, subjects(ACTIVITIES)), erased)
        told = sorted((r.position, r.fate, r.raw is None, r.row is None) for r in found.collect())
        assert found.columns == list(FATED)
        assert [fate for _, fate, *_ in told] == [
            "accepted", "quarantined", "suppressed", "suppressed", "accepted", "quarantined",
        ]  # fmt: skip
        assert [rest for _, fate, *rest in told if fate == "suppressed"] == [[True, True]] * 2


def test_a_key_counts_for_ninety_days(session):
    rows = [
        (DAY + timedelta(days=d), name, "like", "c", [])
        for d, name in ((0, "x"), (1, "x"), (5, "x"), (0, "y"))
    ]
    last = pa.table({
        "network": ["forum"] * 2, "activity_id": ["x", "y"],
        "last_day": pa.array([DAY - timedelta(days=90), DAY - timedelta(days=91)], pa.date32()),
    })  # fmt: skip
    found = mark_duplicates(judged(session, rows), ACTIVITIES, session.createDataFrame(last))
    fates = {row.position: row.fate for row in found.select("position", "fate").collect()}
    assert fates == {1: "duplicate", 2: "accepted", 3: "duplicate", 4: "accepted"}


def test_topics_come_down_a_thread_however_long(session):
    chain = [(DAY, f"r{i}", "reply", f"r{i - 1}" if i else "root", []) for i in range(9)]
    rows = [
        (DAY, "root", "post", "root", ["bread"]),
        *reversed(chain),
        (DAY, "like of the last", "like", "r8", []),
        (DAY, "like of a ring", "like", "ring a", []),
        (DAY, "ring a", "reply", "ring b", []),
        (DAY, "ring b", "reply", "ring c", []),
        (DAY, "ring c", "quote", "ring a", []),
        (DAY, "own topics", "repost", "root", ["boats"]),
        (DAY, "of a stored one", "like", "stored", []),
        (DAY, "of one too old", "like", "old", []),
        (DAY, "of one to come", "like", "tomorrow's", []),
        (DAY + timedelta(days=1), "tomorrow's", "post", "tomorrow's", ["birds"]),
        (DAY + timedelta(days=1), "the day after", "like", "tomorrow's", []),
    ]
    stored = pa.table({
        "day": pa.array([DAY - timedelta(days=90), DAY - timedelta(days=91)], pa.date32()),
        "network": ["forum"] * 2, "activity_id": ["stored", "old"], "topics": [["books"], ["books"]],
    })  # fmt: skip
    expected = {name: ["bread"] for name in ("root", "like of the last", *(f"r{i}" for i in range(9)))} | {
        "own topics": ["boats"], "of a stored one": ["books"], "of one too old": [], "of one to come": [],
        "tomorrow's": ["birds"], "the day after": ["birds"], "like of a ring": [],
        "ring a": [], "ring b": [], "ring c": [],
    }  # fmt: skip
    fated = judged(session, rows).localCheckpoint()
    for few in (True, False):
        filled = inherit(fated, session.createDataFrame(stored), few=few)
        found = {
            row.activity_id: row.topics
            for row in filled.selectExpr("row.activity_id", "row.topics").collect()
        }
        assert found == expected, few


def test_a_refused_line_has_its_number_whatever_block_it_is_in(session, home):
    lake = Lake(home)
    bad = [1, 501, 502, 1777, 3000]
    lines = ["" if n % 7 == 3 else "{}" if n in bad else "[]" for n in range(1, 3001)]
    deliver(lake, DAY, {"deletions.jsonl": as_jsonl(lines), "deletions-2.jsonl": as_jsonl(["", "{}"])})
    session.conf.set("spark.sql.files.maxPartitionBytes", "2000")
    session.conf.set("spark.sql.files.openCostInBytes", "0")
    dataset = contract("deletions")
    files = [inspect(file, lake.open) for file in raw_files(lake, [DAY])]
    (group,) = groups(files)
    fated = judge(read_cells(session, lake, group, dataset), dataset)
    counted = counted_blocks(fated).toArrow()
    assert counted.num_rows > 4
    assert lines_read(counted) == {(DAY, "inbox"): 3002}
    refused = fated.where("reason = 'null_required'").select("day", "source", "file", "block", "position")
    numbered = number_rows(refused, session.createDataFrame(line_starts(counted))).collect()
    found = sorted((row.file, row.row_number) for row in numbered)
    assert found == [("deletions/deletions-2.jsonl", 2), *(("deletions/deletions.jsonl", n) for n in bad)]


def test_a_lost_or_doubled_line_shows():
    block = {"day": DAY, "source": "s", "file": "f", "block": 0, "first": 10, "last": 14, "rows": 5}
    assert lines_read(pa.Table.from_pylist([block])) == {(DAY, "s"): 5}
    assert lines_read(pa.Table.from_pylist([block | {"rows": 4}])) == {(DAY, "s"): 5}


def test_files_of_one_shape_are_read_in_one_go(home):
    lake = Lake(home)
    for offset in range(3):
        deliver(lake, DAY + timedelta(days=offset), {"deletions.jsonl": as_jsonl([{}])})
    files = [
        inspect(file, lake.open) for file in raw_files(lake, [DAY + timedelta(days=d) for d in range(3)])
    ]
    assert [type(found) for found in files] == [Readable] * 3
    (group,) = groups(files)
    assert (group.source, group.folder, group.shape, len(group.uris)) == (
        "inbox",
        "deletions",
        Shape("jsonl"),
        3,
    )
