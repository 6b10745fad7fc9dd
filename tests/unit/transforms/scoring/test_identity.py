"""Links and requests as intervals of days, and whose accounts they make."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import MODEL, OLD, START, community, network_input, network_tables

from spark_jobs.transforms.scoring.account_people import PeopleOfAccounts
from spark_jobs.transforms.scoring.accounts import Accounts
from spark_jobs.transforms.scoring.blocks import Rows, day_number
from spark_jobs.transforms.scoring.identity import (
    ERASED,
    FOR_EVER,
    NOTHING_FORBIDS,
    OBJECTION,
    OPTED_OUT,
    UNDER_18,
    Heard,
    link_intervals,
    standing_intervals,
)

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


def test_shares_of_more_than_the_whole_are_divided_by_their_sum():
    got = links_of([(0, "x", "ann", 0.75), (0, "x", "bob", 0.5)])
    assert got == {("x", "key:ann", 0.6, 0, None), ("x", "key:bob", 0.4, 0, None)}


def test_an_account_linked_to_two_keys_is_shared_by_both():
    got = links_of([(0, "x", "ann", 1.0), (0, "x", "bob", 1.0)])
    assert got == {("x", "key:ann", 0.5, 0, None), ("x", "key:bob", 0.5, 0, None)}


@pytest.mark.parametrize("withdrawal", [(3, "x", "ann", 0.0), (3, "x", "ann", 1.0, 0.2, 3)])
def test_a_link_withdrawn_ends(withdrawal):
    assert links_of([(0, "x", "ann", 1.0), withdrawal]) == {("x", "key:ann", 1.0, 0, 3)}


def test_a_link_of_two_withdrawn_leaves_the_other_as_it_was():
    got = links_of([(0, "x", "ann", 0.6), (0, "x", "bob", 0.4), (3, "x", "ann", 0.0)])
    assert got == {("x", "key:ann", 0.6, 0, 3), ("x", "key:bob", 0.4, 0, None)}


def test_a_link_that_is_not_sure_changes_nothing():
    assert links_of([(0, "x", "ann", 1.0), (3, "x", "bob", 1.0, 0.2, 3)]) == {("x", "key:ann", 1.0, 0, None)}
    assert links_of([(3, "x", "bob", 1.0, 0.2, 3)]) == set()


def test_an_older_statement_that_comes_later_changes_nothing():
    first = [(0, "x", "ann", 1.0), (5, "x", "bob", 1.0, 1.0, 4)]
    assert links_of([*first, (6, "x", "ann", 1.0, 1.0, 3)]) == links_of(first)
    assert ("x", "key:ann", 1.0, 6, None) in links_of([*first, (6, "x", "ann", 1.0, 1.0, 5)])


DAYS = 6


def moment_of(row):
    return row[0], row[1], row[2], row[5]


statements = st.lists(
    st.tuples(
        st.integers(0, DAYS - 1),
        st.sampled_from(["x", "y"]),
        st.sampled_from(["ann", "bob", "cyd"]),
        st.sampled_from([0.0, 0.3, 0.6, 1.0]),
        st.sampled_from([0.3, 0.9]),
        st.integers(0, DAYS - 1),
    ),
    max_size=12,
    # One statement a day, account, key and moment: conform has taken out the others.
    unique_by=moment_of,
)


NOTHING_HEARD = Heard.before(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


def holdings(links, until, held=None, heard=NOTHING_HEARD, since=0):
    """(account, person, share, valid_from, valid_to) as of a day, and what had been heard by then, from
    the links since another day and what the day before it left."""
    tables = network_tables((), (), [link for link in links if since <= link[0] <= until])
    ids = pa.array(["x", "y"])
    rows = Rows(held if held is not None else tables["person_account"])
    known = link_intervals(rows, heard, Rows(tables["identity_links"]), ids, 0.7)
    people = PeopleOfAccounts(known, standing_intervals(Rows(tables["privacy_requests"]), ids))
    accounts = Accounts.new(np.array([0, 1]), DAY, recent_days=0)
    found = [
        row
        for some in (people.current, people.ended)
        for part in [some(accounts, "net", ids, DAY + until)]
        for row in zip(
            ids.take(pa.array(part.account)).to_pylist(),
            part.person_id.to_pylist(),
            part.share.tolist(),
            part.valid_from.tolist(),
            part.valid_to.tolist(),
            strict=True,
        )
    ]
    return sorted(found), known.heard.newest(np.array([0, 1]), DAY + until)


@settings(deadline=None)
@given(statements)
def test_shares_add_to_one_on_every_day_and_intervals_do_not_overlap(links):
    for account in ("x", "y"):
        mine = [row for row in holdings(links, DAYS - 1)[0] if row[0] == account]
        for day in range(DAY, DAY + DAYS):
            on_day = [row for row in mine if row[3] <= day < row[4]]
            assert sum(row[2] for row in on_day) == pytest.approx(1.0, abs=1e-12)
            assert len({row[1] for row in on_day}) == len(on_day)
        assert all(0 < row[2] <= 1 and row[3] < row[4] for row in mine)


@settings(deadline=None)
@given(statements, st.randoms())
def test_links_do_not_depend_on_the_order_of_rows(links, random):
    shuffled = list(links)
    random.shuffle(shuffled)
    assert holdings(shuffled, DAYS - 1)[0] == holdings(links, DAYS - 1)[0]


@settings(deadline=None)
@given(statements, st.integers(0, DAYS - 2))
def test_links_do_not_depend_on_where_the_range_is_cut(links, cut):
    schema = network_tables(())["person_account"].schema
    found, heard = holdings(links, cut)
    columns = list(zip(*found, strict=True))
    held = pa.table(
        {
            "person_id": pa.array(columns[1]),
            "network": pa.array(["net"] * len(columns[0])),
            "account_id": pa.array(columns[0]),
            "share": pa.array(columns[2]),
            "valid_from": pa.array(columns[3], pa.int32()).cast(pa.date32()),
            "valid_to": pa.array([None if day == FOR_EVER else day for day in columns[4]], pa.int32()).cast(
                pa.date32()
            ),
            "day": pa.array([DAY + cut] * len(columns[0]), pa.int32()).cast(pa.date32()),
        },
        schema=schema,
    )
    before = Heard.before(np.array([0, 1]), heard)
    (rest, heard_after), (whole, heard) = (
        holdings(links, DAYS - 1, held, before, cut + 1),
        holdings(links, DAYS - 1),
    )
    assert rest == whole
    assert heard_after.tolist() == heard.tolist()


@settings(deadline=None)
@given(statements)
def test_observing_the_same_again_changes_nothing(links):
    known, _ = holdings(links, DAYS - 1)
    again = [
        (DAYS, account, person.removeprefix("key:"), share, 1.0, DAYS)
        for account, person, share, _, valid_to in known
        if valid_to == FOR_EVER and person.startswith("key:")
    ]
    assert holdings(links + again, DAYS)[0] == known


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


def test_an_opt_in_alone_ends_an_erasure():
    got = standings_of([(1, "a001", "erase"), (2, "a001", "opt_out"), (3, "a001", "opt_in")])
    assert got == [(ERASED, 1, 2), (ERASED, 2, 3), (NOTHING_FORBIDS, 3, None)]


def test_what_a_contact_asked_holds_for_its_accounts_beside_their_own_requests():
    requests = Rows(
        network_tables(community(6, 1, seed=1, reactions_a_day=5)[0], requests=[(4, "a001", "opt_in")])[
            "privacy_requests"
        ]
    )
    extended = Rows(
        pa.table(
            {
                "account_id": ["a001", "a002", "stranger"],
                "request": ["opt_out", "under_18", "opt_out"],
                "valid_from": pa.array([DAY + 1, DAY, DAY], pa.int32()).cast(pa.date32()),
                "valid_to": pa.array([None, DAY + 9, None], pa.int32()).cast(pa.date32()),
            }
        )
    )
    asked = standing_intervals(requests, pa.array(["a001", "a002"]), extended)
    rows = zip(asked.account, asked.code, asked.valid_from - DAY, strict=True)
    assert [tuple(map(int, row)) for row in rows] == [
        (0, NOTHING_FORBIDS, 4), (0, OPTED_OUT, 1), (1, UNDER_18, 0)
    ]  # fmt: skip


def test_requests_of_strangers_are_left_out():
    assert standings_of([(0, "nobody", "opt_out")]) == []


def test_an_account_is_a_person_of_its_own_until_it_is_linked():
    activities, accounts = community(6, 3, seed=1, reactions_a_day=5)
    task = network_input(activities, accounts, [(2, "a000", "ann", 1.0)])
    state = task.state(MODEL.level.rise_memory_days)
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
