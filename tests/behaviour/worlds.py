"""The worlds that the table is measured on: one community, and the same with something changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from tests.behaviour.arrays import Scores
from tests.behaviour.community import Community, World, community
from tests.behaviour.events import Ints
from tests.behaviour.measures import (
    Line,
    Played,
    attack_lines,
    bystander_line,
    coverage_lines,
    followers_line,
    forecast_lines,
    fortune_lines,
    pageranks,
    steady_lines,
)
from tests.behaviour.plants import bots, circles, farms, fortunes, idle_fakes, planted, trifles

ATTACKS = ("farms", "bots", "circles", "trifles")


@dataclass(frozen=True)
class Set:
    """Communities by network, and whom their plants are about."""

    communities: Mapping[str, Community]
    subjects: Mapping[str, Mapping[str, Ints]]

    def lines(self, scores: Callable[[str, Community], Scores]) -> list[Line]:
        """The table; `scores` gives a network's."""
        played = {
            network: Played(whole, scores(network, whole), dict(self.subjects.get(network, {})))
            for network, whole in self.communities.items()
        }
        base = played["control"]
        lines = [*steady_lines(base), followers_line(base)]
        day = base.community.world.days - 31
        lines += forecast_lines(base, pageranks(base.community, day), day)
        lines += fortune_lines(base, played["fortunes"])
        for network in ATTACKS:
            lines += attack_lines(base, played[network])
        if "redrawn" in played:
            lines += coverage_lines(base, played["redrawn"])
        if "idle" in played:
            lines.append(
                bystander_line(base, played["idle"], "2,000 idle fakes join: anybody else moves", 0.5)
            )
        if "seeds" in played:
            lines.append(
                bystander_line(base, played["seeds"], "a tenth of the seeds dropped: anybody moves", 1.0)
            )
        return lines


Simulator = Callable[[World], Community]


def whole_set(world: World, simulator: Simulator = community) -> Set:
    """All worlds of the table."""
    small = small_set(
        world, sizes=(20, 100, 1000), pods=(5, 20, 100), slow=((20, 3), (100, 10)), simulator=simulator
    )
    base = small.communities["control"]
    redrawn = simulator(replace(world, history=world.history + 1))
    fewer = base.people.verified.copy()
    seeds = np.flatnonzero(fewer)
    chosen = np.random.default_rng(world.seed).choice(seeds, size=max(1, len(seeds) // 10), replace=False)
    fewer[chosen] = False
    others = {
        "redrawn": redrawn,
        "idle": planted(base, (idle_fakes,))[0],
        "seeds": replace(base, people=replace(base.people, verified=fewer)),
    }
    return Set({**small.communities, **others}, small.subjects)


def small_set(
    world: World,
    sizes: tuple[int, ...],
    pods: tuple[int, ...],
    slow: tuple[tuple[int, int], ...] = (),
    simulator: Simulator = community,
) -> Set:
    """The community, and what happens to it. What would disturb each other has a world of its own."""
    base = simulator(world)
    plants = {
        "fortunes": fortunes(),
        "farms": farms(sizes),
        "bots": bots(),
        "circles": circles(pods, slow),
        "trifles": trifles(),
    }
    grown = {network: planted(base, of_network) for network, of_network in plants.items()}
    return Set(
        {"control": base} | {network: whole for network, (whole, _) in grown.items()},
        {network: subjects for network, (_, subjects) in grown.items()},
    )
