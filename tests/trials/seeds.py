"""What the choice of seeds does to the scores: a tenth of them dropped, and farms near them.

    python -m tests.trials.seeds [--people 2000] [--days 75] [--worlds 2]

prints a table as Markdown. `drop_tenth` is the measurement; `farm_trust` says what the same model gives to
a thousand fakes, so that nobody buys calm with trust for everybody.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spark_jobs.scoring_model import ScoringModel, load_model
from spark_jobs.transforms.scoring.arrays import Bools, Floats
from tests.fixtures.array_world import ArrayWorld, array_world, customers, drawn, known_to_all, run_world

SEED_KINDS = ("verified", "customers", "drawn")


@dataclass(frozen=True)
class Moved:
    """How far scores moved, over all people and all days after the drop."""

    largest: float
    p99: float
    over_one_point: float

    @classmethod
    def of(cls, one: Floats, other: Floats) -> Moved:
        """Between two runs of the same days; `over_one_point` is the share of people who ever moved that."""
        by_person = np.abs(one - other).max(axis=0, initial=0.0)
        return cls(float(by_person.max()), float(np.quantile(by_person, 0.99)), float((by_person > 1).mean()))


def seeds_of(world: ArrayWorld, kind: str, model: ScoringModel) -> Bools:
    """Seeds of a kind of SEED_KINDS, (accounts,)."""
    if kind == "drawn":
        return drawn(world, model)
    return known_to_all(world, 0.03, 7) if kind == "verified" else customers(world, 0.05, 7)


def without_a_tenth(seeds: Bools, draw: int) -> Bools:
    """The seeds less a tenth of them, drawn at random."""
    at = np.flatnonzero(seeds)
    gone = np.random.default_rng(draw).choice(at, max(1, round(len(at) / 10)), replace=False)
    return seeds & ~np.isin(np.arange(len(seeds)), gone)


def drop_tenth(
    world: ArrayWorld, seeds: Bools, model: ScoringModel, draws: Sequence[int] = (1, 2), midway: int = 40
) -> dict[str, Moved]:
    """Movement with a tenth dropped from the first day, and with a tenth dropped on day `midway`.

    Each is the worst of `draws` random tenths. Both are compared, from the drop on, with the same days
    under all seeds.
    """
    whole = run_world(world, model, lambda _: seeds).scores
    worst: dict[str, Moved] = {}
    for draw in draws:
        fewer = without_a_tenth(seeds, draw)
        for name, begins in (("from the start", 0), ("midway", midway)):
            run = run_world(world, model, lambda day, b=begins, f=fewer: f if day >= b else seeds)
            moved = Moved.of(whole[begins:], run.scores[begins:])
            if name not in worst or moved.largest > worst[name].largest:
                worst[name] = moved
    return worst


@dataclass(frozen=True)
class Farm:
    """Trust of a farm's fakes on the last day, and what the one they work for gained in points."""

    mean_trust: float
    largest_trust: float
    gain: float


def farm_trust(
    world: ArrayWorld, seeds: Bools, model: ScoringModel, fakes: int = 1000, bought: int = 0
) -> Farm:
    """A farm of two years' age that reacts to itself and, all of it, to one ordinary account.

    Each fake likes three others and the client once a day. `bought` people of the community, drawn by
    chance, each like ten random fakes once in ten days.
    """
    random = np.random.default_rng(11)
    people, days = len(world), len(world.days)
    plain = run_world(world, model, lambda _: seeds)
    client = int(np.argsort(plain.scores[-1])[people // 2])
    own = np.arange(people, people + fakes)
    paid = random.choice(people, bought, replace=False) if bought else np.zeros(0, dtype=np.int64)
    extra = []
    for _ in range(days):
        ring = [
            np.column_stack((own, np.roll(own, step), np.zeros(fakes, dtype=np.int64))) for step in (1, 5, 9)
        ]
        boost = np.column_stack((own, np.full(fakes, client), np.zeros(fakes, dtype=np.int64)))
        human = np.column_stack((paid, random.choice(own, bought), np.zeros(bought, dtype=np.int64)))
        extra.append(np.concatenate([*ring, boost, human]))
    attacked = run_world(
        world.with_accounts(np.full(fakes, 730), extra),
        model,
        lambda _: np.concatenate((seeds, np.zeros(fakes, dtype=bool))),
    )
    trust = attacked.trust[people:]
    gain = attacked.scores[-1, client] - plain.scores[-1, client]
    return Farm(float(trust.mean()), float(trust.max()), float(gain))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--days", type=int, default=75)
    parser.add_argument("--worlds", type=int, default=2)
    parser.add_argument("--model", default="v1")
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    lines = [
        "| world | seeds | dropped | largest move | p99 | people over 1 point |",
        "|---|---|---|---|---|---|",
    ]
    for number in range(1, arguments.worlds + 1):
        world = array_world(arguments.people, arguments.days, number)
        for kind in SEED_KINDS:
            seeds = seeds_of(world, kind, model)
            for when, moved in drop_tenth(world, seeds, model).items():
                who = f"{int(seeds.sum())} {kind}"
                lines.append(
                    f"| {number} | {who} | {when} | {moved.largest:.2f} | {moved.p99:.2f} "
                    f"| {100 * moved.over_one_point:.1f} % |"
                )
    world = array_world(arguments.people, arguments.days, 1)
    seeds = seeds_of(world, "verified", model)
    lines += ["", "| 1,000 fakes | mean trust | largest | client gains |", "|---|---|---|---|"]
    for bought in (0, 5, 50):
        farm = farm_trust(world, seeds, model, bought=bought)
        name = f"{bought} people paid" if bought else "alone"
        lines.append(f"| {name} | {farm.mean_trust:.4f} | {farm.largest_trust:.3f} | {farm.gain:+.2f} |")
    print("\n".join(lines))  # noqa: T201


if __name__ == "__main__":
    main()
