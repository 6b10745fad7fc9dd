"""How far a population has moved in a month: people who were there all along, against thirty days before.

A new home rises from 1, and so does everybody who joins a growing one. So the check is about settled people,
who had a score on the day, on the day that it is compared with and a month before that; and it begins
ninety days after the first day, when the day compared with has itself two months behind it. A shift that
somebody accepted is not told again for a month: days after it are compared with the accepted day.
"""

# The SQL is made of what `relation` gives, of days and of constants.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from orchestration.quality.bounds import Bounds
from orchestration.quality.measure import spans
from orchestration.quality.panel import Check, Panel, Reading
from orchestration.quality.profile import psi
from orchestration.quality.results import CheckResult

NAME = "psi_30d"
WARNING = "warning"
_MONTH = timedelta(days=30)
_LEVELS = ", ".join(f"{tenth / 10}" for tenth in range(1, 10))

# Given a connection and days, SQL for the scores that stand: day, person_id, score, model_version.
Scores = Callable[[Sequence[date]], str]


@dataclass(frozen=True, slots=True)
class Shift:
    """A day against an earlier one. Settled people by bin; the others among the scored are newcomers."""

    scored: int = 0
    settled: int = 0
    now: tuple[int, ...] = ()
    before: tuple[int, ...] = ()


def references(days: Sequence[date], accepted: Collection[date]) -> dict[date, date]:
    """The day that each day is compared with: a month before, or the last accepted day since then."""
    return {
        day: max([day - _MONTH, *(known for known in accepted if day - _MONTH < known < day)]) for day in days
    }


def shifts(
    con: duckdb.DuckDBPyConnection, scores: Scores, compared: Mapping[date, date], rows: Mapping[date, int]
) -> dict[date, Shift]:
    """Each day's settled people in bins cut at the deciles of the earlier day; a bin holds its upper end.

    Both scores are of one model: a new one is looked at before it is used, by comparing it with the old.
    """
    found = dict.fromkeys(compared, Shift())
    for span in spans({day: 3 * rows.get(day, 0) for day in compared}):
        wanted = {day: (compared[day], compared[day] - _MONTH) for day in span}
        read = sorted({*span, *(known for earlier in wanted.values() for known in earlier)})
        values = ", ".join(
            f"(DATE '{day}', DATE '{before}', DATE '{base}')" for day, (before, base) in wanted.items()
        )
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE standing AS SELECT * FROM {scores(read)} WHERE isfinite(score);
            CREATE OR REPLACE TEMP TABLE settled AS
            SELECT wanted.day, today.score AS now, earlier.score AS before
            FROM (VALUES {values}) AS wanted (day, reference, base)
            INNER JOIN standing AS today ON today.day = wanted.day
            INNER JOIN standing AS earlier ON
                earlier.day = wanted.reference AND earlier.person_id = today.person_id
                AND earlier.model_version = today.model_version
            SEMI JOIN standing AS base ON base.day = wanted.base AND base.person_id = today.person_id;
            CREATE OR REPLACE TEMP TABLE edge AS
            SELECT day, list_distinct(quantile_disc(before, [{_LEVELS}])) AS edges FROM settled GROUP BY day;
            """
        )
        scored = dict(con.execute("SELECT day, count(*) FROM standing GROUP BY day").fetchall())
        counts: dict[date, tuple[list[int], list[int]]] = {}
        for day, bins in con.execute("SELECT day, len(edges) + 1 FROM edge").fetchall():
            counts[day] = [0] * bins, [0] * bins
        for side, column in enumerate(("now", "before")):
            for day, number, people in con.execute(_BINS.format(column=column)).fetchall():
                counts[day][side][number] = people
        for day in span:
            now, before = counts.get(day, ([], []))
            found[day] = Shift(scored.get(day, 0), sum(now), tuple(now), tuple(before))
    return found


_BINS = """
    SELECT settled.day, len(list_filter(edges, lambda e: e < {column})), count(*)
    FROM settled INNER JOIN edge USING (day) GROUP BY ALL
"""


def warnings(results: Iterable[CheckResult]) -> list[str]:
    """What passed and somebody should look at, a line each, in the order of the days."""
    told = [r for r in results if r.passed and r.detail and r.detail.startswith(WARNING)]
    return [
        f"{r.day} {r.check_name} {r.observed:.3f} ({r.detail})" for r in sorted(told, key=lambda r: r.day)
    ]


def add_stability(
    panel: Panel,
    days: Sequence[date],
    found: Mapping[date, Shift],
    compared: Mapping[date, date],
    first_day: date | None,
    bounds: Bounds,
) -> None:
    """The check of every day: at most `psi_30d` for settled people, and a warning before that."""
    check = Check(
        NAME,
        f"PSI of settled people against a month before, bins by its deciles, is at most {bounds.psi_30d:g}.",
        maximum=bounds.psi_30d,
    )
    for day in days:
        panel.add(check, day, _reading(day, found[day], compared[day], first_day, bounds))


def _reading(day: date, shift: Shift, before: date, first_day: date | None, bounds: Bounds) -> Reading:
    value = psi(shift.now, shift.before) if shift.settled else None
    age = (day - first_day).days if first_day else 0
    if age < bounds.settled_days:
        young = f"not judged: {age} days after the first day, {bounds.settled_days} are needed"
        return Reading(value, None, young)
    if value is None or shift.settled < bounds.settled_min_people:
        return Reading(value, None, f"not judged: {shift.settled} settled people")
    told = (
        f"{shift.settled:,} settled people in {len(shift.now)} bins against {before}; "
        f"{shift.scored - shift.settled:,} newcomers apart"
    )
    if value > bounds.psi_30d_warning:
        told = f"{WARNING}: above {bounds.psi_30d_warning:g}; {told}"
    return Reading(value, value, told)
