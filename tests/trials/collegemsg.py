"""The real log of CollegeMsg as an inbox, and its scores beside PageRank.

    python -m tests.trials.collegemsg --log CollegeMsg.txt --to FOLDER

runs all 193 days in one go, prints what came of it, then runs the history again in pieces, in which days
5, 50 and 190 stand alone, to see what one more day costs as the history grows.

A message is a reply from its sender to its receiver. The log says nothing else: no account's age, no
verified people, no follows, so seeds of trust are drawn and every account is new when first seen.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import networkx as nx
import pyarrow as pa
import pyarrow.parquet as pq

NETWORK = "collegemsg"
SINGLE_DAYS = (5, 50, 190)
PREDICTORS = (
    "score",
    "momentum",
    "log_followers",
    "reactions_7d",
    "reactions_30d",
    "pagerank_follows",
    "pagerank_reactions",
)


def read_log(log: Path) -> list[tuple[str, str, datetime]]:
    """(sender, receiver, moment) of every message, in the log's order."""
    rows = []
    for line in log.read_text().splitlines():
        sender, receiver, moment = line.split()
        rows.append((sender, receiver, datetime.fromtimestamp(int(moment), UTC)))
    return rows


def write_inbox(log: Path, folder: Path, days: int | None = None) -> list[date]:
    """Write the log's first `days` days as an inbox, a Parquet file a day; the days written."""
    by_day: dict[date, list[dict[str, object]]] = {}
    for number, (sender, receiver, moment) in enumerate(read_log(log)):
        by_day.setdefault(moment.date(), []).append(
            {
                "network": NETWORK,
                "activity_id": f"m{number}",
                "kind": "reply",
                "actor_account_id": sender,
                "target_account_id": receiver,
                "content_id": None,
                "occurred_at": moment,
                "topics": [],
            }
        )
    schema = pa.schema(
        [
            *((name, pa.string()) for name in ("network", "activity_id", "kind")),
            *((name, pa.string()) for name in ("actor_account_id", "target_account_id", "content_id")),
            ("occurred_at", pa.timestamp("us", "UTC")),
            ("topics", pa.list_(pa.string())),
        ]
    )
    written = sorted(by_day)[:days]
    for day in written:
        place = folder / day.isoformat()
        place.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(by_day[day], schema=schema), place / "activities.parquet")
    return written


def reference_ranks(log: Path) -> dict[str, float]:
    """PageRank by networkx over the whole log, an edge weighing its number of messages."""
    graph = nx.DiGraph()
    for sender, receiver, _ in read_log(log):
        weight = graph.get_edge_data(sender, receiver, {"weight": 0})["weight"]
        graph.add_edge(sender, receiver, weight=weight + 1)
    return dict(nx.pagerank(graph, alpha=0.85))


def report(log: Path, home: str) -> str:
    """Rows, changes from day to day, and the top ten beside PageRank, as Markdown."""
    ranks = reference_ranks(log)
    received: dict[str, int] = {}
    for _, receiver, _ in read_log(log):
        received[receiver] = received.get(receiver, 0) + 1
    with duckdb.connect(f"{home}/warehouse/published/stature.duckdb", read_only=True) as connection:
        counts = connection.execute(
            "select sum(received), sum(accepted), sum(quarantined), sum(duplicates) from bi.data_quality"
        ).fetchone()
        people = connection.execute(
            """
            select count(*) filter (where score is not null),
                   count(*) filter (where unscored_reason = 'never_acted'), max(day)
            from core.daily_score where day = (select max(day) from core.daily_score)
            """
        ).fetchone()
        moved = connection.execute(
            """
            with moves as (
                select abs(score - lag(score) over (partition by person_id order by day)) as move
                from core.daily_score where score is not null
            )
            select quantile_cont(move, 0.5), quantile_cont(move, 0.99), max(move), count(move) from moves
            """
        ).fetchone()
        top = connection.execute(
            "select person_id, score, evidence from bi.score_latest order by score desc nulls last limit 10"
        ).fetchall()
        ever = connection.execute(
            "select person_id, max(score) from core.daily_score group by 1 order by 2 desc nulls last limit 10"  # noqa: E501
        ).fetchall()
    by_rank = sorted(ranks, key=lambda name: -ranks[name])
    place = {name: index + 1 for index, name in enumerate(by_rank)}

    def account(person: str) -> str:
        return person.rsplit(":", 1)[-1]

    lines = [
        f"rows received {counts[0]}, accepted {counts[1]}, quarantined {counts[2]}, duplicates {counts[3]}",
        f"people scored {people[0]}, never acted {people[1]}, as of {people[2]}",
        f"change from day to day: p50 {moved[0]:.2f}, p99 {moved[1]:.2f}, largest {moved[2]:.2f} "
        f"({moved[3]} pairs of days)",
        f"top ten in PageRank's top ten: last day {len({account(p) for p, *_ in top} & set(by_rank[:10]))}, "
        f"highest ever {len({account(p) for p, _ in ever} & set(by_rank[:10]))}",
        "",
        "| account | score | evidence | PageRank's place | received in all |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {account(person)} | {score} | {evidence} | {place.get(account(person), '-')} "
        f"| {received.get(account(person), 0)} |"
        for person, score, evidence in top
    ]
    lines += ["", "| PageRank | account | highest score | received in all |", "|---|---|---|---|"]
    with duckdb.connect(f"{home}/warehouse/published/stature.duckdb", read_only=True) as connection:
        for index, name in enumerate(by_rank[:10], 1):
            best = connection.execute(
                "select max(score) from core.daily_score where person_id = ?", [f"acct:{NETWORK}:{name}"]
            ).fetchone()
            lines.append(f"| {index} | {name} | {best[0] if best else None} | {received.get(name, 0)} |")
    return "\n".join(lines)


def foresight(home: str) -> str:
    """What foretold the next thirty days, by month-end and predictor, and how calm scores were: Markdown."""
    with duckdb.connect(f"{home}/warehouse/published/stature.duckdb", read_only=True) as connection:
        rows = connection.execute(
            """
            select as_of_day, predictor, sum(people), any_value(spearman), any_value(top_decile_lift)
            from bi.score_validation group by as_of_day, predictor
            """
        ).fetchall()
        calm = connection.execute(
            """
            select max(psi_30d), count(*) filter (where verdict = 'warn'),
                   count(*) filter (where verdict = 'block'), count(*)
            from bi.score_stability where verdict <> 'not_judged'
            """
        ).fetchone()
    found = {(day, predictor): (people, spearman, lift) for day, predictor, people, spearman, lift in rows}
    days = sorted({day for day, _ in found})
    head = [f"{day} ({found[day, PREDICTORS[0]][0]} people)" for day in days]
    lines = ["| rank correlation, top-decile lift | " + " | ".join(head) + " |", "|---|" + "---|" * len(days)]
    for predictor in PREDICTORS:
        cells = (
            "-" if spearman is None else f"{spearman:.3f}, {lift:.2f}"
            for _, spearman, lift in (found[day, predictor] for day in days)
        )
        lines.append(f"| {predictor} | " + " | ".join(cells) + " |")
    highest = "-" if calm[0] is None else f"{calm[0]:.3f}"
    lines += [
        "",
        f"PSI over 30 days: at most {highest}; of {calm[3]} days judged {calm[1]} warn, {calm[2]} block",
    ]
    return "\n".join(lines)


def stature(folder: Path, home: str, first: date, last: date) -> tuple[float, str]:
    """Run the days in a home of `folder`; seconds and what was printed."""
    environment = os.environ | {
        "STATURE_HOME": str(folder / home),
        "STATURE_INBOX": str(folder / "inbox"),
        "STATURE_NETWORKS": "inbox",
    }
    command = [str(Path(sys.executable).with_name("stature")), "run", "--from", str(first), "--to", str(last)]
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return time.perf_counter() - started, done.stdout


def cost_curve(folder: Path, first: date, last: date) -> list[tuple[int, float, str]]:
    """(day of the history, seconds, stages) of single days after histories of growing length."""
    curve = []
    begin = first
    for number in SINGLE_DAYS:
        day = first + timedelta(days=number - 1)
        if day > last:
            break
        stature(folder, "pieces", begin, day - timedelta(days=1))
        seconds, output = stature(folder, "pieces", day, day)
        stages = ", ".join(
            " ".join(line[2:25].split()) for line in output.splitlines() if line.startswith("\u2713")
        )
        curve.append((number, seconds, stages))
        begin = day + timedelta(days=1)
    return curve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True, help="an empty folder for the inbox and the homes")
    arguments = parser.parse_args()
    if not arguments.log.exists():
        raise SystemExit(f"There is no log at {arguments.log}.")
    shutil.rmtree(arguments.to, ignore_errors=True)
    days = write_inbox(arguments.log, arguments.to / "inbox")
    seconds, output = stature(arguments.to, "home", days[0], days[-1])
    print(f"{days[0]} to {days[-1]} in one run: {seconds:.0f} s\n{output}")  # noqa: T201
    print(report(arguments.log, str(arguments.to / "home")))  # noqa: T201
    print(f"\n{foresight(str(arguments.to / 'home'))}\n")  # noqa: T201
    for number, cost, stages in cost_curve(arguments.to, days[0], days[-1]):
        print(f"day {number} alone: {cost:.1f} s ({stages})")  # noqa: T201


if __name__ == "__main__":
    main()
