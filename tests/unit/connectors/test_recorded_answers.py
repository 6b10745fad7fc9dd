"""What real services answered: each answer becomes rows or refusals, none makes a mapping fail.

Prints what became of them, a line a network.
"""

import importlib
import sys
from collections import Counter
from datetime import UTC, date, datetime

import pytest

from orchestration.connectors.answers import Reading, Refused
from orchestration.connectors.registry import CONNECTORS
from tests.fixtures.network_answers import assert_well_formed, reduce, topics
from tests.fixtures.recorded_answers import RECORDED, Recorded

ALL_OF_TIME = Reading(
    date(2026, 12, 31), datetime(2000, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), topics
)
LEAST = {"bluesky": (13, 100), "mastodon": (250, 240), "discourse": (13, 12), "hackernews": (26, 14),
    "x": (20, 200), "github": (40, 300), "youtube": (30, 60), "facebook": (20, 40),
    "instagram": (20, 25), "feeds": (40, 300),
}  # fmt: skip
"""Answers and activities at the least, so that a recording that is no longer read is noticed."""


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded.network)
def test_recorded_answers(recorded: Recorded, capsys: pytest.CaptureFixture[str]) -> None:
    if not recorded.place.exists():
        pytest.skip("the recorded answers of ../shared/data are not here")
    module = importlib.import_module(CONNECTORS[recorded.network])
    answers, rows, refused, endpoints = 0, Counter[str](), Counter[str](), set()
    for answer in recorded.read():
        found = list(module.rows(answer, ALL_OF_TIME))
        assert_well_formed(found)
        stored = module.kept(answer, reduce)
        if not any(isinstance(row, Refused) and row.reason == "bad_json" for row in found):
            assert list(module.rows(stored, ALL_OF_TIME)) == found, answer.url
        answers += 1
        endpoints.add(answer.endpoint)
        for row in found:
            if isinstance(row, Refused):
                refused[row.reason] += 1
            else:
                rows[row.table] += 1
    with capsys.disabled():
        told = ", ".join(f"{count:,} {name}" for name, count in sorted(rows.items()))
        because = ", ".join(f"{count:,} {name}" for name, count in sorted(refused.items())) or "none"
        counted = f"{answers:,} answers of {len(endpoints)} endpoints"
        sys.stdout.write(f"\n{recorded.network}: {counted}: {told}; refused: {because}\n")
    least_answers, least_activities = LEAST[recorded.network]
    assert answers >= least_answers
    assert rows["activities"] >= least_activities
