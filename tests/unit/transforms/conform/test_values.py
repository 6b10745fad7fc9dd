"""Cells of every kind as values of every type."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from spark_jobs.contracts import Field
from spark_jobs.jobs.conform_reading import conform_session
from spark_jobs.transforms.conform.values import reading

BAD, RANGE = "bad_type", "out_of_range"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MILLIS = int(NOON.timestamp()) * 1000

# Contract's type, kind of the cell, Spark's type of the cell, and what each cell becomes.
CASES = [
    ("string", "text", "string", {"x": "x", "": None, " ": " ", "7": "7", None: None}),
    ("string", "int", "int", {7: "7", -1: "-1", None: None}),
    ("string", "double", "double", {7.0: "7", 7.5: "7.5", 1e300: "1.0E300", float("nan"): "NaN"}),
    ("string", "decimal", "decimal(20,0)", {Decimal(2**64 - 1): "18446744073709551615"}),
    ("string", "binary", "string", {"x": "x", "": None}),
    ("string", "boolean", "boolean", {True: "true"}),
    ("string", "uuid", "binary", {bytes(range(16)): "00010203-0405-0607-0809-0a0b0c0d0e0f"}),
    ("string", "millis", "bigint", {MILLIS: "2026-03-10 12:00:00"}),
    ("double", "text", "string", {
        "1.5": 1.5, " -2 ": -2.0, "1e3": 1000.0, ".5": 0.5, "5.": 5.0, "": None, None: None, "1,5": BAD,
        "0x1p3": BAD, "1d": BAD, "true": BAD, "12:00": BAD,
    }),
    ("double", "long", "bigint", {3: 3.0}),
    ("double", "boolean", "boolean", {True: BAD}),
    ("bigint", "text", "string", {
        "12": 12, "12.0": 12, "1.2e1": 12, "9223372036854775807": 2**63 - 1, "9223372036854775808": RANGE,
        "1e30": RANGE, "NaN": RANGE, "-Infinity": RANGE, '"NaN"': RANGE, "12.5": BAD, "x": BAD, "": None,
    }),
    ("bigint", "double", "double", {12.0: 12, 12.5: BAD, 1e30: RANGE, float("nan"): RANGE}),
    ("bigint", "decimal", "decimal(38,2)", {
        Decimal("12.00"): 12, Decimal("12.50"): BAD, Decimal(10**30): RANGE,
    }),
    ("bigint", "string", "string", {"12": 12}),
    ("bigint", "date", "date", {date(2026, 1, 1): BAD}),
    ("int", "text", "string", {"1990": 1990, "3000000000": RANGE, "1990.5": BAD}),
    ("int", "long", "bigint", {1990: 1990, 3_000_000_000: RANGE}),
    ("boolean", "text", "string", {"true": True, "F": False, "1": True, "no": False, "maybe": BAD, "": None}),
    ("boolean", "int", "int", {1: True, 0: False, 2: BAD, None: None}),
    ("timestamp", "text", "string", {
        "2026-03-10T12:00:00Z": NOON, "2026-03-10 13:00:00+01": NOON, "2026-03-10T12:00+00:00": NOON,
        " 2026-03-10T12:00:00.000000 ": NOON, "2026-03-10T24:00:00Z": BAD,
        "2026-03-10T12:00:00 Europe/Rome": BAD, "0000-01-01": BAD, "2026-3-1": BAD, "20260310": BAD,
        "2026": BAD, "now": BAD, "12:00": BAD, "1773144000": BAD, "+12026-03-10": BAD,
        "2026-03-10T12:00:00+19:00": BAD, "": None,
    }),
    ("timestamp", "long", "bigint", {1773144000: BAD, None: None}),
    ("timestamp", "double", "double", {1773144000.0: BAD}),
    ("timestamp", "millis", "bigint", {MILLIS: NOON, 2**62: BAD, -(2**62): BAD}),
    ("timestamp", "micros", "bigint", {MILLIS * 1000: NOON, 2**63 - 1: BAD}),
    ("timestamp", "nanos", "bigint", {
        MILLIS * 10**6 + 999: NOON, -1: datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
    }),
    ("timestamp", "date", "date", {date(2026, 3, 10): NOON.replace(hour=0)}),
    ("date", "text", "string", {
        "2026-03-10": date(2026, 3, 10), "2026-03-10T23:30:00-04:00": date(2026, 3, 11), "x": BAD,
    }),
    ("date", "millis", "bigint", {MILLIS: date(2026, 3, 10)}),
    ("array<string>", "text", "string", {
        '["a", "b", " a", "", null]': ["a", "b"], "a;b|c": ["a", "b", "c"], "a": ["a"], "": [], None: [],
        "[1, 2]": ["1", "2"], '["a"': BAD, '{"a": 1}': BAD, ";": [],
    }),
    ("array<string>", "list", "array<int>", {(1, 2, None): ["1", "2"], None: [], (): []}),
    ("array<string>", "long", "bigint", {1: BAD, None: []}),
    ("string", "absent", "string", {None: None}),
    ("array<string>", "absent", "string", {None: []}),
    ("timestamp", "foreign", "string", {"a time of day": BAD}),
]  # fmt: skip


@pytest.fixture(scope="module")
def session(spark):
    return conform_session(spark)


def field(kind: str) -> Field:
    return Field("v", kind, required=False, description="", physical_type="")


@pytest.mark.parametrize(
    ("wanted", "kind", "cell_type", "cells"), CASES, ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_cell_becomes_a_value_or_says_why_not(session, wanted, kind, cell_type, cells):
    delivered = [list(cell) if isinstance(cell, tuple) else cell for cell in cells]
    rows = session.createDataFrame(list(enumerate(delivered)), f"place int, c_v {cell_type}")
    read = reading(field(wanted), "c_v", kind)
    asked = rows.selectExpr("*", f"{read.value} AS v").selectExpr(
        "place", "v", f"({read.bad_type}) AS bad", f"({read.out_of_range}) AS range"
    )
    found = {
        row["place"]: RANGE if row["range"] else BAD if row["bad"] else row["v"]
        for row in asked.toArrow().to_pylist()
    }
    assert found == dict(enumerate(cells.values()))


def test_network_is_lowered_before_anything_is_compared(session):
    lowered = Field("v", "string", required=True, description="", physical_type="", lower_case=True)
    rows = session.createDataFrame([("ForuM",)], "c_v string")
    assert rows.selectExpr(reading(lowered, "c_v", "text").value).first()[0] == "forum"
