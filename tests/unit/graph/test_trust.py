"""Trust: what is passed on, by whom, and how much of it hangs on one account or one seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.graph.trust import (
    passed_part,
    seed_groups,
    settled_trust,
    trust_goal,
    trust_passed,
    trust_step,
)
from spark_jobs.scoring_model import load_model

MODEL = load_model("v1").trust


def community(people, per_person, seed):
    """Who attends to whom: (pairs,) actors, targets and how much of each pair is used up."""
    random = np.random.default_rng(seed)
    actor = np.repeat(np.arange(people), per_person)
    target = random.integers(people, size=len(actor))
    key = np.unique((actor * people + target)[actor != target])
    return key // people, key % people, random.uniform(0.2, 1.0, len(key))


def drawn(number, people, seeds):
    """So many seeds, accounts' days and what they are trusted, all by chance: (people,) each."""
    random = np.random.default_rng(number)
    seed = np.zeros(people, dtype=bool)
    seed[random.choice(people, seeds, replace=False)] = True
    return seed, random.integers(0, 3000, people), random.random(people)


def goal_of(seed, since, pairs, trusted, part=None):
    actor, target, saturated = pairs
    passed = trust_passed(
        seed_groups(seed, since, MODEL),
        passed_part(trusted, seed) if part is None else part,
        actor,
        target,
        saturated,
        np.ones(len(actor)),
        MODEL,
    )
    return trust_goal(passed, trusted, seed, np.ones(len(seed)), MODEL), passed


def settled(seed, since, pairs, days=60):
    """Trust after so many days of the same attention."""
    trust = np.zeros(len(seed))
    for day in range(days):
        goal, passed = goal_of(seed, since, pairs, trust)
        if day == 0:
            goal = settled_trust(passed, seed, np.ones(len(seed)), MODEL)
        trust = trust_step(trust, goal, MODEL, 1.0)
    return trust


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(2, 30), st.integers(1, 6))
def test_no_seed_decides_more_than_its_groups_share_of_anybodys_trust(number, seeds, per_person):
    people = 60
    pairs = community(people, per_person, number)
    seed, since, trusted = drawn(number, people, seeds)
    before, passed = goal_of(seed, since, pairs, trusted, np.ones(people))
    dropped = int(np.flatnonzero(seed)[0])
    fewer = seed.copy()
    fewer[dropped] = False
    after, _ = goal_of(fewer, since, pairs, trusted, np.ones(people))
    # Its group judges anew, and the others' verdicts weigh a little more.
    same_group = (since % MODEL.seed_groups == since[dropped] % MODEL.seed_groups) & seed
    most = same_group.sum() / seeds + (1 / (seeds - 1) if seeds > 1 else 1.0)
    others = np.arange(people) != dropped
    assert np.abs(before - after)[others].max() <= min(1.0, most) + 1e-9
    assert passed.share.sum() == pytest.approx(1)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(0, 6))
def test_what_is_passed_on_comes_from_what_is_held(number, seeds, per_person):
    people = 40
    pairs = community(people, per_person, number)
    seed, since, trusted = drawn(number, people, seeds)
    goal, passed = goal_of(seed, since, pairs, trusted)
    assert np.all((goal >= 0) & (goal <= 1))
    np.testing.assert_allclose(passed.held.sum(axis=0), 1.0)
    assert np.all(passed.largest <= passed.received + 1e-15)
    assert np.all(passed.received <= passed.held + 1e-9)
    assert np.all(passed.received.sum(axis=0) <= MODEL.damping + 1e-9)


def test_the_order_of_pairs_changes_nothing():
    pairs = community(50, 4, 3)
    seed, since = np.arange(50) < 8, np.arange(50)
    shuffled = np.random.default_rng(1).permutation(len(pairs[0]))
    one, _ = goal_of(seed, since, pairs, np.ones(50))
    other, _ = goal_of(seed, since, tuple(values[shuffled] for values in pairs), np.ones(50))
    np.testing.assert_allclose(one, other, atol=1e-12)


def test_a_seed_that_nobody_attends_to_has_a_small_voice():
    seed = np.array([True, False, False])
    pairs = np.array([0, 1]), np.array([1, 2]), np.array([1.0, 1.0])
    goal, _ = goal_of(seed, np.zeros(3, dtype=np.int64), pairs, np.array([1.0, 1.0, 0.0]))
    assert goal[0] == MODEL.seed_floor


def test_seeds_of_the_same_day_are_one_group_and_seeds_of_ten_days_ten():
    seed = np.arange(40) < 20
    assert seed_groups(seed, np.full(40, 7), MODEL).shape == (40, 1)
    groups = seed_groups(seed, np.arange(40), MODEL)
    assert groups.shape == (40, MODEL.seed_groups)
    np.testing.assert_array_equal(groups.sum(axis=1), seed)
    nobody = seed_groups(np.zeros(40, dtype=bool), np.arange(40), MODEL)
    assert nobody.shape == (40, 1)
    assert nobody.sum() == 0


def test_who_is_not_trusted_passes_nothing_on():
    # 0 is a seed, 1 and 2 hear from it, 3 only from 2.
    pairs = np.array([0, 0, 1, 2, 2]), np.array([1, 2, 0, 0, 3]), np.ones(5)
    seed = np.array([True, False, False, False])
    trusted = np.array([1.0, 1.0, 0.0, 0.0])
    _, passed = goal_of(seed, np.zeros(4, dtype=np.int64), pairs, trusted)
    assert passed.received[2].sum() > 0.05
    assert passed.received[3].sum() < 1e-8
    _, trusting = goal_of(seed, np.zeros(4, dtype=np.int64), pairs, np.array([1.0, 1.0, 1.0, 0.0]))
    assert trusting.received[3].sum() > 0.05


def test_a_part_passed_on_is_measured_by_what_the_trusted_usually_have():
    seed = np.array([True, False, False, False])
    part = passed_part(np.array([0.0, 0.2, 0.2, 0.1]), seed)
    assert part[0] == 1.0
    assert part[1] == 1.0
    assert 0.5 <= part[3] <= 0.6
    np.testing.assert_array_equal(passed_part(np.zeros(4), seed), np.ones(4))


def test_nobody_is_trusted_on_one_accounts_word():
    people = 200
    actor, target, saturated = community(people, 8, 5)
    # The last one hears from a single well-connected account, and from nobody else.
    kept = target != people - 1
    actor, target, saturated = actor[kept], target[kept], saturated[kept]
    pairs = np.append(actor, 0), np.append(target, people - 1), np.append(saturated, 1.0)
    trust = settled(np.arange(people) < 20, np.arange(people), pairs)
    assert np.median(trust) > 0.9
    assert trust[-1] < 0.05
    five = np.arange(1, 6), np.full(5, people - 1), np.ones(5)
    wider = tuple(np.concatenate(both) for both in zip(pairs, five, strict=True))
    assert settled(np.arange(people) < 20, np.arange(people), wider)[-1] > trust[-1]


@pytest.mark.parametrize(("paid", "most"), [(0, 0.0), (5, 3.0)])
def test_what_a_few_paid_people_give_a_farm_does_not_grow_in_it(paid, most):
    people, fakes = 400, 300
    actor, target, saturated = community(people, 8, 6)
    ring_actor, ring_target, ring = community(fakes, 20, 7)
    random = np.random.default_rng(8)
    bought = np.repeat(random.choice(people, paid, replace=False), 20)
    liked = people + random.integers(fakes, size=len(bought))
    pairs = (
        np.concatenate((actor, people + ring_actor, bought)),
        np.concatenate((target, people + ring_target, liked)),
        np.concatenate((saturated, ring, np.full(len(bought), 0.2))),
    )
    both = people + fakes
    trust = settled(np.arange(both) < 40, np.arange(both), pairs)
    assert np.median(trust[:people]) > 0.9
    assert trust[people:].sum() <= most
