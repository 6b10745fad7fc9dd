"""Links and requests as intervals of days, and whose accounts they make."""

from __future__ import annotations

import numpy as np
from worlds import OLD, START, community, network_input

from spark_jobs.transforms.scoring.blocks import day_number
from spark_jobs.transforms.scoring.identity import ERASED, FOR_EVER, NOTHING_FORBIDS, OBJECTION, OPTED_OUT

DAY = day_number(START)


def links_of(links):
    activities, accounts = community(6, 1, seed=1, reactions_a_day=5)
    task = network_input(activities, [*accounts, (0, "x", OLD, False), (0, "y", OLD, False)], links)
    known = task.people.links
    names, people = task.ids.to_pylist(), known.person_ids.to_pylist()
    return {
        (
            names[account],
            people[person],
            float(share),
            int(begin) - DAY,
            None if end == FOR_EVER else int(end) - DAY,
        )
        for account, person, share, begin, end in zip(
            known.account, known.person, known.share, known.valid_from, known.valid_to, strict=True
        )
    }


def test_a_later_sighting_replaces_the_one_before():
    got = links_of([(0, "x", "ann", 1.0), (3, "x", "bob", 1.0)])
    assert got == {("x", "key:ann", 1.0, 0, 3), ("x", "key:bob", 1.0, 3, None)}


def test_seeing_the_same_again_changes_nothing():
    assert links_of([(0, "x", "ann", 1.0), (2, "x", "ann", 1.0)]) == {("x", "key:ann", 1.0, 0, None)}


def test_a_shared_account_has_two_people():
    got = links_of([(0, "x", "ann", 0.6), (0, "x", "bob", 0.4)])
    assert got == {("x", "key:ann", 0.6, 0, None), ("x", "key:bob", 0.4, 0, None)}


def standings_of(requests):
    activities, accounts = community(6, 1, seed=1, reactions_a_day=5)
    task = network_input(activities, accounts, requests=requests)
    asked = task.people.standings
    return [
        (int(code), int(begin) - DAY, None if end == FOR_EVER else int(end) - DAY)
        for code, begin, end in zip(asked.code, asked.valid_from, asked.valid_to, strict=True)
    ]


def test_an_opt_in_ends_an_opt_out():
    got = standings_of([(1, "a001", "opt_out"), (4, "a001", "opt_in"), (6, "a001", "object")])
    assert got == [(OPTED_OUT, 1, 4), (NOTHING_FORBIDS, 4, 6), (OBJECTION, 6, None)]


def test_nothing_ends_an_erasure():
    assert standings_of([(1, "a001", "erase"), (2, "a001", "opt_in")]) == [
        (ERASED, 1, 2),
        (ERASED, 2, None),
    ]


def test_requests_of_strangers_are_left_out():
    assert standings_of([(0, "nobody", "opt_out")]) == []


def test_an_account_is_a_person_of_its_own_until_it_is_linked():
    activities, accounts = community(6, 3, seed=1, reactions_a_day=5)
    task = network_input(activities, accounts, [(2, "a000", "ann", 1.0)])
    state = task.state()
    for offset in range(3):
        state, _ = task.day(state, DAY + offset)
        known = state.accounts
        ids = task.ids.take(known.code.tolist())
        held = task.people.current(known, "net", ids, DAY + offset)
        mine = held.account == ids.to_pylist().index("a000")
        assert np.array(held.person_id.to_pylist())[mine].tolist() == [
            "key:ann" if offset == 2 else "acct:net:a000"
        ]
    ended = task.people.ended(known, "net", ids, DAY + 2)
    assert ended.person_id.to_pylist() == ["acct:net:a000"]
    assert (ended.valid_to - DAY).tolist() == [2]
