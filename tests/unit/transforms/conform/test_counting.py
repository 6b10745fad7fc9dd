"""Counts that balance, or say that they do not."""

from __future__ import annotations

import json
from datetime import date

import pytest

from spark_jobs.transforms.conform.counting import ConformReport, Tally, UnbalancedError, count

DAY = date(2026, 1, 1)
PLACE = (DAY, "inbox")


def tally(fate, rows, reason=None, source="inbox"):
    return Tally(DAY, source, fate, reason, rows, 0)


FATES = [
    tally("accepted", 5),
    tally("duplicate", 2),
    tally("suppressed", 1),
    tally("quarantined", 3, "bad_type"),
]


def test_every_fate_has_its_column():
    (found,) = count("activities", [*FATES, tally("blank", 4)], {PLACE: 15}, {PLACE: 2}, {PLACE: {"b", "a"}})
    assert (found.received, found.accepted, found.quarantined) == (13, 5, 5)
    assert (found.duplicates, found.suppressed, found.unknown_columns) == (2, 1, ("a", "b"))
    assert found.reasons == {"bad_type": 3, "unreadable_file": 2}


@pytest.mark.parametrize("received", [10, 12])
def test_a_row_lost_or_made_up_is_told(received):
    with pytest.raises(UnbalancedError, match=r"activities of inbox on 2026-01-01: 1[02] received is not 5"):
        count("activities", FATES, {PLACE: received}, {}, {})


def test_a_file_without_rows_is_counted_as_well():
    (found,) = count("accounts", [], {PLACE: 0}, {}, {})
    assert (found.day, found.source, found.table, found.received) == (DAY, "inbox", "accounts", 0)


def test_the_report_adds_up_and_is_json():
    counts = [
        *count("activities", FATES, {PLACE: 11}, {}, {}),
        *count("strangers", [], {}, {(DAY, "other"): 1}, {}),
    ]
    report = ConformReport("run", (DAY,), (), tuple(counts), 1.25)
    told = json.loads(json.dumps(report.as_json()))
    assert told["totals"]["received"] == 12
    assert told["totals"]["reasons"] == {"bad_type": 3, "unreadable_file": 1}
    assert [c["table"] for c in told["counts"]] == ["activities", "strangers"]
