"""Endorsements: which count, what they are worth, and that nothing can be made of them but half a point."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import MODEL, START, community, network_input, number, run

from spark_jobs.scoring_model import KINDS
from spark_jobs.transforms.scoring.blocks import day_number
from spark_jobs.transforms.scoring.endorsements import Endorsements, admitted, endorsement_points
from spark_jobs.transforms.scoring.own_score import points
from spark_jobs.transforms.scoring.person_day import PARTS, PersonState, person_day
from spark_jobs.transforms.scoring.person_rows import NO_ORIGIN, AccountRows

RULE = MODEL.endorsement
PEOPLE = np.arange(30)
DAY = 100


def given_by(*rows):
    """Endorsements from (giver, receiver, topic, day)."""
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return Endorsements(*columns.T)


def rows_of(found):
    return list(
        zip(*(c.tolist() for c in (found.giver, found.receiver, found.topic, found.given_on)), strict=True)
    )


# --- which count ------------------------------------------------------------------------------


def test_the_first_five_of_a_day_count_whatever_account_they_come_from():
    holder = PEOPLE.copy()
    holder[1] = holder[0]  # accounts 0 and 1 are one person
    new = given_by(*((n % 2, 10 + n, 0, DAY) for n in range(8)))
    first = admitted(Endorsements.empty(), new, holder, DAY, MODEL)
    assert sorted(first.receiver.tolist()) == [10, 11, 12, 13, 14]
    # What arrives late, of a day that is full, is too much as well; another day has five of its own.
    late = given_by((0, 20, 0, DAY), *((0, 20 + n, 0, DAY - 1) for n in range(7)))
    after = admitted(first, late, holder, DAY + 1, MODEL)
    assert len(after) == 10
    assert (DAY, 20) not in zip(after.given_on.tolist(), after.receiver.tolist(), strict=True)


def test_one_a_giver_receiver_and_topic_a_week():
    new = [given_by((0, 1, 0, DAY + n), (0, 1, 1, DAY + n)) for n in range(15)]
    kept = Endorsements.empty()
    for n, of_day in enumerate(new):
        kept = admitted(kept, of_day, PEOPLE, DAY + n, MODEL)
    days = sorted(kept.given_on[kept.topic == 0].tolist())
    assert days == [DAY, DAY + RULE.days_between, DAY + 2 * RULE.days_between]
    # A late one between two that count does not.
    assert rows_of(admitted(kept, given_by((0, 1, 0, DAY + 3)), PEOPLE, DAY + 20, MODEL)) == rows_of(kept)


def test_endorsing_ones_own_account_takes_no_place():
    holder = PEOPLE.copy()
    holder[1] = holder[0]
    new = given_by(*((0, 1, topic, DAY) for topic in range(9)), (0, 2, 0, DAY))
    assert rows_of(admitted(Endorsements.empty(), new, holder, DAY, MODEL)) == [(0, 2, 0, DAY)]


def test_what_has_faded_is_forgotten():
    old = given_by((0, 1, 0, DAY - RULE.forgotten_after_days), (0, 2, 0, DAY - RULE.forgotten_after_days + 1))
    assert rows_of(admitted(old, Endorsements.empty(), PEOPLE, DAY, MODEL)) == rows_of(old)[1:]
    assert rows_of(admitted(Endorsements.empty(), old, PEOPLE, DAY, MODEL)) == rows_of(old)[1:]


# --- what they are worth ----------------------------------------------------------------------


@given(st.floats(0, 1e9), st.floats(0, 99))
def test_half_a_point_at_most_and_nothing_without_attention(worth, attention):
    [earned] = endorsement_points(np.array([worth]), np.array([attention]), MODEL)
    assert 0 <= earned <= 0.5
    assert endorsement_points(np.array([worth]), np.array([0.0]), MODEL)[0] == 0.0


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 99))
def test_more_endorsements_are_never_less(worth, more, attention):
    less, greater = endorsement_points(np.array([worth, worth + more]), np.full(2, attention), MODEL)
    assert greater >= less


DAYS = 25


def world(endorsements, links=(), requests=(), more=(), days=DAYS):
    """A community in which these endorsements are given: (task, results by day)."""
    activities, accounts = community(30, days, seed=8)
    task = network_input([*activities, *more], accounts, links, requests, endorsements=endorsements)
    return task, run(task, days)


def worth(found, account, day=DAYS - 1):
    task, results = found
    return float(results[day].published.endorsed[number(task, results[day], account)])


def trust(found, account, day=DAYS - 1):
    task, results = found
    return float(results[day].state.accounts.trust[number(task, results[day], account)])


def test_an_endorsement_is_worth_its_givers_trust_and_fades():
    found = world([(5, "a000", "x", "tea", 0)])
    values = [worth(found, "x", day) for day in range(5, DAYS)]
    assert values[0] == pytest.approx(trust(found, "a000", 5))
    fading = [value / trust(found, "a000", day) for day, value in enumerate(values, start=5)]
    assert all(later < earlier for earlier, later in itertools.pairwise(fading))
    assert fading[-1] == pytest.approx(0.5 ** (19 / RULE.half_life_days), abs=0.02)
    nobody = world([(5, "fake", "x", "tea", 0)])
    assert worth(nobody, "x") == 0.0


def test_a_late_endorsement_is_as_old_as_it_is():
    in_time, late = world([(5, "a000", "x", "tea", 0)]), world([(15, "a000", "x", "tea", 10)])
    assert worth(late, "x") == worth(in_time, "x") > 0


def test_endorsing_each_other_is_worth_less():
    alone = world([(20, "a000", "x", "tea", 0)])
    mutual = world([(20, "a000", "x", "tea", 0), (20, "x", "a000", "tea", 0)])
    assert worth(mutual, "x", 20) == pytest.approx(worth(alone, "x", 20) / (1 + RULE.give_back), rel=0.01)
    applause = [(day, "like", "x", "a000", 0, ()) for day in range(8, 20)]
    assert 0 < worth(world([(20, "a000", "x", "tea", 0)], more=applause), "x") < worth(alone, "x") / 2


def test_between_accounts_of_one_person_nothing_counts():
    links = [(0, "a000", "p", 1.0), (0, "x", "p", 1.0)]
    assert worth(world([(20, "a000", "x", "tea", 0)], links), "x") == 0.0
    later = [(22, "a000", "p", 1.0), (22, "x", "p", 1.0)]
    found = world([(20, "a000", "x", "tea", 0)], later)
    assert worth(found, "x", 21) > 0.0 == worth(found, "x", 22)


def test_those_of_people_who_left_vanish():
    endorsed = [(15, "a000", "x", "tea", 0)]
    left = world(endorsed, requests=[(20, "a000", "opt_out"), (23, "a000", "opt_in")])
    assert worth(left, "x", 19) > 0.0 == worth(left, "x", 20)
    assert worth(left, "x", 23) == worth(world(endorsed), "x", 23)
    for who in ("a000", "x"):
        found = world(endorsed, requests=[(20, who, "erase")])
        assert worth(found, "x", 20) == 0.0
        assert len(found[1][20].state.endorsements) == 0


def test_endorsements_change_no_level():
    endorsed = [(day, f"a{n:03d}", "a029", "tea", 0) for day in range(DAYS) for n in range(9)]
    plain, vouched = world([]), world(endorsed)
    np.testing.assert_array_equal(plain[1][DAYS - 1].published.level, vouched[1][DAYS - 1].published.level)
    assert worth(vouched, "a029") > 0


def test_the_order_of_rows_does_not_matter():
    given_rows = [
        (day, f"a{n:03d}", f"a{20 + n % 7:03d}", f"t{day % 3}", 0) for day in range(9) for n in range(9)
    ]
    one, other = world(given_rows, days=12), world(given_rows[::-1], days=12)
    np.testing.assert_array_equal(one[1][11].published.endorsed, other[1][11].published.endorsed)


# --- people -----------------------------------------------------------------------------------


def account_rows(level, endorsed):
    """Two accounts of each of two people, on two networks; `level` and `endorsed` are (4,)."""
    ones = np.ones(4)
    return AccountRows(
        person=np.array([0, 0, 1, 1]),
        network=np.array([0, 1, 0, 1]),
        origin=np.full(4, NO_ORIGIN),
        share=ones,
        share_before=ones,
        share_start=ones,
        own_score=np.minimum(points(level, MODEL), 100.0),
        level=level,
        level_before=level,
        fast_level=level,
        variance=level / 50,
        ceiling_points=np.full(4, 100.0),
        evidence=ones,
        reach=ones,
        posts_a_day=ones,
        network_influence=ones,
        slow=level[:, None] * np.ones(len(KINDS)) / len(KINDS),
        changes=np.zeros((4, 4)),
        endorsed=endorsed,
    )


BOTH = np.ones(2, dtype=bool)
amounts = st.lists(st.one_of(st.just(0.0), st.floats(0.001, 200)), min_size=4, max_size=4).map(np.array)


@settings(deadline=None)
@given(st.lists(st.tuples(amounts, amounts), min_size=2, max_size=5))
def test_parts_and_changes_add_up_with_endorsements(history):
    state, without = PersonState.empty(2, 2), PersonState.empty(2, 2)
    score_before, level_before = None, np.zeros(4)
    for level, endorsed in history:
        rows = account_rows(level, endorsed)
        changes = np.column_stack([level - level_before, *np.zeros((3, 4))])
        rows = replace(rows, level_before=level_before, changes=changes)
        day = person_day(state, rows, BOTH, MODEL)
        plain = person_day(without, replace(rows, endorsed=None), BOTH, MODEL)
        parts = day.state.parts.sum(axis=(1, 2)) + day.state.ceiling + day.state.accounts
        np.testing.assert_allclose(1 + parts, day.score, atol=1e-9)
        assert (day.score <= 100 + 1e-9).all()
        gained = day.score - plain.score
        assert (gained >= -1e-9).all()
        assert (gained <= 0.5 + 1e-9).all()
        if score_before is not None:
            np.testing.assert_allclose(day.changes.sum(axis=1), day.score - score_before, atol=1e-7)
        state, without, score_before, level_before = day.state, plain.state, day.score, level


def test_points_of_endorsements_are_a_part_by_network():
    level = np.array([3.0, 1.0, 0.0, 0.0])
    day = person_day(
        PersonState.empty(2, 2), account_rows(level, np.array([1.0, 3.0, 5.0, 5.0])), BOTH, MODEL
    )
    vouched = day.state.parts[:, :, PARTS.index("endorsement")]
    assert vouched[0, 1] == pytest.approx(3 * vouched[0, 0])
    assert vouched[0].sum() == pytest.approx(0.5 * (1 - np.exp(-4 / RULE.scale)), rel=1e-3)
    # Nobody reacts to the second person, however many vouch for them.
    assert day.score[1] == 1.0


def test_a_ring_that_endorses_itself_daily_gains_half_a_point_at_most():
    ring = [f"a{n:03d}" for n in range(20)]
    every_day = [
        (day, who, ring[(at + step) % 20], f"t{step}", 0)
        for day in range(DAYS)
        for at, who in enumerate(ring)
        for step in (1, 2, 3, 4, 5)
    ]
    _, results = world(every_day)
    most = results[DAYS - 1].published.endorsed.max()
    assert endorsement_points(np.array([most]), np.array([99.0]), MODEL)[0] <= 0.5
    per_giver_and_day = {}
    kept = results[DAYS - 1].state.endorsements
    for giver, on in zip(kept.giver.tolist(), kept.given_on.tolist(), strict=True):
        per_giver_and_day[giver, on] = per_giver_and_day.get((giver, on), 0) + 1
    assert max(per_giver_and_day.values()) <= RULE.per_day
    assert kept.given_on.min() >= day_number(START)
