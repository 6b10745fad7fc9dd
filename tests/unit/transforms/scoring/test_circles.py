"""Circles: what is left of the attention of people who trade it with many."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.scoring_model import KINDS, load_model
from spark_jobs.transforms.scoring.circles import after_circles, exchanged, usual_partners, with_circles
from spark_jobs.transforms.scoring.pairs import Follows, Pairs, Reactions, pair_day

MODEL = load_model("v1")
NONE = np.zeros(0, dtype=np.int64)
NO_FOLLOWS = Follows(NONE, NONE, NONE, NONE.astype(bool))


def day_of(pairs, accounts):
    """A day of likes, a (actor, target) each."""
    actor, target = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    kind = np.full(len(actor), KINDS.index("like"))
    likes = Reactions.grouped(actor, target, kind, np.zeros(len(actor), dtype=np.int64))
    return pair_day(Pairs.empty(), accounts, likes, NO_FOLLOWS, 1.0, MODEL)


def left(pairs, accounts, trust=None):
    """What is left of each pair's attention, by (actor, target)."""
    day = day_of(pairs, accounts)
    worth = after_circles(day, np.ones(accounts) if trust is None else trust, MODEL)
    keys = zip(day.pairs.actor.tolist(), day.pairs.target.tolist(), strict=True)
    return dict(zip(keys, worth.tolist(), strict=True))


def all_pairs(people):
    return list(itertools.permutations(people, 2))


QUIET = [(a, b) for n in range(100, 160, 2) for a, b in ((n, n + 1), (n + 1, n))]
"""Thirty couples who like each other: one partner is what is usual."""


def test_what_is_left_falls_by_how_many_others_the_actor_trades_with():
    partner = 1 - np.exp(-1 / MODEL.circle.partner_mass)
    found = left([*all_pairs(range(21)), *QUIET], 160)
    partners = np.array([20 * partner] * 21 + [partner] * 60)
    usual = np.exp(np.average(np.log1p(partners), weights=partners / (1 + partners))) - 1
    most = max(MODEL.circle.at_least, MODEL.circle.usual_times * usual)
    assert found[0, 1] == pytest.approx(1 / (1 + (19 * partner / most) ** MODEL.circle.steepness))
    assert found[100, 101] == 1.0  # has no other partner than the receiver


def test_fans_who_are_not_answered_make_no_circle():
    fans = [(fan, 0) for fan in range(1, 90)]
    found = left([*fans, *QUIET], 160)
    assert set(found.values()) == {1.0}
    # A star who answers all of them has many partners; the fans have one, and their attention stays whole.
    answered = left([*fans, *((0, fan) for fan in range(1, 90)), *QUIET], 160)
    assert answered[1, 0] == 1.0
    assert answered[0, 1] < 0.1


def test_who_is_read_by_many_may_know_many():
    """Trading with twenty is much for one whom nobody else reads, little for one with a hundred readers."""
    friends = [pair for friend in range(1, 21) for pair in ((0, friend), (friend, 0))]
    unread = left([*friends, *QUIET], 300)[0, 1]
    fans = [(fan, 0) for fan in range(160, 260)]
    read = left([*friends, *fans, *QUIET], 300)[0, 1]
    assert unread < 0.1
    partner = 1 - np.exp(-1 / MODEL.circle.partner_mass)
    share = 19 / (MODEL.circle.readers_times * 100)
    assert read == pytest.approx(1 / (1 + share**MODEL.circle.steepness))
    assert 19 * partner > MODEL.circle.at_least
    # Fans whom nobody trusts are no audience.
    trust = np.where(np.arange(300) < 160, 1.0, 0.0)
    assert left([*friends, *fans, *QUIET], 300, trust)[0, 1] == pytest.approx(unread)


@pytest.mark.parametrize(("so_far", "most"), [(0.5, 0.5), (0.65, 0.15), (0.8, 0.05)])
def test_a_circle_is_its_own_audience_for_its_first_round_at_most(so_far, most):
    """Of sixty, those who have reacted and are not yet answered hide the others less and less."""
    random = np.random.default_rng(1)
    pairs = [pair for pair in all_pairs(range(60)) if random.random() < so_far]
    couples = [pair for n in range(100, 2100, 2) for pair in ((n, n + 1), (n + 1, n))]
    found = left([*pairs, *couples], 2100)
    assert np.mean([found[pair] for pair in pairs]) < most


def test_where_all_talk_to_all_nobody_is_a_circle():
    worth = set(left(all_pairs(range(40)), 40).values())
    assert max(worth) == pytest.approx(min(worth))
    assert min(worth) > 0.9


def test_many_who_only_read_do_not_make_those_who_talk_a_circle():
    talk = all_pairs(range(15))
    readers = [(reader, reader % 15) for reader in range(15, 600)]
    assert min(left(talk, 15).values()) == pytest.approx(min(left([*talk, *readers], 600).values()))


def test_a_circle_does_not_make_itself_usual():
    found = left([*all_pairs(range(60)), *QUIET, *((a + 60, b + 60) for a, b in QUIET)], 220)
    assert max(found[pair] for pair in all_pairs(range(60))) < 0.25


def test_who_is_not_trusted_is_nobodys_partner():
    trust = np.ones(160)
    trust[1:60] = 0.0
    found = left([*all_pairs(range(60)), *QUIET], 160, trust)
    assert found[0, 1] == 1.0
    assert exchanged(day_of(all_pairs(range(3)), 3), MODEL).tolist() == pytest.approx([1 - np.exp(-1)] * 6)


def test_nobody_trusted_is_no_circle():
    assert usual_partners(np.ones(3), np.zeros(3)) == 0.0
    assert set(left(all_pairs(range(30)), 30, np.zeros(30)).values()) == {1.0}


def test_both_give_backs_are_held_to_the_circle():
    day = day_of([*all_pairs(range(60)), *QUIET], 160)
    after = with_circles(day, np.ones(160), MODEL)
    worth = after_circles(day, np.ones(160), MODEL)
    np.testing.assert_array_equal(after.give_back, day.give_back * worth)
    np.testing.assert_array_equal(after.give_back_before, day.give_back_before * worth)


PEOPLE = 12


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, PEOPLE - 1), st.integers(0, PEOPLE - 1)), min_size=1, max_size=120),
    st.lists(st.integers(1, PEOPLE - 1), min_size=1, max_size=20),
)
def test_what_somebody_receives_takes_nothing_from_what_they_receive(pairs, more):
    """More reactions to person 0, from anybody: what comes in to 0 is worth as much or more.

    With M0 held still: it is the network's, and a person's new partner is one of thousands in it.
    """
    still = MODEL.circle.model_copy(update={"at_least": 1.0, "usual_times": 1e-9})
    small = MODEL.model_copy(update={"circle": still})
    pairs = [(a, b) for a, b in pairs if a != b] or [(1, 0)]
    trust = np.linspace(0.2, 1, PEOPLE)

    def incoming(likes):
        day = day_of(likes, PEOPLE)
        keys = zip(day.pairs.actor.tolist(), day.pairs.target.tolist(), strict=True)
        worth = after_circles(day, trust, small)
        return {actor: w for (actor, target), w in zip(keys, worth.tolist(), strict=True) if target == 0}

    before, after = incoming(pairs), incoming([*pairs, *((actor, 0) for actor in more)])
    assert all(after[actor] >= worth - 1e-12 for actor, worth in before.items())
