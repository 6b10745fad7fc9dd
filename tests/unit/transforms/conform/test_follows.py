"""Follows by standing pair, one event after the other."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.transforms.conform.follows import FOLLOW, UNFOLLOW, ErasedFrom, Standing, is_snapshot_day

DAY = date(2026, 3, 2)
PAIR = ("forum", "a", "b")


def accepted(*events, erased=None):
    standing = Standing(ErasedFrom(erased or {}))
    return [standing.accepts(day, pair, kind, name, past) for day, pair, kind, name, past in events]


def on(day, kind, name, pair=PAIR, past=False):
    return DAY + timedelta(days=day), pair, kind, name, past


def test_only_what_changes_something_is_accepted():
    events = [
        on(0, UNFOLLOW, "1"),
        on(0, FOLLOW, "2"),
        on(0, FOLLOW, "3"),
        on(1, UNFOLLOW, "4"),
        on(1, UNFOLLOW, "5"),
    ]
    assert accepted(*events) == [False, True, False, True, False]


def test_a_follow_delivered_again_after_its_unfollow_is_no_new_one():
    events = [on(0, FOLLOW, "1"), on(1, UNFOLLOW, "2"), on(2, FOLLOW, "1"), on(2, FOLLOW, "3")]
    assert accepted(*events) == [True, True, False, True]


def test_what_stood_before_the_range_stands():
    events = [on(-7, FOLLOW, "", past=True), on(0, FOLLOW, "1"), on(0, UNFOLLOW, "2")]
    assert accepted(*events) == [True, False, True]


def test_pairs_know_nothing_of_one_another():
    other = ("forum", "b", "a")
    assert accepted(on(0, FOLLOW, "1"), on(0, FOLLOW, "1", other), on(0, UNFOLLOW, "2", other)) == [True] * 3


def test_an_erased_account_begins_anew():
    erased = {"forum\x1fb": [DAY + timedelta(days=2)]}
    events = [on(0, FOLLOW, "1"), on(1, FOLLOW, "2"), on(3, FOLLOW, "3")]
    assert accepted(*events, erased=erased) == [True, False, True]


def test_whole_days_are_mondays():
    week = [DAY + timedelta(days=i) for i in range(7)]
    assert [is_snapshot_day(day) for day in week] == [True] + [False] * 6


events = st.lists(
    st.tuples(
        st.integers(0, 5),  # day
        st.integers(0, 3),  # time in the day
        st.sampled_from([FOLLOW, UNFOLLOW]),
        st.sampled_from("abcdef"),  # id
    ),
    max_size=25,
)


@given(events, st.sets(st.integers(1, 5)), st.none() | st.integers(0, 5))
def test_a_range_cut_anywhere_ends_the_same(delivered, cuts, erased_on):
    erased = {} if erased_on is None else {"forum\x1fa": [DAY + timedelta(days=erased_on)]}
    ordered = sorted(delivered, key=lambda event: (event[0], event[1], event[3]))
    at_once = accepted(*[on(day, kind, name) for day, _, kind, name in ordered], erased=erased)
    known, found = [], []
    for first, last in zip(sorted({0, *cuts}), [*sorted(cuts), 6], strict=True):
        piece = [event for event in ordered if first <= event[0] < last]
        past = [on(day, kind, name, past=True) for day, _, kind, name in known]
        now = [on(day, kind, name) for day, _, kind, name in piece]
        fates = accepted(*past, *now, erased=erased)[len(past) :]
        known += [event for event, fate in zip(piece, fates, strict=True) if fate]
        found += fates
    assert found == at_once
