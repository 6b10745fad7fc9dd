"""What a file tells of itself before Spark reads it."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa
import pytest

from spark_jobs.jobs.conform import CHUNK_BYTES, chunks, days_to_conform
from spark_jobs.jobs.conform_files import FEWEST_CSV_CELLS, RawFile, Readable, Unreadable, csv_traits, inspect
from spark_jobs.lake import Lake
from tests.fixtures.deliveries import as_parquet

DAY = date(2026, 1, 1)


def raw(name: str, content: bytes, table: str = "activities", day: date = DAY) -> RawFile:
    return RawFile(
        "raw", "inbox", day, table, name.rpartition(".")[2], name, name, name, len(content), "hash"
    )


def look(name: str, content: bytes, table: str = "activities") -> Readable | Unreadable:
    return inspect(raw(name, content, table), lambda _: io.BytesIO(content))


@pytest.mark.parametrize(
    ("content", "multiline", "utf8"),
    [
        (b'a,b\n1,"x\ny"\n', True, True),
        (b'a,b\r\n1,"x\r\ny"\r\n', True, True),
        (b'a,b\n1,"say ""hi""\nthere"\n', True, True),
        (b'a,b\n1,"x"\n', False, True),
        (b'a,b\n1,"x\n2,y\n', False, True),  # a mark that is never closed
        (b'a,b\n1,5" x\n2,6" y\n', False, True),  # inches
        (b"a,b\n\xff,1\n", False, False),
        (b"a,b\n1,\xc3", False, False),
        (b"", False, True),
    ],
)
def test_csv_traits(content, multiline, utf8):
    assert csv_traits(io.BytesIO(content), len(content)) == (multiline, utf8, FEWEST_CSV_CELLS)


def test_csv_traits_across_pieces():
    row = b'1,"two\nlines",' + "é".encode() + b"\n"
    content = b"a,b,c\n" + row * 150_000
    assert csv_traits(io.BytesIO(content), len(content)) == (True, True, FEWEST_CSV_CELLS)
    wide = b"a\n" + b"," * 3_000_000 + b"\n"
    assert csv_traits(io.BytesIO(wide), len(wide)) == (False, True, 3_000_002)


def test_a_parquet_file_tells_columns_kinds_and_rows():
    table = pa.table(
        {
            "network": ["forum"], "activity_id": pa.array([1], pa.uint64()), "kind": pa.nulls(1),
            "occurred_at": pa.array([0], pa.timestamp("ns")), "topics": pa.array([["a"]]),
            "content_id": pa.array([{"id": 1}]), "target_account_id": pa.array([1], pa.time32("s")),
            "Kind": [1],
        }
    )  # fmt: skip
    found = look("activities.parquet", as_parquet(table))
    assert isinstance(found, Readable)
    assert dict(found.shape.columns) == {
        "network": "string", "activity_id": "decimal:20,0", "kind": "absent", "occurred_at": "nanos",
        "topics": "list:string", "content_id": "foreign", "target_account_id": "foreign",
    }  # fmt: skip
    assert (found.rows, found.unknown) == (1, ("Kind",))


@pytest.mark.parametrize(
    ("name", "content", "table", "why"),
    [
        ("activities.parquet", b"", "activities", "the file is empty"),
        ("activities.parquet", b"PAR1", "activities", "Parquet"),
        ("activities.csv", b"", "activities", "the file has no header"),
        ("activities.csv", b"\xff\xffa,b\n", "activities", "the header is not UTF-8"),
        ("activities.csv", b"PK\x03\x04", "activities", "this is zip, not csv"),
        ("activities.jsonl", b"\x1f\x8b", "activities", "this is gzip, not jsonl"),
        ("activities.xml", b"<a/>", "activities", "'xml' is none of the formats"),
        ("daily_score.csv", b"a\n", "daily_score", "its name names no input table"),
        ("activities-10:00.csv", b"a\n", "activities", "colon"),
    ],
)
def test_an_unreadable_file_says_why(name, content, table, why):
    found = look(name, content, table)
    assert isinstance(found, Unreadable)
    assert why in found.detail


def test_a_file_gone_from_the_raw_folder_is_told():
    def gone(_: str) -> io.BytesIO:
        raise FileNotFoundError

    assert inspect(raw("activities.csv", b"x"), gone).detail == "the file is missing from the raw folder"


def test_chunks_are_short_and_not_too_large():
    days = [DAY + timedelta(days=i) for i in range(40)]
    assert [len(chunk) for chunk in chunks(days, [])] == [31, 9]
    with_gap = [*days[:3], *days[35:]]
    assert [len(chunk) for chunk in chunks(with_gap, [])] == [3, 5], "a chunk spans at most 31 days"
    large = [replace(raw("a.csv", b"", day=day), bytes=CHUNK_BYTES // 2) for day in days[:5]]
    assert [len(chunk) for chunk in chunks(days[:5], large)] == [2, 2, 1]


def test_published_days_are_left_out(home):
    lake = Lake(home)
    lake.commit("ledger_digest", DAY, [], "run")
    assert days_to_conform(lake, [DAY + timedelta(days=1), DAY]) == [DAY + timedelta(days=1)]
