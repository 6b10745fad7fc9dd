"""A network's days: trust, levels, the clock, and who counts."""

from __future__ import annotations

import numpy as np
import pytest
from worlds import MODEL, OLD, community, level, network_input, number, run

from spark_jobs.transforms.scoring import network_day
from spark_jobs.transforms.scoring.network_day import LONGEST_OUTAGE_DAYS


def test_level_changes_split_exactly():
    task = network_input(*community(30, 12, seed=3))
    for result in run(task, 12).values():
        day = result.published
        split = (
            day.change_new_attention + day.change_fading + day.change_others_authority + day.change_give_back
        )
        np.testing.assert_allclose(split, day.level - day.level_before, atol=1e-12)


def test_days_that_hang_together_widen_what_is_published(monkeypatch):
    task = network_input(*community(30, 6, seed=3))
    seen = []

    def twice(recent, clock_days, _):
        seen.append((recent.shape, clock_days))
        return 2.0

    plain = run(task, 6)[5].published.variance
    monkeypatch.setattr(network_day, "clustering_of", twice)
    np.testing.assert_allclose(run(task, 6)[5].published.variance, 2 * plain)
    assert seen[-1] == ((30, MODEL.level.rise_memory_days), 6.0)


def test_without_reactions_the_level_is_exactly_zero():
    activities, accounts = community(30, 5, seed=4)
    activities += [(day, "post", "loner", None, 0, ()) for day in range(5)]
    task = network_input(activities, [*accounts, (0, "loner", OLD, False)])
    for result in run(task, 5).values():
        assert level(task, result, "loner") == 0.0


def test_fakes_who_only_hear_each_other_get_no_trust():
    activities, accounts = community(30, 40, seed=5)
    fakes = [f"fake{index}" for index in range(20)]
    accounts += [(0, fake, OLD, False) for fake in fakes]
    ring = [
        (day, "repost", actor, target, 0, ())
        for day in range(40)
        for actor in fakes
        for target in (fakes[(fakes.index(actor) + step) % len(fakes)] for step in (1, 2, 3))
    ]
    boost = [(day, "repost", fake, "a029", 0, ()) for day in range(40) for fake in fakes]
    plain = network_input(activities, accounts)
    attacked = network_input(activities + ring + boost, accounts)
    last = run(attacked, 40)[39]
    assert max(last.state.accounts.trust[number(attacked, last, fake)] for fake in fakes) == 0.0
    gained = level(attacked, last, "a029") - level(plain, run(plain, 40)[39], "a029")
    assert gained == pytest.approx(0, abs=1e-9)


def test_reactions_between_accounts_of_one_person_count_nowhere():
    activities, accounts = community(30, 10, seed=6)
    accounts.append((0, "second", OLD, False))
    own = [(day, "repost", "a000", "second", 0, ()) for day in range(10)]
    links = [(0, "a000", "p", 1.0), (0, "second", "p", 1.0)]
    linked = network_input(activities + own, accounts, links)
    assert level(linked, run(linked, 10)[9], "second") == 0.0
    unlinked = network_input(activities + own, accounts)
    assert level(unlinked, run(unlinked, 10)[9], "second") > 0.0


def test_an_outage_stops_the_clock_for_all():
    activities, accounts = community(30, 20, seed=7)
    silent = [row for row in activities if not 10 <= row[0] < 15]
    task = network_input(silent, accounts)
    results = run(task, 20)
    np.testing.assert_array_equal(results[9].published.level, results[14].published.level)
    np.testing.assert_array_equal(results[9].state.pairs.mass, results[14].state.pairs.mass)
    assert len(results[14].state.stopped) == 5


def test_what_an_outage_held_back_counts_when_it_comes():
    activities, accounts = community(30, 20, seed=8)
    delayed = [
        (14, kind, actor, target, 14 - day, topics)
        if 10 <= day < 14
        else (day, kind, actor, target, 0, topics)
        for day, kind, actor, target, _, topics in activities
    ]
    on_time, late = network_input(activities, accounts), network_input(delayed, accounts)
    one, other = run(on_time, 20), run(late, 20)
    assert other[13].state.clock_days == 10
    assert other[14].state.clock_days == one[14].state.clock_days == 15
    assert not other[14].state.stopped
    # The order of a few days' reactions within a pair is lost; what they are worth is not.
    assert other[19].published.level.sum() == pytest.approx(one[19].published.level.sum(), rel=0.1)


def test_days_that_never_come_are_given_up():
    activities, accounts = community(20, 3, seed=9, reactions_a_day=20)
    activities += [(LONGEST_OUTAGE_DAYS + 30, "post", "a000", None, 0, ())]
    task = network_input(activities, accounts)
    last = run(task, LONGEST_OUTAGE_DAYS + 31)[LONGEST_OUTAGE_DAYS + 30]
    assert len(last.state.stopped) == LONGEST_OUTAGE_DAYS


def test_attention_of_a_budget_is_shared_not_multiplied():
    activities, accounts = community(30, 30, seed=10)
    everybody = [(day, "like", "a000", f"a{i:03d}", 0, ()) for day in range(30) for i in range(1, 30)]
    task = network_input(activities + everybody, accounts)
    last = run(task, 30)[29]
    busy = number(task, last, "a000")
    assert last.state.accounts.authority[busy] <= last.state.accounts.trust[busy] * MODEL.influence.at_most
    assert last.state.accounts.trust[busy] > 0


def test_the_same_days_give_the_same_numbers_in_any_row_order():
    activities, accounts = community(25, 8, seed=11)
    shuffled = list(activities)
    np.random.default_rng(0).shuffle(shuffled)
    shuffled = [tuple(row) for row in shuffled]
    shuffled = [(int(d), k, a, t, int(late), topics) for d, k, a, t, late, topics in shuffled]
    one, other = network_input(activities, accounts), network_input(shuffled, accounts)
    for first, second in zip(run(one, 8).values(), run(other, 8).values(), strict=True):
        np.testing.assert_array_equal(first.published.level, second.published.level)
        np.testing.assert_array_equal(first.state.accounts.trust, second.state.accounts.trust)


def test_more_reactions_received_never_lower_a_level():
    activities, accounts = community(30, 25, seed=12)
    plain = network_input(activities, accounts)
    before = run(plain, 25)
    extra = [(day, "like", f"a{day % 3:03d}", "a015", 0, ()) for day in range(5, 25)]
    more = network_input(activities + extra, accounts)
    after = run(more, 25)
    for day in range(25):
        assert level(more, after[day], "a015") >= level(plain, before[day], "a015") - 1e-3


def test_names_do_not_matter():
    activities, accounts = community(20, 10, seed=13)

    def renamed(name):
        return None if name is None else f"z{999 - int(name[1:]):03d}"

    other = network_input(
        [(d, k, renamed(a), renamed(t), late, x) for d, k, a, t, late, x in activities],
        [(d, renamed(a), created, verified) for d, a, created, verified in accounts],
    )
    task = network_input(activities, accounts)
    one, two = run(task, 10)[9], run(other, 10)[9]
    for index in range(20):
        name = f"a{index:03d}"
        assert level(other, two, renamed(name)) == pytest.approx(level(task, one, name), abs=1e-9)


def test_who_is_listened_to_more_is_drawn_before_a_name_is():
    # Three accounts of one age, each heard by one other; only how much tells them apart.
    for first, second, third in (("a", "b", "c"), ("c", "a", "b"), ("b", "c", "a")):
        heard = [(first, 1), (second, 3), (third, 2)]
        activities = [
            (0, "like", f"reader of {name}", name, 0, ()) for name, times in heard for _ in range(times)
        ]
        activities += [(0, "post", name, None, 0, ()) for name in (first, second, third)]
        accounts = [(0, name, OLD, False) for name in (first, second, third)]
        task = network_input(activities, accounts)
        drawn = run(task, 1)[0]
        seeds = {
            name for name in (first, second, third) if drawn.state.accounts.seed[number(task, drawn, name)]
        }
        assert seeds == {second}


def test_a_badge_stays_until_it_is_taken_away():
    activities, accounts = community(20, 4, seed=17)
    accounts = [*accounts, (0, "a019", OLD, True), (1, "a019", OLD, None), (3, "a019", OLD, False)]
    task = network_input(activities, accounts)
    days = run(task, 4)
    badge = [bool(days[day].state.accounts.verified[number(task, days[day], "a019")]) for day in range(4)]
    assert badge == [True, True, True, False]
