"""A lake with scored days waiting to be published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from spark_jobs.arrow_schemas import arrow_schema
from spark_jobs.lake import Lake

FIRST = date(2026, 1, 1)
ADDED = ("revision", "reason", "published_at")

Scorer = Callable[..., None]


def pending_schema(table: str) -> pa.Schema:
    """What the scoring job writes: the contract without what publishing adds."""
    return pa.schema([field for field in arrow_schema(table) if field.name not in ADDED])


def score_row(person: str, score: float | None, **other: Any) -> dict[str, Any]:
    reason = "never_acted" if score is None else None
    return {"person_id": person, "score": score, "unscored_reason": reason, "model_version": "v1", **other}


@pytest.fixture(scope="session")
def days() -> list[date]:
    return [FIRST + timedelta(days=n) for n in range(4)]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "home"))
    lake.declare_first_day(FIRST)
    return lake


@pytest.fixture(scope="session")
def score() -> Scorer:
    """Write a scored day into `pending/`: people with their scores, in one file or several."""

    def write(
        lake: Lake, day: date, people: Mapping[str, float | None], *, files: int = 1, model: str = "v1"
    ) -> None:
        rows = [score_row(p, s, reach=3.0 if s else None, model_version=model) for p, s in people.items()]
        parts = [
            {"person_id": p, "part": part, "network": None, "points": points}
            for p, s in people.items()
            if s is not None
            for part, points in (("base", 1.0), ("ceiling", s - 1.0))
        ]
        step = -(-len(rows) // files) or 1
        written = [
            lake.pending.put_parquet(
                "daily_score", day, pa.Table.from_pylist(rows[n : n + step], pending_schema("daily_score"))
            )
            for n in range(0, len(rows), step)
        ]
        lake.pending.write_arrow(
            "score_part", day, pa.Table.from_pylist(parts, pending_schema("score_part")), "score"
        )
        for table in ("score_change", "score_reactor", "topic_score"):
            lake.pending.write_arrow(table, day, pending_schema(table).empty_table(), "score")
        lake.pending.commit("daily_score", day, written, "score")

    return write


@pytest.fixture(scope="session")
def people() -> dict[str, float | None]:
    return {
        "acct:sample:ada": 41.25,
        "acct:sample:bo": 1.0,
        "key:ç|1": 17.123456789012345,
        "acct:sample:idle": None,
    }
