"""Checks of scored days before they are published: contracts, sums, who is scored, and how scores moved."""

# The SQL is made of what `measure.relation` gives and of constants.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from orchestration.quality.acceptance import accepted_days
from orchestration.quality.bounds import Bounds
from orchestration.quality.measure import Rule, Table, count_where, relation, spans
from orchestration.quality.panel import NONE_MAY, Check, Panel, Reading, contract_panel
from orchestration.quality.profile import judged_if, psi, recent
from orchestration.quality.results import History
from orchestration.quality.stability import add_stability, references, shifts
from spark_jobs.lake import Lake

BINS = 10

_ALWAYS = ("daily_score", "score_part", "score_change")
_IF_ANY = ("score_reactor", "topic_score")
_SCORE_RULES = (
    Rule(
        "reason_given",
        "(score IS NULL) = (unscored_reason IS NULL)",
        "There is a score, or a reason why not, and never both.",
    ),
    Rule(
        "interval",
        "(score IS NULL) <> (score_low IS NULL) OR (score IS NULL) <> (score_high IS NULL) "
        "OR NOT score BETWEEN score_low AND score_high",
        "A score lies in its interval.",
    ),
)


@dataclass(frozen=True, slots=True)
class DayNumbers:
    """A scored day in numbers. "Compared" are people scored on both days by one model, and not held by the
    age ceiling: those move by rule, a point a day, all together.
    """

    people: int = 0
    people_before: int = 0
    scored: int = 0
    were_scored: int = 0  # scored the day before, and there today
    still_scored: int = 0  # of those, scored today
    parts_off: int = 0
    parts_worst: float = 0.0
    changes_off: int = 0
    changes_worst: float = 0.0
    compared: int = 0
    change_p50: float = 0.0
    change_p99: float = 0.0
    largest: float = 0.0
    bins: tuple[int, ...] = (0,) * BINS
    bins_before: tuple[int, ...] = (0,) * BINS


def score_panels(
    con: duckdb.DuckDBPyConnection, lake: Lake, days: Sequence[date], past: History, bounds: Bounds
) -> list[Panel]:
    """The panels of the scored tables: of those that hold a score together always, of others with rows."""
    tables = {name: Table.of(lake.pending, name, days) for name in (*_ALWAYS, *_IF_ANY)}
    tables["person_account"] = Table.of(lake, "person_account", days)
    panels = {
        name: contract_panel(con, table, days)
        for name, table in tables.items()
        if name in _ALWAYS or any(table.rows.values())
    }
    scores = panels["daily_score"]
    written = Check("written", "The day was scored.", minimum=1)
    broken = count_where(con, tables["daily_score"], _SCORE_RULES)
    for day in days:
        exists = float(day in tables["daily_score"].rows)
        scores.add(written, day, Reading(exists, exists))
        for rule in _SCORE_RULES:
            count = broken.get(day, {}).get(rule.name, 0.0)
            scores.add(Check(rule.name, rule.says, **NONE_MAY), day, Reading(count, count))
    found = person_days(con, lake, tables, days, bounds)
    for day in days:
        _add_sums(panels, day, found[day], bounds)
    _add_moves(scores, days, found, past, bounds)
    compared = references(days, accepted_days(lake))
    moved = shifts(con, lambda of_days: _scores(con, lake, of_days), compared, tables["daily_score"].rows)
    add_stability(scores, days, moved, compared, lake.first_day(), bounds)
    return list(panels.values())


def person_days(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    tables: Mapping[str, Table],
    days: Sequence[date],
    bounds: Bounds,
) -> dict[date, DayNumbers]:
    """Each day beside its yesterday, which may be published or wait as well."""
    found = dict.fromkeys(days, DayNumbers())
    rows = {day: sum(tables[name].rows.get(day, 0) for name in _ALWAYS) for day in days}
    for span in spans(rows):
        _join(con, lake, tables, span)
        bins: dict[date, tuple[list[int], list[int]]] = {}
        for day, now, before, people in con.execute(_BINS).fetchall():
            of_day = bins.setdefault(day, ([0] * BINS, [0] * BINS))
            of_day[0][now] += people
            of_day[1][before] += people
        # The billionth is what adding doubles may leave.
        off = {"part": bounds.parts_tolerance + 1e-9, "change": bounds.changes_tolerance + 1e-9}
        for day, *numbers in con.execute(_NUMBERS, off).fetchall():
            now_bins, before_bins = bins.get(day, ([0] * BINS, [0] * BINS))
            found[day] = DayNumbers(*(*numbers, tuple(now_bins), tuple(before_bins)))
    return found


def _join(con: duckdb.DuckDBPyConnection, lake: Lake, tables: Mapping[str, Table], span: list[date]) -> None:
    """The tables `person_day` and `yesterday` of a span of days."""
    today = relation(con, tables["daily_score"], span)
    parts = relation(con, tables["score_part"], span)
    changes = relation(con, tables["score_change"], span)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE yesterday AS
        SELECT day + 1 AS day, person_id, score, model_version
        FROM {_scores(con, lake, [day - timedelta(days=1) for day in span])};

        CREATE OR REPLACE TEMP TABLE person_day AS
        WITH part AS (
            SELECT day, person_id, sum(points) AS total, bool_or(part = 'ceiling' AND points < -0.05) AS held
            FROM {parts} GROUP BY day, person_id
        ),
        change AS (SELECT day, person_id, sum(points) AS total FROM {changes} GROUP BY day, person_id)
        SELECT
            day, today.score, yesterday.score AS before,
            today.model_version IS NOT NULL AS there,
            part.total AS parts, change.total AS changes,
            today.score IS NOT NULL AND yesterday.score IS NOT NULL
                AND today.model_version = yesterday.model_version AS moved,
            moved AND NOT coalesce(part.held, false) AS compared
        FROM {today} AS today
        FULL JOIN part USING (day, person_id)
        LEFT JOIN yesterday USING (day, person_id)
        LEFT JOIN change USING (day, person_id)
        """
    )


def _scores(con: duckdb.DuckDBPyConnection, lake: Lake, days: Sequence[date]) -> str:
    """SQL for the scores of days: those that wait where the day waits, else the published ones."""
    waiting = Table.of(lake.pending, "daily_score", days)
    published = Table.of(lake, "daily_score", [day for day in days if day not in waiting.rows])
    columns = "day, person_id, score, model_version"
    newest = "QUALIFY revision = max(revision) OVER (PARTITION BY day)"
    return (
        f"(SELECT {columns} FROM {relation(con, waiting, waiting.rows)} UNION ALL "
        f"SELECT {columns} FROM {relation(con, published, published.rows)} {newest})"
    )


# In the order of DayNumbers. Comparisons are turned round, so that NaN counts as wrong.
_NUMBERS = """
    SELECT
        day,
        count(*) FILTER (WHERE there),
        any_value(people_before),
        count(score),
        count(*) FILTER (WHERE there AND before IS NOT NULL),
        count(*) FILTER (WHERE score IS NOT NULL AND before IS NOT NULL),
        count(*) FILTER (WHERE score IS NULL AND parts IS NOT NULL OR NOT parts_off <= $part),
        coalesce(max(parts_off), 0),
        count(*) FILTER (WHERE moved AND NOT changes_off <= $change),
        coalesce(max(changes_off) FILTER (WHERE moved), 0),
        count(*) FILTER (WHERE compared),
        coalesce(quantile_cont(change, 0.5) FILTER (WHERE compared), 0),
        coalesce(quantile_cont(change, 0.99) FILTER (WHERE compared), 0),
        coalesce(max(change) FILTER (WHERE compared), 0)
    FROM (
        SELECT
            *,
            abs(coalesce(parts, 0) - score) AS parts_off,
            abs(coalesce(changes, 0) - (score - before)) AS changes_off,
            abs(score - before) AS change
        FROM person_day
    )
    LEFT JOIN (SELECT day, count(*) AS people_before FROM yesterday GROUP BY day) USING (day)
    GROUP BY day
"""
# Bins are cut at the deciles of the day before and hold their upper ends. Bins of equal width would each be
# empty until the first people reach it, and an empty bin makes much of few people.
_BINS = f"""
    WITH pair AS (
        SELECT day, score, before FROM person_day
        WHERE compared AND isfinite(score) AND isfinite(before)
    ),
    edge AS (
        SELECT day, list_distinct(quantile_disc(before, {[n / BINS for n in range(1, BINS)]})) AS edges
        FROM pair GROUP BY day
    )
    SELECT
        day,
        len(list_filter(edges, lambda e: e < score)) AS now_bin,
        len(list_filter(edges, lambda e: e < before)) AS before_bin,
        count(*)
    FROM pair INNER JOIN edge USING (day)
    GROUP BY ALL
"""


def _add_sums(panels: Mapping[str, Panel], day: date, numbers: DayNumbers, bounds: Bounds) -> None:
    parts = Check(
        "parts_add_up",
        f"The parts of every score add up to it within {bounds.parts_tolerance:g}; others have none.",
        **NONE_MAY,
    )
    changes = Check(
        "changes_add_up",
        f"The changes of every score add up to its change within {bounds.changes_tolerance:g}.",
        **NONE_MAY,
    )
    for table, check, off, worst in (
        ("score_part", parts, numbers.parts_off, numbers.parts_worst),
        ("score_change", changes, numbers.changes_off, numbers.changes_worst),
    ):
        detail = f"{off:,} people; largest difference {worst:.6g}"
        panels[table].add(check, day, Reading(worst, float(off), detail))


def _add_moves(
    panel: Panel, days: Sequence[date], found: Mapping[date, DayNumbers], past: History, bounds: Bounds
) -> None:
    """The checks against the day before, which need a history and a community of some size."""
    people = Check(
        "people", f"People are at least {bounds.people_kept:g} times as many.", minimum=bounds.people_kept
    )
    scored = Check(
        "scored_share",
        f"Of the people scored the day before, at least {bounds.scored_kept:.0%} are scored.",
        minimum=bounds.scored_kept,
    )
    shifted = Check(
        "psi",
        f"PSI against the day before, bins by its deciles, is at most {bounds.psi:g}.",
        maximum=bounds.psi,
    )
    half = Check(
        "change_p50",
        f"Half of the people move at most {bounds.change_p50:g} points in a day.",
        maximum=bounds.change_p50,
    )
    most = Check(
        "change_p99",
        f"99 of 100 people move at most {bounds.change_p99:g} points in a day.",
        maximum=bounds.change_p99,
    )
    known = dict(past.get(("daily_score", scored.name), {}))
    for day in days:
        n = found[day]
        share = n.scored / n.people if n.people else 0.0
        age = sum(1 for seen in recent(known, day, bounds.history_days) if seen > 0)
        known[day] = share

        kept = n.still_scored / n.were_scored if n.were_scored else None
        ratio = n.people / n.people_before if n.people_before else None
        panel.add(people, day, judged_if(n.people_before, age, n.people, ratio, bounds))
        panel.add(scored, day, judged_if(n.were_scored, age, share, kept, bounds))
        shift = psi(n.bins, n.bins_before) if n.compared else None
        panel.add(shifted, day, judged_if(n.compared, age, shift, shift, bounds))
        for check, value in ((half, n.change_p50), (most, n.change_p99)):
            change = value if n.compared else None
            panel.add(check, day, judged_if(n.compared, age, change, change, bounds))
