"""A day of hostile files beside a good one: every bad row is in quarantine, every score as without them."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.fixtures.whole_home import DAYS, FIRST, WholeHome

BAD_DAY = FIRST + timedelta(days=1)
AT = f"{BAD_DAY}T10:00:00"

GOOD = {
    "network": "sample",
    "activity_id": "x",
    "kind": "post",
    "actor_account_id": "nobody",
    "occurred_at": f"{AT}Z",
}

HOSTILE_LINES = {
    "bad_json": ['{"network": "sample", "activity_id": ', "not json at all", "[1, 2]"],
    "null_required": [
        json.dumps(GOOD | {"actor_account_id": None}),
        json.dumps(GOOD | {"kind": ""}),
        # Other lines of the file do have the column, so it is this row's value that is missing.
        json.dumps({name: value for name, value in GOOD.items() if name != "kind"}),
    ],
    "not_in_set": [json.dumps(GOOD | {"kind": "poke"})],
    "bad_type": [json.dumps(GOOD | {"occurred_at": "yesterday"}), json.dumps(GOOD | {"occurred_at": 12345})],
    "too_long": [json.dumps(GOOD | {"activity_id": "a" * 1_000_000})],
    "bad_text": [json.dumps(GOOD | {"activity_id": "nul\u0000inside"})],
    "future_time": [
        json.dumps(GOOD | {"occurred_at": f"{BAD_DAY + timedelta(days=2)}T00:00:00Z"}),
        # In its own zone still the same day, in UTC two hours into the day after.
        json.dumps(GOOD | {"occurred_at": f"{BAD_DAY}T23:30:00-04:00"}),
    ],
    "too_old": [json.dumps(GOOD | {"occurred_at": "2025-01-01T00:00:00Z"})],
}
"""Lines of one file by the reason that each must be refused for."""


def deliver(home: WholeHome) -> Counter[str]:
    """A folder of hostile files for the bad day; how many rows to find by reason."""
    folder = home.inbox / BAD_DAY.isoformat()
    folder.mkdir(parents=True)
    lines = [line for reason in HOSTILE_LINES.values() for line in reason]
    (folder / "activities.jsonl").write_text("\n".join(lines) + "\n")
    expected = Counter({reason: len(rows) for reason, rows in HOSTILE_LINES.items()})

    whole = pa.table({name: [value] * 3 for name, value in GOOD.items()})
    pq.write_table(whole.drop_columns(["kind"]), folder / "activities-without-kind.parquet")
    expected["missing_column"] += 3

    pq.write_table(whole, folder / "activities-cut.parquet")
    cut = folder / "activities-cut.parquet"
    cut.write_bytes(cut.read_bytes()[:-20])
    (folder / "activities-empty.parquet").touch()
    expected["unreadable_file"] += 2

    (folder / "accounts.csv").write_text(
        "network,account_id,handle,followers,observed_at,shoe_size\n"
        f"sample,nobody,nobody,-5,{AT}Z,42\n"
        f"sample,nobody,nobody,many,{AT}Z,42\n"
    )
    expected["out_of_range"] += 1
    expected["bad_type"] += 1
    return expected


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    home = WholeHome(folder, inbox=str(folder / "inbox"))
    expected = deliver(home)
    return home, expected, home.run(DAYS)


def test_every_bad_row_is_in_quarantine_with_its_reason(hostile):
    home, expected, _ = hostile
    quarantine = home.lake.read_arrow("quarantine", BAD_DAY)
    assert Counter(quarantine["reason"].to_pylist()) == expected
    assert set(quarantine["source"].to_pylist()) == {"inbox"}


def test_the_counts_balance_and_note_the_unknown_column(hostile):
    home, expected, _ = hostile
    counts = home.lake.read_arrow("conform_count", BAD_DAY).to_pylist()
    for row in counts:
        told = row["accepted"] + row["quarantined"] + row["duplicates"] + row["suppressed"]
        assert row["received"] == told, row
    inbox = [row for row in counts if row["source"] == "inbox"]
    assert sum(row["quarantined"] for row in inbox) == expected.total()
    assert sum(row["accepted"] for row in inbox) == 0
    assert ["shoe_size"] in [row["unknown_columns"] for row in inbox]


def test_every_score_is_as_on_the_clean_days(hostile, undisturbed):
    home, _, _ = hostile
    found, expected = home.mart_rows(), undisturbed.mart_rows()
    assert found["core.daily_score"] == expected["core.daily_score"]
    assert found["bi.score_parts"] == expected["bi.score_parts"]


def test_the_mart_tells_of_them(hostile):
    home, expected, _ = hostile
    told = [row for row in home.mart_rows()["bi.data_quality"] if row[0] == BAD_DAY and row[1] == "inbox"]
    assert sum(row[5] for row in told) == expected.total()


def test_the_run_says_so(hostile):
    _, expected, output = hostile
    assert f"{expected.total()} quarantined" in output
    assert shutil.which("stature") is None or "Traceback" not in output
