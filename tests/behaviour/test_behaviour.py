"""A smaller table than `make behaviour`'s, of what a real run publishes and of what the arrays say."""

from __future__ import annotations

import numpy as np
import pytest

from spark_jobs.scoring_model import load_model
from tests.behaviour.arrays import scores_of
from tests.behaviour.community import World, community
from tests.behaviour.measures import Played, attack_lines, fortune_lines, steady_lines
from tests.behaviour.pipeline import published_scores, run_pipeline, write_inbox
from tests.behaviour.plants import (
    endorsing_ring,
    farm,
    fortunes,
    more_from_people,
    planted,
    pod,
    second_account,
    silence,
    trading_pairs,
)

MODEL = load_model("v1")


def missed(lines):
    return {line.behaviour: line.measured for line in lines if not line.holds}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A community, and the same under attack, each through one run of the real pipeline."""
    folder = tmp_path_factory.mktemp("behaviour")
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


@pytest.mark.parametrize("network", ["farms", "circles"])
def test_what_is_published_withstands(published, network):
    lines = attack_lines(published["control"], published[network])
    assert len(lines) >= 2
    assert not missed(lines)


def test_the_arrays_give_what_is_published(published):
    played = published["control"]
    np.testing.assert_allclose(scores_of(played.community, MODEL).score, played.scores.score, atol=0.0051)


@pytest.fixture(scope="module")
def fortune():
    base = community(World(people=600, days=100, reactions=1.0))
    changed, subjects = planted(base, fortunes())
    return Played(base, scores_of(base, MODEL)), Played(changed, scores_of(changed, MODEL), subjects)


def test_steady_people_keep_their_scores(fortune):
    assert not missed(steady_lines(fortune[0]))


def test_fortune_shows_as_it_should(fortune):
    assert not missed(fortune_lines(*fortune))


@pytest.mark.parametrize("plant", [silence, more_from_people])
def test_what_must_hardly_show_hardly_shows(fortune, plant):
    control, _ = fortune
    changed, subjects = planted(control.community, (lambda p: plant(p, 20),))
    lines = attack_lines(control, Played(changed, scores_of(changed, MODEL), subjects))
    assert lines
    assert not missed(lines)
