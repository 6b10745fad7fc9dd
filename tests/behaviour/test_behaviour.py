"""A smaller table than `make behaviour`'s, of what a real run publishes and of what the arrays say."""

from __future__ import annotations

import numpy as np
import pytest

from spark_jobs.scoring_model import load_model
from tests.behaviour.arrays import scores_of
from tests.behaviour.community import World, community
from tests.behaviour.measures import Played, attack_lines, fortune_lines, steady_lines
from tests.behaviour.plants import fortunes, more_from_people, planted, silence

MODEL = load_model("v1")


def missed(lines):
    return {line.behaviour: line.measured for line in lines if not line.holds}


@pytest.mark.parametrize("network", ["farms", "circles"])
def test_what_is_published_withstands(attacked, network):
    lines = attack_lines(attacked["control"], attacked[network])
    assert len(lines) >= 2
    assert not missed(lines)


def test_the_arrays_give_what_is_published(attacked):
    played = attacked["control"]
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
