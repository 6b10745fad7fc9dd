"""Conformed and scored days to check, written straight into a lake; tests break what they want found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from orchestration.quality.measure import PUBLISHED_COLUMNS
from spark_jobs.arrow_schemas import arrow_schema
from spark_jobs.lake import Lake

FIRST = date(2026, 1, 1)
PEOPLE = 150

Rows = list[dict[str, Any]]
ByPerson = Mapping[str, float | None]


class World:
    """A lake, and what its stages would have written for a day by its number from 0."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.lake.declare_first_day(FIRST)

    @staticmethod
    def day(number: int) -> date:
        return FIRST + timedelta(days=number)

    def days(self, count: int) -> list[date]:
        return [self.day(number) for number in range(count)]

    def put(self, table: str, number: int, rows: Rows, *, pending: bool = False, without: str = "") -> None:
        """Write a day of a table; `without` leaves a column out."""
        fields = [
            f
            for f in arrow_schema(table)
            if f.name != without and not (pending and f.name in PUBLISHED_COLUMNS)
        ]
        place = self.lake.pending if pending else self.lake
        place.write_arrow(table, self.day(number), pa.Table.from_pylist(rows, pa.schema(fields)), "test")

    def change(self, table: str, number: int, how: Callable[[Rows], Rows], *, pending: bool = False) -> None:
        found = (self.lake.pending if pending else self.lake).read_arrow(table, self.day(number))
        assert found is not None
        self.put(table, number, how(found.to_pylist()), pending=pending)

    # --- conformed ----------------------------------------------------------------------------

    def conformed(self, number: int, big: int = 1200, small: int = 150) -> None:
        """Activities of a large and a small network, accounts, and counts that agree."""
        when = self.day(number)
        noon = datetime(when.year, when.month, when.day, 12, tzinfo=UTC)
        activities = [
            {
                "network": network,
                "activity_id": f"{when}-{row}",
                "kind": "reply",
                "actor_account_id": f"a{row % 97}",
                "target_account_id": f"a{row % 89}",
                "content_id": f"c{row}",
                "occurred_at": noon,
                "topics": [],
                "source": "inbox",
                "late_days": 0,
            }
            for network, rows in (("big", big), ("small", small))
            for row in range(rows)
        ]
        accounts = [
            {
                "network": "big",
                "account_id": f"a{row}",
                "handle": f"h{row}",
                "region": "eu" if row % 10 else None,
                "followers": row,
                "observed_at": noon,
                "source": "inbox",
            }
            for row in range(120)
        ]
        self.put("activities", number, activities)
        self.put("accounts", number, accounts)
        self.put("privacy_requests", number, [])
        self.put("quarantine", number, [])
        self.counts(number, activities=len(activities), accounts=len(accounts))

    def counts(self, number: int, quarantined: int = 0, lost: int = 0, **accepted: int) -> None:
        """`conform_count` of a day; refused and lost rows are among the activities."""
        rows = [
            {
                "source": "inbox",
                "table_name": table,
                "received": rows + (quarantined + lost if table == "activities" else 0),
                "accepted": rows,
                "quarantined": quarantined if table == "activities" else 0,
                "duplicates": 0,
                "suppressed": 0,
            }
            for table, rows in accepted.items()
        ]
        self.put("conform_count", number, rows)

    def refused(self, number: int, rows: int) -> None:
        entry = {"source": "inbox", "table_name": "activities", "file": "f", "reason": "bad_type"}
        self.put("quarantine", number, [{**entry, "row_number": row} for row in range(rows)])

    # --- scored -------------------------------------------------------------------------------

    def scores(self, number: int, people: int = PEOPLE) -> dict[str, float | None]:
        """Scores that wander a little from day to day; of ten people the last is unscored."""
        steps = np.random.default_rng(3).normal(0, 0.1, (number + 1, people))
        values = np.round(5 + 60 * np.linspace(0, 1, people) ** 2 + steps.cumsum(axis=0)[-1], 4)
        return {f"p{n}": None if n % 10 == 9 else float(value) for n, value in enumerate(values)}

    def scored(
        self,
        number: int,
        scores: ByPerson | None = None,
        *,
        before: ByPerson | None = None,
        held: Iterable[str] = (),
        model: str = "v1",
    ) -> None:
        """A scored day whose parts and changes add up. `before` is yesterday's scores, as changes see it;
        the people of `held` are held by the age ceiling."""
        scores = self.scores(number) if scores is None else scores
        before = (self.scores(number - 1) if number else {}) if before is None else before
        held = set(held)
        known = {person: score for person, score in scores.items() if score is not None}
        parts: Rows = []
        changes: Rows = []
        for person, score in known.items():
            ceiling = -7.0 if person in held else 0.0
            for part, network, points in (
                ("base", None, 1.0),
                ("like", "big", score - 1.0 - ceiling),
                ("ceiling", None, ceiling),
            ):
                parts.append({"person_id": person, "part": part, "network": network, "points": points})
            gained = score - (before.get(person) or 0.0)
            for cause, points in (("new_attention", gained + 0.5), ("fading", -0.5)):
                changes.append({"person_id": person, "cause": cause, "points": points})
        rows = [score_row(person, score, model) for person, score in scores.items()]
        self.put("daily_score", number, rows, pending=True)
        self.put("score_part", number, parts, pending=True)
        self.put("score_change", number, changes, pending=True)
        self.put("score_reactor", number, [], pending=True)
        self.put("topic_score", number, [], pending=True)


def score_row(person: str, score: float | None, model: str) -> dict[str, Any]:
    return {
        "person_id": person,
        "score": score,
        "score_low": None if score is None else score - 1,
        "score_high": None if score is None else score + 1,
        "unscored_reason": "never_acted" if score is None else None,
        "model_version": model,
    }


@pytest.fixture(scope="session")
def make_world() -> Callable[[str], World]:
    return lambda root: World(Lake(root))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(Lake(str(tmp_path / "home")))
