"""`make behaviour`: the design's table, measured on simulated people through the real pipeline.

    python -m tests.behaviour --to FOLDER [--people 4000] [--days 120] [--seed 1] [--arrays]
        [--simulator audiences|posts]

`--arrays` scores on the model's arrays, without files, Spark and marts: the same numbers in a tenth of
the time, for tuning.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from spark_jobs.scoring_model import load_model
from tests.behaviour.arrays import scores_of
from tests.behaviour.community import World, community
from tests.behaviour.measures import Line
from tests.behaviour.pipeline import published_scores, run_pipeline, write_inbox
from tests.behaviour.posts import posting_community
from tests.behaviour.worlds import Set, Simulator, whole_set

SIMULATORS: dict[str, Simulator] = {"audiences": community, "posts": posting_community}


def through_the_pipeline(worlds: Set, folder: Path, days: int) -> list[Line]:
    """Write, run, read: the table of what was published."""
    shutil.rmtree(folder, ignore_errors=True)
    write_inbox(folder / "inbox", worlds.communities)
    run_pipeline(folder / "home", folder / "inbox", days)
    return worlds.lines(lambda network, whole: published_scores(folder / "home", network, whole))


def shown(lines: list[Line], title: str) -> Table:
    table = Table("behaviour", "bound", "measured", "", title=title, title_justify="left")
    for line in lines:
        table.add_row(line.behaviour, line.bound, line.measured, "holds" if line.holds else "MISSES")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, required=True, help="folder that is written anew")
    parser.add_argument("--people", type=int, default=4000)
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reactions", type=float, default=0.6, help="a day, of the median person")
    parser.add_argument("--model", default="v1")
    parser.add_argument("--simulator", choices=tuple(SIMULATORS), default="audiences")
    parser.add_argument("--arrays", action="store_true")
    asked = parser.parse_args()
    started = time.monotonic()
    worlds = whole_set(
        World(people=asked.people, days=asked.days, seed=asked.seed, reactions=asked.reactions),
        SIMULATORS[asked.simulator],
    )
    rows = sum(len(whole.events) for whole in worlds.communities.values())
    if asked.arrays:
        model = load_model(asked.model)
        lines = worlds.lines(lambda _, whole: scores_of(whole, model))
    else:
        lines = through_the_pipeline(worlds, asked.to, asked.days)
    missed = sum(line.holds is False for line in lines)
    title = (
        f"{asked.people} people, {asked.days} days, {asked.simulator}, seed {asked.seed}: "
        f"{len(worlds.communities)} worlds, {rows:,} rows, {time.monotonic() - started:.0f} s; "
        f"{missed} of {len(lines)} lines miss"
    )
    Console(width=150).print(shown(lines, title))


if __name__ == "__main__":
    main()
