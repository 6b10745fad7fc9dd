"""One day of hostile files in every format, conformed once: every bad row by its reason, no good one lost."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from spark_jobs.contracts import contract
from spark_jobs.jobs.conform import conform
from spark_jobs.lake import Lake
from spark_jobs.transforms.conform.counting import ConformReport
from spark_jobs.transforms.conform.rules import ORDER
from tests.fixtures.deliveries import as_csv, as_jsonl, as_parquet, deliver, sha256

DAY = date(2026, 3, 10)
AT = datetime(2026, 3, 10, 12, tzinfo=UTC)
LATER = AT + timedelta(hours=8, microseconds=123456)
TIME = "2026-03-10T12:00:00Z"
COLUMNS = [f.name for f in contract("activities").input_fields]
MEGABYTE = "x" * 1_000_000

Bad = tuple[int | None, str, str | None]  # row number, reason, column


@dataclass
class Case:
    """A file, the bad rows it must end as, and the ids of those that must be accepted."""

    name: str
    content: bytes
    bad: list[Bad] = field(default_factory=list)
    good: set[str] = field(default_factory=set)

    @property
    def file(self) -> str:
        return f"{self.name.split('-')[0].split('.')[0]}/{self.name}"


def activity(name: str, **changes: Any) -> dict[str, Any]:
    """A good activity called `name`, unless `changes` say otherwise."""
    return {
        "network": "Forum",
        "activity_id": name,
        "kind": "like",
        "actor_account_id": f"actor of {name}",
        "target_account_id": "target",
        "content_id": f"content of {name}",
        "occurred_at": TIME,
        "topics": ["bread"],
        **changes,
    }


# Changes to a good row, the reason to refuse it and the column.
BROKEN: list[tuple[dict[str, Any], str, str]] = [
    ({"occurred_at": "yesterday"}, "bad_type", "occurred_at"),
    ({"occurred_at": "2026-02-30T00:00:00Z"}, "bad_type", "occurred_at"),
    ({"occurred_at": "1773144000"}, "bad_type", "occurred_at"),
    ({"occurred_at": "10:00"}, "bad_type", "occurred_at"),
    ({"topics": '["a", "b"'}, "bad_type", "topics"),
    ({"actor_account_id": None}, "null_required", "actor_account_id"),
    ({"network": ""}, "null_required", "network"),
    ({"kind": "poke"}, "not_in_set", "kind"),
    ({"kind": "LIKE"}, "not_in_set", "kind"),
    ({"activity_id": MEGABYTE}, "too_long", "activity_id"),
    ({"content_id": "é" * 513}, "too_long", "content_id"),
    ({"topics": [f"topic {i}" for i in range(65)]}, "too_long", "topics"),
    ({"topics": ["t" * 257]}, "too_long", "topics"),
    ({"target_account_id": "nul\0inside"}, "bad_text", "target_account_id"),
    ({"topics": ["nul\0inside"]}, "bad_text", "topics"),
    ({"occurred_at": "2026-03-11T01:00:00.000001Z"}, "future_time", "occurred_at"),
    ({"occurred_at": "2026-03-10T23:30:00-04:00"}, "future_time", "occurred_at"),
    ({"occurred_at": "9999-12-31T00:00:00Z"}, "future_time", "occurred_at"),
    ({"occurred_at": "2025-12-09T23:59:59Z"}, "too_old", "occurred_at"),
    ({"occurred_at": "0999-01-01"}, "too_old", "occurred_at"),
    # Two rules broken: the one that comes first in the documented order is the reason.
    ({"kind": "poke", "occurred_at": "yesterday"}, "bad_type", "occurred_at"),
    ({"kind": "poke", "actor_account_id": None}, "null_required", "actor_account_id"),
    ({"occurred_at": "2027-01-01T00:00:00Z", "content_id": "c" * 513}, "too_long", "content_id"),
]
# Good rows that look odd, and what they must become.
ODD: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"occurred_at": "2026-03-10T12:00:00+05:30"}, {"occurred_at": AT - timedelta(hours=5.5)}),
    ({"occurred_at": "2026-03-10 12:00:00.123456789-0800"}, {"occurred_at": LATER}),
    ({"occurred_at": "2026-03-10T12:00+02"}, {"occurred_at": AT - timedelta(hours=2)}),
    ({"occurred_at": "2026-03-10 12:00:00"}, {"occurred_at": AT}),
    ({"occurred_at": "2026-03-10 12:00:00 UTC"}, {"occurred_at": AT}),
    ({"occurred_at": "2026-03-10t12:00:00z"}, {"occurred_at": AT}),
    ({"occurred_at": "2026-03-10"}, {"occurred_at": AT - timedelta(hours=12), "late_days": 0}),
    ({"occurred_at": "2026-03-11T01:00:00Z"}, {"occurred_at": AT + timedelta(hours=13), "late_days": -1}),
    ({"occurred_at": "2025-12-10T00:00:00Z"}, {"late_days": 90}),
    ({"occurred_at": "2019-01-01T00:00:00Z", "kind": "follow"}, {"late_days": 2625}),
    ({"topics": None}, {"topics": []}),
    ({"topics": []}, {"topics": []}),
    ({"topics": ["a", " a ", "", "b"]}, {"topics": ["a", "b"]}),
    ({"target_account_id": "\U0001f600"}, {"target_account_id": "\U0001f600"}),
    ({"content_id": "é" * 512}, {"content_id": "é" * 512}),
    ({"content_id": ""}, {"content_id": None}),
    ({"content_id": "a\\ud800b"}, {"content_id": "a\\ud800b"}),
]  # fmt: skip


def mixed(mark: str) -> tuple[list[dict[str, Any]], list[Bad], set[str]]:
    """Good and bad rows in turn, the bad ones' numbers and reasons, the good ones' ids."""
    good = [activity(f"{mark}-odd-{i}", **changes) for i, (changes, _) in enumerate(ODD)]
    good += [activity(f"{mark}-good-{i}") for i in range(10)]
    names = {row["activity_id"] for row in good}
    rows, bad = [], []
    for i, (changes, reason, column) in enumerate(BROKEN):
        rows += [good.pop(0), activity(f"{mark}-bad-{i}", **changes)]
        bad.append((len(rows), reason, column))
    return rows + good, bad, names


def json_cases() -> list[Case]:
    rows, bad, good = mixed("jsonl")
    lines: list[Any] = [
        "",
        activity("json-number", activity_id=7, target_account_id=12345678901234567890, topics="a;b|c"),
        "   ",
        '{"network": "forum", "activity_id": ',
        "[1, 2]",
        "null",
        json.dumps(activity("first of two")) + json.dumps(activity("second of two")),
        json.dumps(activity("and more")) + " and more",
        "{'network': 'forum'}",
        '{"a":' + "[" * 100_000,
        json.dumps(activity("half a pair", actor_account_id="\ud800")),
        json.dumps(activity("the other half", actor_account_id="a\udc00\ud83d\ude00")),
        json.dumps(activity("not utf8")).encode().replace(b'"target"', b'"\xff\xfe"'),
        activity("an object", actor_account_id={"id": 1}),
        activity("a list", actor_account_id=["x"]),
        activity("looks like one", actor_account_id='{"id": 1}'),
        activity("a number of seconds", occurred_at=1773144000),
        activity("unknown", **{"Kind": "x", "kind ": "y", "huge": MEGABYTE, "nested": {"deep": [{}]}}),
        {"network": "forum"},
        {},
    ]
    faults: list[Bad] = [(n, "bad_json", None) for n in range(4, 11)]
    faults += [(11, "bad_text", "actor_account_id"), (12, "bad_text", "actor_account_id")]
    faults += [(13, "bad_text", None), (14, "bad_type", "actor_account_id")]
    faults += [(15, "bad_type", "actor_account_id"), (17, "bad_type", "occurred_at")]
    faults += [(19, "null_required", "activity_id"), (20, "null_required", "network")]
    return [
        Case("activities.jsonl", as_jsonl(rows), bad, good),
        Case("activities-lines.jsonl", as_jsonl(lines), faults, {"7", "looks like one", "unknown"}),
        Case("activities-bom.jsonl", b"\xef\xbb\xbf" + as_jsonl([activity("after bom")]), [], {"after bom"}),
        Case("activities-crlf.jsonl", as_jsonl([activity("crlf")]).replace(b"\n", b"\r\n"), [], {"crlf"}),
        Case("activities-nothing.jsonl", b""),
    ]


def csv_cases() -> list[Case]:
    rows, bad, good = mixed("csv")
    ragged: list[Any] = [
        activity("csv before"),
        ["forum", "too few"],
        ["forum", "too many", *["x"] * 30_000],
        activity("csv after", topics="a|b;c"),
    ]
    lines = as_csv([activity("csv line 1"), activity("csv line 2")], COLUMNS)
    breaks = [activity("csv break", target_account_id='line\nbreak, "quoted"'), activity("csv next")]
    stray = as_csv([activity(f"csv stray {i}") for i in range(3)], COLUMNS).replace(
        b",target,", b',"target,', 1
    )
    not_utf8 = as_csv([activity("csv fine"), activity("csv bytes")], COLUMNS).replace(
        b"content of csv b", b"\xff"
    )
    twice = as_csv([["Forum", "csv twice", "other"]], ["network", "activity_id", "network"])
    return [
        Case("activities.csv", as_csv(rows, COLUMNS), bad, good),
        Case(
            "activities-ragged.csv",
            as_csv(ragged, COLUMNS),
            [(2, "bad_type", None), (3, "bad_type", None)],
            {"csv before", "csv after"},
        ),
        Case("activities-bom.csv", b"\xef\xbb\xbf" + lines, [], {"csv line 1", "csv line 2"}),
        Case("activities-breaks.csv", as_csv(breaks, COLUMNS), [], {"csv break", "csv next"}),
        # The stray mark spoils its own line, and no other.
        Case("activities-stray.csv", stray, [(1, "bad_type", None)], {"csv stray 1", "csv stray 2"}),
        Case("activities-bytes.csv", not_utf8, [(2, "bad_text", "content_id")], {"csv fine"}),
        Case("activities-short.csv", twice, [(1, "missing_column", "kind")]),
        Case("activities-rowless.csv", ",".join(COLUMNS).encode()),
    ]


def parquet_cases() -> list[Case]:
    rows, bad, good = mixed("parquet")
    # One type a column: the row with a list that is no list cannot be in a Parquet file.
    broken = next(i for i, row in enumerate(rows) if isinstance(row["topics"], str))
    rows[broken]["topics"], rows[broken]["actor_account_id"] = ["bread"], None
    bad = [(n, "null_required", "actor_account_id") if n == broken + 1 else (n, r, c) for n, r, c in bad]
    typed = {
        "network": pa.array(["forum"] * 3),
        "activity_id": pa.array([901, 902, None], pa.int32()),
        "kind": pa.array(["like"] * 3).dictionary_encode(),
        "actor_account_id": pa.array([1.0, 2.5, 3.0], pa.float64()),
        "target_account_id": pa.array([b"bytes", b"\xff", b"x"], pa.binary()),
        "content_id": pa.nulls(3),
        "topics": pa.array([[1, 2], None, []], pa.list_(pa.int64())),
        "Kind": pa.array(["x"] * 3),
        "day": pa.array(["x"] * 3),
    }
    kinds = {
        "ns": pa.array([AT.replace(tzinfo=None)] * 3, pa.timestamp("ns")),
        "ms": pa.array([AT, None, datetime(1, 1, 1, tzinfo=UTC)], pa.timestamp("ms", tz="Asia/Tokyo")),
        "far": pa.array([2**62, -(2**62), AT.timestamp() * 1000], pa.timestamp("ms")),
        "date": pa.array([DAY] * 3),
        "epoch": pa.array([1773144000] * 3, pa.int64()),
        "time": pa.array([AT.time()] * 3, pa.time64("us")),
    }

    def with_time(kind: str, **options: Any) -> bytes:
        ids = pa.array([f"{kind} {i}" for i in range(3)])
        table = pa.table(typed | {"activity_id": ids, "target_account_id": ids, "occurred_at": kinds[kind]})
        return as_parquet(table, **options)

    types = pa.table(typed | {"occurred_at": pa.array([AT] * 3)})
    three = range(1, 4)
    whole = pa.table({name: [value] * 3 for name, value in activity("no kind").items() if name != "kind"})
    odd = [
        Case("activities-ns.parquet", with_time("ns"), [], {f"ns {i}" for i in range(3)}),
        Case(
            "activities-int96.parquet",
            with_time("ns", use_deprecated_int96_timestamps=True).replace(b"ns ", b"96 "),
            [],
            {f"96 {i}" for i in range(3)},
        ),
        Case(
            "activities-ms.parquet",
            with_time("ms"),
            [(2, "null_required", "occurred_at"), (3, "too_old", "occurred_at")],
            {"ms 0"},
        ),
        Case(
            "activities-far.parquet",
            with_time("far"),
            [(1, "bad_type", "occurred_at"), (2, "bad_type", "occurred_at")],
            {"far 2"},
        ),
        Case("activities-date.parquet", with_time("date"), [], {f"date {i}" for i in range(3)}),
        Case("activities-epoch.parquet", with_time("epoch"), [(n, "bad_type", "occurred_at") for n in three]),
        Case("activities-time.parquet", with_time("time"), [(n, "bad_type", "occurred_at") for n in three]),
    ]
    return [
        Case("activities.parquet", as_parquet(rows), bad, good),
        Case(
            "activities-types.parquet",
            as_parquet(types),
            [(2, "bad_text", "target_account_id"), (3, "null_required", "activity_id")],
            {"901"},
        ),
        Case("activities-short.parquet", as_parquet(whole), [(n, "missing_column", "kind") for n in three]),
        *odd,
    ]


def number_cases() -> list[Case]:
    """Accounts and links: numbers, flags and dates, in every format."""

    def account(name: str, **changes: Any) -> dict[str, Any]:
        return {"network": "forum", "account_id": name, "handle": name, "observed_at": TIME, **changes}

    def link(name: str, share: Any) -> dict[str, Any]:
        key = {"network": "forum", "account_id": name, "person_key": "p"}
        return {**key, "share": share, "confidence": 1, "observed_at": TIME}

    columns = ["network", "account_id", "handle", "observed_at", "followers", "is_verified", "created_at"]
    changed: list[tuple[dict[str, Any], str | None, str | None]] = [
        ({"followers": 12}, None, None),
        ({"followers": "12.0", "is_verified": "true"}, None, None),
        ({"followers": -5}, "out_of_range", "followers"),
        ({"followers": 1e30}, "out_of_range", "followers"),
        ({"followers": float("nan")}, "out_of_range", "followers"),
        ({"followers": 3.5}, "bad_type", "followers"),
        ({"followers": "many"}, "bad_type", "followers"),
        ({"is_verified": "maybe"}, "bad_type", "is_verified"),
        ({"created_at": "2026-03-12"}, "future_time", "created_at"),
        ({"handle": "h" * 513}, "too_long", "handle"),
    ]
    bad: list[Bad] = [(n, r, c) for n, (_, r, c) in enumerate(changed, 1) if r]
    shares = [0, 1, 0.5, 1.5, -0.1, float("nan"), float("inf")]
    bad_links: list[Bad] = [(n, "out_of_range", "share") for n in (4, 5, 6, 7)]
    floats = [12.0, -5.0, 1e30, float("nan"), 3.5]
    typed = pa.table(
        {
            **{name: pa.array([f"f{i}" for i in range(5)]) for name in ("account_id", "handle")},
            **{name: pa.array([value] * 5) for name, value in (("network", "forum"), ("observed_at", TIME))},
            "followers": pa.array(floats),
            "is_verified": pa.array([1, 0, None, 1, 0]),
        }
    )
    bad_floats: list[Bad] = [(n, "out_of_range", "followers") for n in (2, 3, 4)]
    return [
        Case("accounts.jsonl", as_jsonl([account(f"j{i}", **c) for i, (c, _, _) in enumerate(changed)]), bad),
        Case(
            "accounts.csv",
            as_csv([account(f"c{i}", **c) for i, (c, _, _) in enumerate(changed)], columns),
            bad,
        ),
        Case("accounts.parquet", as_parquet(typed), [*bad_floats, (5, "bad_type", "followers")]),
        Case("identity_links.jsonl", as_jsonl([link(f"j{i}", s) for i, s in enumerate(shares)]), bad_links),
        Case(
            "identity_links.parquet",
            as_parquet([link(f"p{i}", float(s)) for i, s in enumerate(shares)]),
            bad_links,
        ),
        Case(
            "privacy_requests.jsonl",
            as_jsonl([{"network": "forum", "request": "object", "requested_at": TIME}]),
            [(1, "null_required", "network")],
        ),
    ]


def unreadable_cases() -> list[Case]:
    whole = as_parquet([activity(f"in a damaged file {i}") for i in range(2000)], compression="none")
    middle = bytearray(whole)
    middle[len(whole) // 4 : len(whole) // 2] = b"\xff" * (len(whole) // 2 - len(whole) // 4)
    contents = {
        "activities-cut.parquet": whole[:-20],
        "activities-empty.parquet": b"",
        "activities-garbage.parquet": b"PAR1 this is no Parquet PAR1",
        "activities-damaged.parquet": bytes(middle),
        "activities-mislabelled.jsonl": whole,
        "activities-packed.jsonl": gzip.compress(as_jsonl([activity("packed")]), mtime=0),
        "activities-empty.csv": b"",
        "activities-utf16.csv": ",".join(COLUMNS).encode("utf-16"),
        "strangers.jsonl": as_jsonl([{"a": 1}]),
        "activities.xlsx": b"PK\x03\x04",
    }
    return [Case(name, content, [(None, "unreadable_file", None)]) for name, content in contents.items()]


CASES = [*json_cases(), *csv_cases(), *parquet_cases(), *number_cases(), *unreadable_cases()]


def contact(name: str, **changes: Any) -> dict[str, Any]:
    """A good contact, unless `changes` say otherwise."""
    good = {"email": f"{name}@x.org", "currency": "EUR", "lifetime_value": "10", "birth_year": "1980"}
    return {"crm": "crm", "contact_id": name, **good, "customer_since": "2020-01-02", "deleted": None,
            "updated_at": TIME, **changes}  # fmt: skip


CONTACTS = [
    contact("good"),
    contact(
        "odd", birth_year="abc", currency="EURO", customer_since="soon", lifetime_value="NaN", email="a\0b"
    ),
    contact("", birth_year="abc"),
    contact("when", updated_at="then"),
    contact("gone", deleted="perhaps"),
]
BAD_CONTACTS = [
    (3, "null_required", "contact_id"),
    (4, "bad_type", "updated_at"),
    (5, "bad_type", "deleted"),
]


@dataclass
class Run:
    lake: Lake
    report: ConformReport
    said: list[str]
    quarantine: list[dict[str, Any]]
    activities: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def run(spark, tmp_path_factory) -> Run:
    lake = Lake(str(tmp_path_factory.mktemp("hostile files") / "a home"))
    deliver(
        lake, DAY, {case.name: case.content for case in CASES} | {"crm_contacts.jsonl": as_jsonl(CONTACTS)}
    )
    said: list[str] = []
    report = conform(spark, lake, [DAY], "hostile", said.append)
    quarantine = lake.read_arrow("quarantine", DAY).to_pylist()
    activities = lake.read_arrow("activities", DAY).to_pylist()
    assert len(activities) == len({row["activity_id"] for row in activities})
    return Run(lake, report, said, quarantine, {row["activity_id"]: row for row in activities})


def by_row(bad: list[Bad]) -> list[Bad]:
    return sorted(bad, key=lambda row: (row[0] or 0, row[1]))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_bad_row_of_a_file_has_its_reason(case, run):
    found = [(r["row_number"], r["reason"], r["field"]) for r in run.quarantine if r["file"] == case.file]
    assert by_row(found) == by_row(case.bad)


def test_every_good_row_survives_beside_them(run):
    assert run.activities.keys() == set().union(*(case.good for case in CASES))


def test_every_reason_occurs(run):
    assert {row["reason"] for row in run.quarantine} == {*ORDER, "unreadable_file"}


@pytest.mark.parametrize("mark", ["jsonl", "csv", "parquet"])
def test_odd_values_become_what_they_mean(mark, run):
    for i, (changes, expected) in enumerate(ODD):
        row = run.activities[f"{mark}-odd-{i}"]
        assert {name: row[name] for name in expected} == expected, changes


def test_rows_are_filled_and_lowered(run):
    rows = run.activities.values()
    assert {row["network"] for row in rows} == {"forum"}
    assert {row["source"] for row in rows} == {"inbox"}
    assert run.activities["7"]["target_account_id"] == "12345678901234567890"
    assert run.activities["7"]["topics"] == ["a", "b", "c"]
    assert run.activities["csv break"]["target_account_id"] == 'line\nbreak, "quoted"'
    typed = run.activities["901"]
    assert (typed["actor_account_id"], typed["target_account_id"], typed["topics"]) == (
        "1",
        "bytes",
        ["1", "2"],
    )
    assert [run.activities[name]["occurred_at"] for name in ("ns 0", "96 0", "ms 0", "far 2")] == [AT] * 4


def test_the_quarantine_keeps_the_row_cut_with_its_size_and_hash(run):
    for row in run.quarantine:
        if row["reason"] == "unreadable_file":
            continue
        assert len(row["raw"]) <= 4096
        assert row["raw_bytes"] >= len(row["raw"].encode()) or row["raw_bytes"] > 4096
        if row["raw_bytes"] <= 4096 and "\ufffd" not in row["raw"]:
            assert row["raw_sha256"] == sha256(row["raw"].encode())
    long = next(
        r
        for r in run.quarantine
        if r["file"] == "activities/activities.jsonl" and r["field"] == "activity_id"
    )
    line = json.dumps(activity("jsonl-bad-9", activity_id=MEGABYTE))
    assert (long["raw"], long["raw_bytes"], long["raw_sha256"]) == (
        line[:4096],
        len(line),
        sha256(line.encode()),
    )
    poke = next(r for r in run.quarantine if r["reason"] == "not_in_set" and "csv-bad" in r["raw"])
    assert (poke["network"], poke["account_id"]) == ("forum", "actor of csv-bad-7")
    assert poke["detail"].startswith("'poke' is not one of post, reply")


def test_an_unreadable_file_is_told_with_size_and_hash(run):
    sizes = {case.file: (len(case.content), sha256(case.content)) for case in unreadable_cases()}
    found = {
        r["file"]: (r["raw_bytes"], r["raw_sha256"])
        for r in run.quarantine
        if r["reason"] == "unreadable_file"
    }
    assert found == sizes
    details = {r["file"]: r["detail"] for r in run.quarantine if r["reason"] == "unreadable_file"}
    assert details["activities/activities-packed.jsonl"].startswith("this is gzip, not jsonl; ")
    assert details["strangers/strangers.jsonl"].startswith("its name names no input table; ")
    assert any("activities-damaged.parquet" in text for text in run.said)


def test_the_counts_balance_and_agree_with_the_tables(run):
    counts = {row["table_name"]: row for row in run.lake.read_arrow("conform_count", DAY).to_pylist()}
    bad = Counter(row["table_name"] for row in run.quarantine)
    for table, row in counts.items():
        assert row["received"] == row["accepted"] + row["quarantined"] + row["duplicates"] + row["suppressed"]
        assert row["quarantined"] == bad[table], table
        manifest = run.lake.manifest(table, DAY)
        assert row["accepted"] == (manifest.rows if manifest else 0), table
    assert counts["activities"]["accepted"] == len(run.activities)
    assert counts["strangers"] == {
        "source": "inbox", "table_name": "strangers", "received": 1, "accepted": 0, "quarantined": 1,
        "duplicates": 0, "suppressed": 0, "unknown_columns": [],
    }  # fmt: skip
    assert {"Kind", "kind ", "huge", "nested", "day", "network"} == set(
        counts["activities"]["unknown_columns"]
    )


def test_a_contact_goes_on_without_what_of_it_cannot_be_read(run):
    """What it may lack is left empty and noted; without what it needs there is no row."""
    rows = {row["contact_id"]: row for row in run.lake.read_arrow("crm_contacts", DAY).to_pylist()}
    told = {name: {c: v for c, v in row.items() if v is not None} for name, row in rows.items()}
    named = {"crm": "crm", "updated_at": AT, "source": "inbox"}
    assert told == {
        "good": named | {"contact_id": "good", "email": "good@x.org", "currency": "EUR", "birth_year": 1980,
                         "lifetime_value": 10.0, "customer_since": date(2020, 1, 2)},
        "odd": named | {"contact_id": "odd"},
    }  # fmt: skip
    found = [
        (r["row_number"], r["reason"], r["field"])
        for r in run.quarantine
        if r["table_name"] == "crm_contacts"
    ]
    assert by_row(found) == by_row(BAD_CONTACTS)
    [count] = [
        row
        for row in run.lake.read_arrow("conform_count", DAY).to_pylist()
        if row["table_name"] == "crm_contacts"
    ]
    assert count["unknown_columns"] == [
        f"{name}: {reason}, left empty"
        for name, reason in (
            ("birth_year", "bad_type"),
            ("currency", "too_long"),
            ("customer_since", "bad_type"),
            ("email", "bad_text"),
            ("lifetime_value", "out_of_range"),
        )
    ]


def test_the_report_says_the_same(run):
    totals = run.report.totals()
    assert totals["quarantined"] == len(run.quarantine)
    assert totals["reasons"] == dict(sorted(Counter(row["reason"] for row in run.quarantine).items()))
    told = json.loads(json.dumps(run.report.as_json()))
    assert told["days"] == ["2026-03-10"]
    assert sum(count["accepted"] for count in told["counts"]) == totals["accepted"]


def test_every_table_of_the_day_exists_and_has_its_contract_s_columns(run):
    types = {
        "string": pa.string(), "double": pa.float64(), "bigint": pa.int64(), "int": pa.int32(),
        "boolean": pa.bool_(), "timestamp": pa.timestamp("us", tz="UTC"), "date": pa.date32(),
    }  # fmt: skip
    for table in ("activities", "accounts", "identity_links", "quarantine", "conform_count", "outcomes"):
        assert run.lake.exists(table, DAY), table
        rows = run.lake.read_arrow(table, DAY)
        for column in contract(table).lake_fields if rows.num_columns else ():
            found = rows.schema.field(column.name).type
            if column.type == "array<string>":
                assert pa.types.is_list(found)
                assert found.value_type == pa.string()
            else:
                assert found == types[column.type], (table, column.name)
        assert not rows.num_columns or rows.column_names == [f.name for f in contract(table).lake_fields]
