"""Every line of the design's table, measured on published scores.

Pure: scores by account and day in, a line with its bound, its measure and its verdict out. A line that
is about points gained is the difference between a world and the same world without what was planted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from tests.behaviour.arrays import Scores
from tests.behaviour.community import Community
from tests.behaviour.events import FOLLOW, POST, Events, Floats, Ints
from tests.behaviour.plants import BEGIN

NEVER = 10**6


@dataclass(frozen=True)
class Line:
    """One line of the table. `holds` is None where the world does not have what the line is about."""

    behaviour: str
    bound: str
    measured: str
    holds: bool | None


@dataclass(frozen=True)
class Played:
    """A community, its scores, and whom its plants were about."""

    community: Community
    scores: Scores
    subjects: dict[str, Ints] = field(default_factory=dict)


def steady_lines(base: Played) -> list[Line]:
    """How much people move whose input is steady, from day 60 on."""
    score = _honest(base, base.scores.score)
    change = np.abs(np.diff(score[:, min(60, score.shape[1] - 31) :], axis=1))
    half, most = np.nanpercentile(change, [50, 99])
    month = np.abs(score[:, -1] - score[:, -31])
    movers = 100 * float(np.mean(month[~np.isnan(month)] > 3.6))
    # The same score over and over has no spread: bins are the earlier day's deciles.
    psi = population_stability(score[:, -31], score[:, -1])
    return [
        Line(
            "steady input: change from day to day, p50 / p99",
            "<= 0.2 / <= 1.5",
            f"{half:.2f} / {most:.2f}",
            bool(half <= 0.2 and most <= 1.5),
        ),
        Line("steady input: move over 3.6 points in 30 days", "<= 12 %", f"{movers:.1f} %", movers <= 12),
        Line("Population Stability Index over 30 days, 10 bins", "<= 0.10", f"{psi:.3f}", psi <= 0.10),
    ]


def population_stability(before: Floats, after: Floats, bins: int = 10) -> float:
    """Population Stability Index of two samples over the first one's quantiles."""
    before, after = before[~np.isnan(before)], after[~np.isnan(after)]
    edges = np.unique(np.quantile(before, np.linspace(0, 1, bins + 1)[1:-1]))
    p = np.bincount(np.searchsorted(edges, before), minlength=len(edges) + 1) / len(before)
    q = np.bincount(np.searchsorted(edges, after), minlength=len(edges) + 1) / len(after)
    p, q = np.maximum(p, 1e-4), np.maximum(q, 1e-4)
    return float(np.sum((q - p) * np.log(q / p)))


def fortune_lines(base: Played, changed: Played) -> list[Line]:
    """What happens to honest people, against themselves without it."""
    gain = _gain(base, changed)
    lines = []

    rise = np.nanmean(gain["lasting rise"][:, BEGIN:], axis=0)
    step = float(rise[-15:].mean())
    when = int(np.argmax(rise >= 0.9 * step))
    over = 100 * (float(rise.max()) / step - 1)
    lines.append(
        Line(
            "a lasting eightfold rise: days to 90 % of the step, overshoot",
            "14-28 days, <= 15 %",
            f"{when} days, {over:.0f} % (step {step:.1f})",
            bool(14 <= when <= 28 and over <= 15),
        )
    )
    burst = gain["conference"]
    down = -np.nanmin(np.diff(burst[:, BEGIN:], axis=1))
    lines.append(_typical("a week's conference: peak", np.nanmax(burst[:, BEGIN:], axis=1), 3.0))
    lines.append(
        Line("a week's conference: largest fall of a day", "<= 1.5", f"{down:.2f}", bool(down <= 1.5))
    )
    viral = gain["viral post"]
    lines.append(
        _typical("one post with fifty times the reactions: peak", np.nanmax(viral[:, BEGIN:], axis=1), 5.0)
    )
    left = np.abs(np.nanmean(viral[:, BEGIN + 30]))
    lines.append(Line("one post: left after 30 days", "gone (<= 0.5)", f"{left:.2f}", bool(left <= 0.5)))

    young = changed.scores.score[changed.subjects["newcomer"], BEGIN : BEGIN + 7]
    lines.append(
        Line("under seven days old", "<= 10", f"{np.nanmax(young):.2f}", bool(np.nanmax(young) <= 10))
    )

    who = changed.subjects["fade out"]
    points = changed.scores.score[who] - 1
    at = points[:, BEGIN]
    halved = [int(np.argmax(row[BEGIN:] <= of / 2)) or NEVER for row, of in zip(points, at, strict=True)]
    half = float(np.median(halved))
    shown = (
        f"{half:.0f} days"
        if half < NEVER
        else f"{100 * np.median(points[:, -1] / at):.0f} % left on the last day"
    )
    lines.append(Line("nobody reacts any more: half the points gone after", "60-120 days", shown, half >= 60))

    return lines


def attack_lines(base: Played, attacked: Played) -> list[Line]:
    """What attackers gain, against themselves without the attack."""
    gain, subjects, score = _gain(base, attacked), attacked.subjects, attacked.scores.score
    honest = _honest(base, base.scores.score)
    median = np.nanmedian(honest, axis=0)
    lines = []
    for name in subjects:
        if name.startswith("farm") and not name.endswith("fakes"):
            lines.append(_points(f"{name}: gain", np.nanmax(gain[name][:, BEGIN:], axis=1), 2.0))
    for name in subjects:
        if name.startswith("pod"):
            lines.append(_points(f"{name}: gain a member", np.nanmax(gain[name][:, BEGIN:], axis=1), 2.0))
    if "trading pair" in subjects:
        best = np.nanmax(gain["trading pair"][:, BEGIN:], axis=1)
        lines.append(_points("two people trading 50 replies a day", best, 1.0))
    if "endorsing ring" in subjects:
        best = np.nanmax(gain["endorsing ring"][:, BEGIN:], axis=1)
        lines.append(_points("a ring that endorses itself daily", best, 0.5))
    if "silence" in subjects:
        loss = -np.nanmin(gain["silence"][:, BEGIN : BEGIN + 21], axis=1)
        lines.append(_typical("seven silent days: loss", loss, 1.0))
    if "second account" in subjects:
        change = np.nanmax(np.abs(gain["second account"][:, BEGIN:]), axis=1)
        lines.append(_points("an empty second account linked: change", change, 0.5))
    if "social bots" in subjects:
        above = score[subjects["social bots"]] - median
        worst = float(np.nanmax(above[:, BEGIN:]))
        lines.append(
            Line(
                "120 social bots: highest above the median person",
                "<= 0",
                f"{worst:+.1f} (median {median[-1]:.1f})",
                worst <= 0,
            )
        )
    if "minute bot" in subjects:
        bot = float(np.nanmax(score[subjects["minute bot"]]))
        # In a history's first days the median person is at 1 as well.
        low = float(np.nanmax((score[subjects["minute bot"]] - median)[:, median > 1]))
        lines.append(
            Line(
                "a post a minute and no reaction",
                "<= 15, below the median",
                f"{bot:.1f}",
                bot <= 15 and low < 0,
            )
        )
    if "more from people" in subjects:
        fewer = -np.nanmin(gain["more from people"][:, BEGIN:], axis=1)
        lines.append(
            Line(
                "more reactions received: never lower",
                ">= 0",
                f"{-fewer.max():.3f}",
                bool(fewer.max() <= 0.005),
            )
        )
    if "more from fakes" in subjects:
        fewer = -np.nanmin(gain["more from fakes"][:, BEGIN:], axis=1)
        lines.append(
            Line(
                "more reactions from untrusted accounts: lowest",
                ">= -0.1",
                f"{-fewer.max():.3f}",
                bool(fewer.max() <= 0.1),
            )
        )
    return lines


def bystander_line(base: Played, changed: Played, behaviour: str, bound: float) -> Line:
    """How far anybody moves whom the change is not about."""
    difference = np.abs(_honest(base, changed.scores.score[: len(base.community.people)] - base.scores.score))
    most = float(np.nanmax(difference))
    return Line(
        behaviour, f"<= {bound:g}", f"{most:.2f} (p99 {np.nanpercentile(difference, 99):.2f})", most <= bound
    )


def coverage_lines(base: Played, redrawn: Played) -> list[Line]:
    """How often a steady person's interval holds another history's score, and that of 30 days later."""
    honest = base.community.people.of_community
    last = base.community.world.days - 31
    days = (last - 15, last)
    other, later, width = [], [], []
    for day in days:
        low, high = base.scores.low[honest, day], base.scores.high[honest, day]
        again = redrawn.scores.score[: len(honest)][honest, day]
        then = base.scores.score[honest, day + 30]
        other.append(_inside(low, high, again))
        later.append(_inside(low, high, then))
        width.append(float(np.nanmedian(high - low)))
    lines = []
    for name, value in (("a redrawn history", other), ("30 days later", later)):
        share = 100 * float(np.mean(value))
        lines.append(
            Line(
                f"interval holds the score of {name}",
                "95 % (±2)",
                f"{share:.1f} % (median width {np.mean(width):.1f})",
                93 <= share <= 97,
            )
        )
    return lines


def _inside(low: Floats, high: Floats, value: Floats) -> float:
    known = ~(np.isnan(low) | np.isnan(value))
    return float(np.mean((low <= value)[known] & (value <= high)[known]))


def followers_line(base: Played) -> Line:
    """How much of the score the logarithm of followers explains."""
    people = base.community.people
    score = _honest(base, base.scores.score)[:, -1]
    fans = np.log1p(people.followers[people.of_community])
    known = ~np.isnan(score)
    explained = float(np.corrcoef(score[known], fans[known])[0, 1] ** 2)
    return Line("score against log(followers): R²", "<= 0.6", f"{explained:.2f}", explained <= 0.6)


def forecast_lines(base: Played, pagerank_of: dict[str, Floats], day: int = 89) -> list[Line]:
    """Rank correlation with the next 30 days' reactions, score and momentum beside plainer predictors.

    `pagerank_of` holds (accounts,) ranks on the days up to `day`, by name.
    """
    events, n = base.community.events, len(base.community.people)
    future = _received(events, day + 1, day + 31, n)
    month, week = _received(events, day - 29, day + 1, n), _received(events, day - 6, day + 1, n)
    among = base.community.people.of_community & (month >= 3) & ~np.isnan(base.scores.score[:, day])

    def rank(values: Floats) -> float:
        return float(stats.spearmanr(values[among], future[among]).statistic)

    score, momentum = rank(base.scores.score[:, day]), rank(base.scores.momentum[:, day])
    plain = {"followers": rank(base.community.people.followers)}
    plain |= {name: rank(values) for name, values in pagerank_of.items()}
    of_month, of_week = rank(month), rank(week)
    beaten = max(plain.values())
    others = ", ".join(f"{name} {value:.3f}" for name, value in plain.items())
    return [
        Line(
            "forecast: score above followers and PageRank",
            "above",
            f"{score:.3f} ({others})",
            score > beaten,
        ),
        Line(
            "forecast: score within 0.01 of the last 30 days' count",
            f">= {of_month - 0.01:.3f}",
            f"{score:.3f}",
            score >= of_month - 0.01,
        ),
        Line(
            "forecast: momentum above the last 7 days' count",
            f"> {of_week:.3f}",
            f"{momentum:.3f}",
            momentum > of_week,
        ),
    ]


def pageranks(community: Community, day: int = 89) -> dict[str, Floats]:
    """PageRank on follows and on reactions up to a day, (accounts,) each."""
    from spark_jobs.graph.pagerank import pagerank

    events, n = community.events, len(community.people)
    past = events.day <= day
    follows, reactions = past & (events.kind == FOLLOW), past & events.reacting & (events.day > day - 30)
    ranks = {"PageRank on reactions": pagerank(n, events.actor[reactions], events.target[reactions])}
    if follows.any():
        ranks["PageRank on follows"] = pagerank(n, events.actor[follows], events.target[follows])
    return ranks


def _received(events: Events, begin: int, end: int, accounts: int) -> Floats:
    here = (events.day >= begin) & (events.day < end) & (events.kind < POST)
    return np.bincount(events.target[here], minlength=accounts).astype(np.float64)


def _honest(played: Played, values: Floats) -> Floats:
    return values[played.community.people.of_community[: len(values)]]


def _gain(base: Played, changed: Played) -> dict[str, Floats]:
    known = len(base.community.people)
    return {
        name: changed.scores.score[who] - base.scores.score[who]
        for name, who in changed.subjects.items()
        if len(who) and who.max() < known
    }


def _typical(behaviour: str, values: Floats, bound: float) -> Line:
    """A line on what becomes of honest people: of their own extremes the median, and the worst is shown."""
    middle = float(np.median(values))
    shown = f"{middle:.2f} (nine of ten {np.quantile(values, 0.9):.2f}, worst {np.max(values):.2f})"
    return Line(behaviour, f"<= {bound:g}", shown, middle <= bound)


def _points(behaviour: str, values: Floats, bound: float) -> Line:
    """A line on people's own extremes: nine of ten must keep the bound, and the worst is shown.

    The tenth is left to chance: what is planted changes others too, and a difference of two histories is
    never of one cause alone.
    """
    most = float(np.quantile(values, 0.9, method="higher"))
    shown = (
        f"{most:.2f} (mean {np.mean(values):.2f}, worst {np.max(values):.2f})"
        if len(values) > 1
        else f"{most:.2f}"
    )
    return Line(behaviour, f"<= {bound:g}", shown, most <= bound)
