"""A small community, and the same under attack, through one run of the real pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.behaviour.community import World, community
from tests.behaviour.measures import Played
from tests.behaviour.pipeline import published_scores, run_pipeline, write_inbox
from tests.behaviour.plants import endorsing_ring, farm, planted, pod, second_account, trading_pairs

Attacked = Mapping[str, Played]
"""By network: `control`, and beside it `farms` and `circles`."""


def attacked_run(folder: Path) -> Attacked:
    """Run the three networks in a home of `folder`; what was published of each."""
    base = community(World(people=120, days=56, reactions=1.0, audience=12, follows=False))
    plants = {
        "farms": (
            lambda p: farm(p, 20, True),
            lambda p: farm(p, 60, False),
            lambda p: endorsing_ring(p, 6),
            lambda p: second_account(p, 8),
        ),
        "circles": (lambda p: pod(p, 5), lambda p: trading_pairs(p, 3)),
    }
    grown = {network: planted(base, of_network) for network, of_network in plants.items()}
    worlds = {"control": base} | {network: whole for network, (whole, _) in grown.items()}
    write_inbox(folder / "inbox", worlds)
    run_pipeline(folder / "home", folder / "inbox", base.world.days)
    return {
        network: Played(
            whole,
            published_scores(folder / "home", network, whole),
            grown[network][1] if network in grown else {},
        )
        for network, whole in worlds.items()
    }
