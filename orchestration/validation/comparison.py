"""Two models on one history: what they say of the same days, from their scratch lakes."""

# The SQL is made of what `relation` gives and of constants.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from orchestration.quality.measure import Table, connection, relation
from orchestration.validation.agreement import (
    PERSISTENCE,
    TOP,
    Psi,
    histogram,
    kendall_tau_b,
    psi,
    rank_biased_overlap,
)
from spark_jobs.lake import Lake

MOVERS = 20

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DayAgreement:
    """One day's two sets of scores. `people` have a score by both; None is where nothing can be said."""

    day: date
    people: int
    only_first: int
    only_second: int
    median_first: float | None
    median_second: float | None
    difference_p50: float | None
    difference_p99: float | None
    largest_difference: float | None
    psi: Psi | None
    kendall_tau_b: float | None
    rbo_top_100: float | None


@dataclass(frozen=True)
class Mover:
    """Somebody on whom the models differ: the scores, and the difference part by part, largest first.

    `reasons` are (part, network, points) and add up to the difference, to what publishing rounds.
    """

    person_id: str
    first: float
    second: float
    reasons: tuple[tuple[str, str | None, float], ...]

    @property
    def difference(self) -> float:
        return self.second - self.first


@dataclass(frozen=True)
class Comparison:
    """Everything that is reported. `differences` is over all people and days, `movers` of the last day."""

    first: str
    second: str
    days: tuple[DayAgreement, ...]
    differences: list[tuple[float | None, float | None, int]]
    movers: tuple[Mover, ...]
    names: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The report as JSON-able values. A person who may not be named has no name and no id."""
        return {
            "first": self.first,
            "second": self.second,
            "from": self.days[0].day.isoformat(),
            "to": self.days[-1].day.isoformat(),
            "psi": "10 bins by deciles of the first, equal deciles merged; half a person more in every bin",
            "rbo": f"extrapolated, top {TOP}, p = {PERSISTENCE}",
            "days": [_day_json(day) for day in self.days],
            "differences": [{"from": low, "to": high, "people_days": n} for low, high, n in self.differences],
            "movers": [
                {
                    "person_id": mover.person_id if mover.person_id in self.names else None,
                    "person": self.names.get(mover.person_id),
                    "first": mover.first,
                    "second": mover.second,
                    "difference": round(mover.difference, 4),
                    "reasons": [
                        {"part": part, "network": network, "points": round(points, 4)}
                        for part, network, points in mover.reasons
                    ],
                }
                for mover in self.movers
            ],
        }


def _day_json(day: DayAgreement) -> dict[str, Any]:
    found = asdict(day) | {"day": day.day.isoformat()}
    if day.psi is not None:
        found["psi"] = asdict(day.psi) | {"bins": day.psi.bins}
    return found


def compare(
    first: Lake, second: Lake, days: Sequence[date], called: tuple[str, str], known: Mapping[str, str]
) -> Comparison:
    """Compare what waits in the two lakes' `pending/`. `known`: who may be named, and how."""
    agreements, all_differences = [], []
    with connection(first) as con:
        for day in days:
            people, left, right = _scores(con, first, second, day)
            both = ~np.isnan(left) & ~np.isnan(right)
            all_differences.append(right[both] - left[both])
            agreements.append(_agreement(day, people, left, right, both))
        movers = _movers(con, first, second, days[-1], (people, left, right))
    return Comparison(
        *called, tuple(agreements), histogram(np.concatenate(all_differences)), tuple(movers), dict(known)
    )


def _scores(
    con: duckdb.DuckDBPyConnection, first: Lake, second: Lake, day: date
) -> tuple[list[str], Floats, Floats]:
    """People of either in a fixed order, and their scores by each model, NaN where there is none."""
    tables = [_pending(con, lake, "daily_score", day) for lake in (first, second)]
    found = con.execute(
        f"SELECT person_id, a.score AS a, b.score AS b FROM {tables[0]} AS a "
        f"FULL JOIN {tables[1]} AS b USING (person_id) ORDER BY person_id"
    ).fetchnumpy()
    left, right = (np.ma.filled(np.ma.asarray(found[name], dtype=np.float64), np.nan) for name in "ab")
    return [str(person) for person in found["person_id"]], left, right


def _pending(con: duckdb.DuckDBPyConnection, lake: Lake, table: str, day: date) -> str:
    found = Table.of(lake.pending, table, [day])
    return relation(con, found, found.rows)


def _agreement(
    day: date, people: Sequence[str], left: Floats, right: Floats, both: npt.NDArray[np.bool_]
) -> DayAgreement:
    a, b = left[both], right[both]
    moved = np.abs(b - a)
    first, second = (
        {person: float(score) for person, score in zip(people, scores, strict=True) if not np.isnan(score)}
        for scores in (left, right)
    )
    return DayAgreement(
        day=day,
        people=int(both.sum()),
        only_first=int((~np.isnan(left) & np.isnan(right)).sum()),
        only_second=int((np.isnan(left) & ~np.isnan(right)).sum()),
        median_first=_of(a, np.median),
        median_second=_of(b, np.median),
        difference_p50=_of(moved, np.median),
        difference_p99=_of(moved, lambda values: np.quantile(values, 0.99)),
        largest_difference=_of(moved, np.max),
        psi=psi(a, b),
        kendall_tau_b=kendall_tau_b(a, b),
        rbo_top_100=rank_biased_overlap(first, second),
    )


def _of(values: Floats, how: Any) -> float | None:
    return round(float(how(values)), 4) if len(values) else None


def _movers(
    con: duckdb.DuckDBPyConnection,
    first: Lake,
    second: Lake,
    day: date,
    scores: tuple[Sequence[str], Floats, Floats],
) -> list[Mover]:
    people, left, right = scores
    moved = np.nan_to_num(np.abs(right - left), nan=-1.0)
    order = [n for n in np.lexsort((np.arange(len(moved)), -moved))[:MOVERS] if moved[n] > 0]
    parts = [_pending(con, lake, "score_part", day) for lake in (first, second)]
    reasons: dict[str, list[tuple[str, str | None, float]]] = {people[n]: [] for n in order}
    rows = con.execute(
        f"""
        SELECT person_id, part, network, sum(points) AS points FROM (
            SELECT person_id, part, network, -points AS points FROM {parts[0]}
            UNION ALL SELECT person_id, part, network, points FROM {parts[1]}
        ) WHERE person_id IN (SELECT unnest($people))
        GROUP BY ALL ORDER BY person_id, abs(sum(points)) DESC, part, network
        """,
        {"people": list(reasons)},
    ).fetchall()
    for person, part, network, points in rows:
        reasons[person].append((part, network, points))
    return [Mover(people[n], float(left[n]), float(right[n]), tuple(reasons[people[n]])) for n in order]
