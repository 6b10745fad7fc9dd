"""The second simulator: that its world is what it says, and that scores behave in it too."""

from __future__ import annotations

import numpy as np
import pytest

from spark_jobs.scoring_model import load_model
from spark_jobs.transforms.scoring.level import clustering_of
from tests.behaviour.arrays import scores_of
from tests.behaviour.community import World, community
from tests.behaviour.measures import Played, attack_lines, steady_lines
from tests.behaviour.plants import farm, planted, pod
from tests.behaviour.posts import Followers, graph_of, posting_community

MODEL = load_model("v1")
WORLD = World(people=600, days=80, reactions=1.0)


@pytest.fixture(scope="module")
def base():
    whole = posting_community(WORLD)
    return Played(whole, scores_of(whole, MODEL))


def lumps(whole):
    """How far days of received reactions hang together, over all people."""
    events = whole.events.where(whole.events.reacting)
    days = whole.world.days
    daily = np.bincount(events.target * days + events.day, minlength=len(whole.people) * days)
    recent = daily.reshape(-1, days)[:, -MODEL.level.rise_memory_days :]
    return clustering_of(recent.astype(float), float(days), MODEL)


def test_its_days_hang_together_and_the_other_simulators_do_not(base):
    assert lumps(community(WORLD)) < 1.1
    assert lumps(base.community) > 1.3


def test_a_seed_draws_the_same_world_and_another_history_the_same_people(base):
    again = posting_community(WORLD)
    np.testing.assert_array_equal(again.events.actor, base.community.events.actor)
    other = posting_community(World(people=600, days=80, reactions=1.0, history=2))
    np.testing.assert_array_equal(other.people.influence, base.community.people.influence)
    assert len(other.events) != len(base.community.events)


def test_nobody_reacts_to_themselves_and_no_day_is_outside(base):
    events = base.community.events
    assert (events.actor != events.target).all()
    assert events.day.min() == 0
    assert events.day.max() < WORLD.days


def test_plants_readers_are_mostly_followers():
    graph = graph_of(WORLD)
    target = np.repeat(np.flatnonzero(np.diff(graph.first) > 0)[:50], 40)
    drawn = Followers(graph).reactors(np.random.default_rng(1), target)
    follows = set(zip(graph.follower.tolist(), graph.followed.tolist(), strict=True))
    share = np.mean([pair in follows for pair in zip(drawn.tolist(), target.tolist(), strict=True)])
    assert 0.75 < share < 0.95


def test_steady_people_keep_their_scores(base):
    assert [line for line in steady_lines(base) if not line.holds] == []


def test_attackers_gain_little(base):
    changed, subjects = planted(base.community, (lambda p: farm(p, 100, True), lambda p: pod(p, 20)))
    lines = attack_lines(base, Played(changed, scores_of(changed, MODEL), subjects))
    assert len(lines) == 2
    assert [line for line in lines if not line.holds] == []
