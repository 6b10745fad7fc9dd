"""What the stages cost, beside peers measured in the same run: `make bench`.

    python -m tests.trials.bench --to FOLDER [--people 5000] [--days 10]

Runs `stature run` on the sample community and takes the stages' own seconds; then PageRank of a random
graph by this project and by networkx, and a plain pass of DuckDB over the same raw rows. Prints a
Markdown table; `tests/trials/RESULTS.md` keeps the last one that was worth keeping.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import networkx as nx
import numpy as np
import psutil

from spark_jobs.graph.pagerank import pagerank
from spark_jobs.lake import Lake

FIRST = date(2026, 1, 1)
VERTICES, EDGES = 20_000, 200_000


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def stages(home: Path, people: int, first: date, days: int) -> dict[str, float]:
    """Seconds by stage of one run, and `whole` for the process."""
    last = first + timedelta(days=days - 1)
    environment = os.environ | {"STATURE_HOME": str(home), "STATURE_SAMPLE_PEOPLE": str(people)}
    command = [str(Path(sys.executable).with_name("stature")), "run", "--from", str(first), "--to", str(last)]
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    found = re.findall(r"^\u2713 ([a-z ]+?) +([0-9.]+) s", done.stdout, re.MULTILINE)
    return {name: float(value) for name, value in found} | {"whole": time.perf_counter() - started}


def plain_pass(home: Path) -> float:
    """DuckDB reading the raw activities and counting their distinct ids: the least a stage could do."""
    lake = Lake(str(home))
    files = [
        lake.uri(f"{lake.day_path('raw/sample', day)}/{file.name}")
        for day, manifest in lake.manifests("raw/sample").items()
        for file in manifest.files
        if file.extra["table"] == "activities"
    ]
    query = f"select count(distinct (network, activity_id)), count(*) from read_parquet({files!r})"
    return seconds(lambda: duckdb.sql(query).fetchall())


def ranks() -> tuple[float, float]:
    """Seconds of our PageRank and of networkx's on the same graph, to the same tolerance."""
    random = np.random.default_rng(1)
    source, target = random.integers(VERTICES, size=EDGES), random.integers(VERTICES, size=EDGES)
    graph = nx.DiGraph()
    graph.add_nodes_from(range(VERTICES))
    graph.add_edges_from(zip(source.tolist(), target.tolist(), strict=True))
    ours = seconds(lambda: pagerank(VERTICES, source, target, tolerance=1e-10))
    theirs = seconds(lambda: nx.pagerank(graph, tol=1e-10 / VERTICES, max_iter=200))
    return ours, theirs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--to", type=Path, required=True, help="a folder that may be emptied")
    parser.add_argument("--people", type=int, default=5000)
    parser.add_argument("--days", type=int, default=10)
    arguments = parser.parse_args()
    shutil.rmtree(arguments.to, ignore_errors=True)
    arguments.to.mkdir(parents=True)
    whole = stages(arguments.to, arguments.people, FIRST, arguments.days)
    single = stages(arguments.to, arguments.people, FIRST + timedelta(days=arguments.days), 1)
    plain = plain_pass(arguments.to)
    ours, theirs = ranks()
    both = whole["conform"] + whole["score"]
    memory = psutil.virtual_memory().total / 2**30
    lines = [
        f"{datetime.now(UTC).date()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"Python {platform.python_version()}, {arguments.people:,} people, {arguments.days} days in one run",
        "",
        "| what | seconds | beside |",
        "|---|---|---|",
        *(
            f"| {name}, the range | {value:.1f} | {value / arguments.days:.2f} a day |"
            for name, value in whole.items()
        ),
        f"| conform and score, a day of the range | {both / arguments.days:.2f} | bound 6, aim 3 |",
        f"| conform, the range | {whole['conform']:.1f} | {whole['conform'] / plain:.0f} times DuckDB's "
        f"plain pass over the same rows ({plain:.2f} s) |",
        *(f"| {name}, the next day alone | {value:.1f} | |" for name, value in single.items()),
        f"| PageRank, {VERTICES:,} vertices, {EDGES:,} edges | {ours:.3f} | networkx {theirs:.3f}, "
        f"{theirs / ours:.1f} times as long |",
    ]
    print("\n".join(lines))  # noqa: T201


if __name__ == "__main__":
    main()
