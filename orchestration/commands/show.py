"""`stature show` and `stature top`: a score with its interval, trend, parts, changes and topics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestration.commands.people import find_person
from orchestration.commands.warehouse import CommandError, Warehouse

WHAT_IT_IS_NOT = "The score measures attention, not approval and not worth."
TREND_DAYS = 30
_BARS = "▁▂▃▄▅▆▇█"
_BAR_WIDTH = 24

UNSCORED = {
    "never_acted": "the account never did anything itself, and nobody is profiled through others",
    "opted_out": "the person opted out",
    "opt_out": "the person opted out",
    "objected": "the person objected, and the objection is not answered yet",
    "object": "the person objected, and the objection is not answered yet",
    "erased": "the person's data was erased",
    "under_18": "the person is known to be under 18",
    "no_legal_basis": "there is no legal basis for scoring this contact",
}

PARTS = {
    "base": "base: everybody begins here",
    "endorsement": "endorsements",
    "ceiling": "ceiling of a young account",
    "accounts": "accounts that joined or left lately",
}
CAUSES = {
    "new_attention": "new attention",
    "fading": "older attention fading",
    "others_authority": "authority of those who react",
    "give_back": "give-back between accounts",
    "accounts": "accounts joined or left",
    "ceiling": "ceiling",
    "smoothing": "smoothing",
    "endorsements": "endorsements",
}


@dataclass(frozen=True)
class Explained:
    """All that is shown of a person on a day. Lists are in the order they are shown."""

    person: dict[str, Any]
    score: dict[str, Any]
    rank: int | None
    people: int
    trend: list[tuple[date, float | None]]
    parts: list[dict[str, Any]]
    changes: list[dict[str, Any]]
    topics: list[dict[str, Any]]
    explanation: str | None = None
    """The score in one sentence; there is one of the newest day alone."""


def sparkline(values: Sequence[float | None]) -> str:
    """A row of bars from the lowest to the highest value; a gap where there is none."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, span = min(known), max(known) - min(known)
    # Less than a point is no trend: a flat line should look flat.
    span = max(span, 1.0)
    return "".join(
        " " if value is None else _BARS[min(int((value - low) / span * len(_BARS)), len(_BARS) - 1)]
        for value in values
    )


def explain(warehouse: Warehouse, settings: Any, who: str, day: date | None) -> Explained:
    """What is known of somebody on a day (the last one without it). CommandError where there is no score."""
    person = find_person(warehouse, settings, who)
    key = person["person_id"]
    score = warehouse.row(
        "select * from core.daily_score where person_id = ? and (? is null or day = ?)"
        " order by day desc, revision desc limit 1",
        key,
        day,
        day,
    )
    if score is None:
        known = warehouse.row(
            "select min(day) as first, max(day) as last from core.daily_score where person_id = ?", key
        )
        days = f"from {known['first']} to {known['last']}" if known and known["first"] else "on no day"
        raise CommandError(f"{who} has no score of {day or 'any day'}: there are scores {days}.")
    day = score["day"]
    standing = warehouse.row(
        "with latest as (select score from core.daily_score where day = ?"
        " qualify row_number() over (partition by person_id order by revision desc) = 1)"
        " select count(score) as people, 1 + count(*) filter (where score > ?) as rank from latest",
        day,
        score["score"],
    )
    trend = warehouse.rows(
        "select day, score from bi.score_trend where person_id = ? and day between ? and ? order by day",
        key,
        score["day"] - timedelta(days=TREND_DAYS - 1),
        day,
    )
    said = warehouse.row("select explanation from bi.score_latest where person_id = ? and day = ?", key, day)
    return Explained(
        person=person,
        explanation=said["explanation"] if said else None,
        score=score,
        rank=standing["rank"] if standing and score["score"] is not None else None,
        people=standing["people"] if standing else 0,
        trend=[(row["day"], row["score"]) for row in trend],
        parts=_of_day(warehouse, "bi.score_parts", "part, network", key, day),
        changes=_of_day(warehouse, "bi.score_changes", "cause", key, day),
        topics=warehouse.rows(
            "select topic, label, score, rank, endorsements from bi.topic_leaderboard"
            " where person_id = ? and day = ? order by score desc, topic limit 5",
            key,
            day,
        ),
    )


def _of_day(warehouse: Warehouse, table: str, what: str, key: str, day: date) -> list[dict[str, Any]]:
    return warehouse.rows(
        f"select {what}, points from {table} where person_id = ? and day = ?"  # noqa: S608
        " order by abs(points) desc, 1",
        key,
        day,
    )


def page(found: Explained) -> RenderableType:
    """The explanation as it is printed."""
    score = found.score
    if score["score"] is None:
        reason = score["unscored_reason"] or "unknown"
        said = UNSCORED.get(reason)
        text = Text(f"Not scored on {score['day']}: {reason}" + (f" ({said})." if said else "."))
        return Group(_heading(found.person), text, _foot())
    sentence = [Text(f"{found.explanation}.", "bold")] if found.explanation else []
    blocks: list[RenderableType] = [
        _heading(found.person),
        *sentence,
        _numbers(found),
        *_trend(found),
        Text(),
    ]
    blocks += [
        Text("What it is made of", "bold"),
        _parts(found),
        *_changes(found),
        *_topics(found),
        Text(),
        _measures(score),
        _foot(),
    ]
    return Group(*blocks)


def _heading(person: dict[str, Any]) -> Text:
    name = Text(person["display_name"] or person["handle"] or person["person_id"], style="bold")
    handle = f"  @{person['handle']}" if person["handle"] else ""
    return name.append(f"{handle} on {person['networks'].replace(',', ', ')}", style="dim")


def _numbers(found: Explained) -> Text:
    score = found.score
    line = Text("Score ").append(f"{score['score']:.1f}", style="bold green")
    if score["score_low"] is not None and score["score_high"] is not None:
        line.append(f"  (95 %: {score['score_low']:.1f} to {score['score_high']:.1f})")
    line.append(f"  rank {found.rank:,} of {found.people:,}")
    revised = f", revision {score['revision']}: {score['reason']}" if score["revision"] > 1 else ""
    return line.append(f"  on {score['day']}{revised}", style="dim")


def _trend(found: Explained) -> list[Text]:
    known = [value for _, value in found.trend if value is not None]
    if len(known) < 2:
        return []
    bars = sparkline([value for _, value in found.trend])
    return [
        Text("Trend ")
        .append(bars, style="cyan")
        .append(f"  {known[0]:.1f} to {known[-1]:.1f} in {len(bars)} days")
    ]


def _parts(found: Explained) -> Table:
    table = Table(box=None, pad_edge=False)
    for column, justify in (("part", "left"), ("network", "left"), ("points", "right"), ("", "left")):
        table.add_column(column, justify=justify, header_style="dim")  # type: ignore[arg-type]
    largest = max((abs(part["points"]) for part in found.parts), default=1.0) or 1.0
    # A share too small for two digits is no row; the sum below still has it.
    for part in [part for part in found.parts if abs(part["points"]) >= 0.005]:
        bar = "█" * round(abs(part["points"]) / largest * _BAR_WIDTH)
        table.add_row(
            PARTS.get(part["part"], part["part"]),
            part["network"] or "",
            f"{part['points']:.2f}",
            Text(bar, "green"),
        )
    total = sum(part["points"] for part in found.parts)
    table.add_row("score", "", f"{total:.2f}", "", style="bold")
    return table


def _changes(found: Explained) -> list[RenderableType]:
    moved = [change for change in found.changes if abs(change["points"]) >= 0.005]
    if not moved:
        return []
    total = sum(change["points"] for change in found.changes)
    said = ", ".join(f"{CAUSES.get(c['cause'], c['cause'])} {c['points']:+.2f}" for c in moved)
    return [
        Text(),
        Text("Since yesterday ", "bold").append(f"{total:+.2f}", "bold").append(f": {said}", "not bold"),
    ]


def _topics(found: Explained) -> list[RenderableType]:
    if not found.topics:
        return []
    said = ", ".join(
        f"{topic['label']} {topic['score']:.0f} (rank {topic['rank']}{_vouched(topic['endorsements'])})"
        for topic in found.topics
    )
    return [Text("Topics ", "bold").append(said, "not bold")]


def _vouched(endorsements: float | None) -> str:
    """What a topic's endorsements are worth: a number of fully trusted ones of today, so seldom whole."""
    return f", endorsements worth {endorsements:.1f}" if endorsements and endorsements >= 0.05 else ""


def _measures(score: dict[str, Any]) -> Text:
    measures = {
        "momentum": score["momentum"],
        "reach": score["reach"],
        "amplification": score["amplification"],
        "network influence": score["network_influence"],
        "evidence": score["evidence"],
    }
    said = ", ".join(f"{name} {value:,.1f}" for name, value in measures.items() if value is not None)
    return Text(f"Beside the score: {said}. Model {score['model_version']}.", style="dim")


def _foot() -> Text:
    return Text(WHAT_IT_IS_NOT, style="italic dim")


def leaderboard(warehouse: Warehouse, limit: int, topic: str | None) -> RenderableType:
    """The highest scores of the last day, of everybody or on a topic."""
    if topic:
        rows = warehouse.rows(
            "select * from bi.topic_leaderboard where (topic = ? or lower(label) = lower(?))"
            " and day = (select max(day) from bi.topic_leaderboard) order by rank, person_id limit ?",
            topic,
            topic,
            limit,
        )
        if not rows:
            known = warehouse.rows("select distinct label from bi.topic_leaderboard order by label limit 20")
            topics = ", ".join(row["label"] for row in known)
            raise CommandError(f"Nobody is listed for the topic {topic}. Topics: {topics or 'none yet'}.")
    else:
        rows = warehouse.rows(
            "select * from bi.score_latest where score is not null order by rank, person_id limit ?", limit
        )
    about = f" on {rows[0]['label']}" if topic else ""
    heading = f"Influence{about}, {rows[0]['day']}" if rows else "Nobody is scored yet"
    table = Table(box=None, pad_edge=False)
    columns = ("rank", "score") if topic else ("rank", "score", "95 %", "7 days", "momentum")
    for column in columns:
        table.add_column(column, justify="right", header_style="dim")
    table.add_column("who", header_style="dim")
    for row in rows:
        cells = [f"{row['rank']}", f"{row['score']:.1f}"]
        if not topic:
            cells += [f"{row['score_low']:.0f} to {row['score_high']:.0f}", _signed(row["change_7d"])]
            cells.append("" if row["momentum"] is None else f"{row['momentum']:.1f}")
        name = row["display_name"] or row["handle"] or row["person_id"]
        table.add_row(*cells, Text(name).append(f"  @{row['handle']}" if row["handle"] else "", "dim"))
    return Group(Text(heading, "bold"), table)


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.1f}"
