"""A day of hostile files beside a good one: every bad row is in quarantine, every score as without them."""

from __future__ import annotations

from collections import Counter

from tests.fixtures.hostile_day import BAD_DAY, TOO_MANY


def test_every_bad_row_is_in_quarantine_with_its_reason(hostile):
    home, expected = hostile.home, hostile.expected
    quarantine = home.lake.read_arrow("quarantine", BAD_DAY)
    assert Counter(quarantine["reason"].to_pylist()) == expected
    assert set(quarantine["source"].to_pylist()) == {"inbox"}


def test_the_counts_balance_and_note_the_unknown_column(hostile):
    home, expected = hostile.home, hostile.expected
    counts = home.lake.read_arrow("conform_count", BAD_DAY).to_pylist()
    for row in counts:
        told = row["accepted"] + row["quarantined"] + row["duplicates"] + row["suppressed"]
        assert row["received"] == told, row
    inbox = [row for row in counts if row["source"] == "inbox"]
    assert sum(row["quarantined"] for row in inbox) == expected.total()
    assert sum(row["accepted"] for row in inbox) == 0
    assert ["shoe_size"] in [row["unknown_columns"] for row in inbox]


def test_every_score_is_as_on_the_clean_days(hostile, undisturbed):
    home = hostile.home
    found, expected = home.mart_rows(), undisturbed.mart_rows()
    assert found["core.daily_score"] == expected["core.daily_score"]
    assert found["bi.score_parts"] == expected["bi.score_parts"]


def test_the_mart_tells_of_them(hostile):
    home, expected = hostile.home, hostile.expected
    told = [row for row in home.mart_rows()["bi.data_quality"] if row[0] == BAD_DAY and row[1] == "inbox"]
    assert sum(row[5] for row in told) == expected.total()


def test_the_run_says_so(hostile):
    refused = hostile.expected.total() + TOO_MANY
    assert f"{refused:,} quarantined" in hostile.output
    assert "Traceback" not in hostile.output
