"""Pair mass, fresh attention and give-back: steps 1 to 3."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.scoring_model import KINDS, load_model
from spark_jobs.transforms.scoring.pairs import (
    Follows,
    PairDay,
    Pairs,
    Reactions,
    pair_day,
    revoked,
    with_counted,
    with_standing,
    without_faint,
)

MODEL = load_model("v1")
NONE = np.zeros(0, dtype=np.int64)
NO_FOLLOWS = Follows(NONE, NONE, NONE, NONE.astype(bool))
N = 6

events = st.lists(
    st.tuples(
        st.integers(0, N - 1), st.integers(0, N - 1), st.integers(0, len(KINDS) - 1), st.integers(0, 3)
    ).filter(lambda e: e[0] != e[1]),
    max_size=30,
)


def grouped(rows):
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return Reactions.grouped(*columns)


def like(actor, target):
    return (actor, target, KINDS.index("like"), 0)


@given(events, st.randoms())
def test_grouping_does_not_see_the_order(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    first, second = grouped(rows), grouped(shuffled)
    for name in ("actor", "target", "kind", "age", "count"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.count.sum() == len(rows)


@given(st.lists(events, min_size=1, max_size=5))
def test_days_in_turn_equal_masses_from_the_formula(days):
    pairs = Pairs.empty()
    for rows in days:
        pairs = pair_day(pairs, N, grouped(rows), NO_FOLLOWS, 1.0, MODEL).pairs
    weights = MODEL.kinds.in_order()
    half_life = MODEL.pair.half_life_days
    expected = {}
    for day, rows in enumerate(days):
        for actor, target, kind, age in rows:
            faded = 0.5 ** ((len(days) - 1 - day + age) / half_life)
            expected[actor, target] = expected.get((actor, target), 0) + weights[kind] * faded
    got = dict(zip(zip(pairs.actor.tolist(), pairs.target.tolist(), strict=True), pairs.mass, strict=True))
    assert got == pytest.approx(expected)


@given(events, events)
def test_fresh_attention_is_what_saturation_leaves(before, today):
    earlier = grouped(before)
    pairs = with_counted(
        pair_day(Pairs.empty(), N, earlier, NO_FOLLOWS, 1.0, MODEL), np.ones(len(earlier.actor))
    )
    reactions = grouped(today)
    day = pair_day(pairs, N, reactions, NO_FOLLOWS, 1.0, MODEL)
    assert (day.fresh >= 0).all()
    by_pair = np.bincount(day.pair, weights=day.fresh, minlength=len(day.pairs.mass))
    assert (by_pair <= MODEL.pair.saturation).all()
    # What was fresh before and today adds up to what the pair's whole mass saturates, but for fading.
    assert (by_pair <= MODEL.pair.saturation * day.saturated + 1e-12).all()


@given(st.lists(st.integers(0, 3), min_size=40, max_size=40), st.integers(0, 39), st.integers(1, 5))
def test_a_further_reaction_never_lowers_what_is_remembered(likes, on, further):
    with_more = [*likes[:on], likes[on] + further, *likes[on + 1 :]]
    assert (remembered(with_more) >= remembered(likes) - 1e-12).all()


def test_a_daily_reader_counts_no_less_than_a_weekly_one():
    daily, weekly = remembered([1] * 140), remembered([1, 0, 0, 0, 0, 0, 0] * 20)
    assert (daily >= weekly).all()
    assert daily[-1] > 1.5 * weekly[-1]


def remembered(likes):
    """What a level keeps of one person's likes of each day, on each day."""
    pairs, kept, days = Pairs.empty(), 0.0, []
    for count in likes:
        day = pair_day(pairs, N, grouped([like(0, 1)] * count), NO_FOLLOWS, 1.0, MODEL)
        pairs = with_counted(day, np.ones(len(day.pair)))
        kept = kept * 0.5 ** (1 / MODEL.level.slow_half_life_days) + day.fresh.sum()
        days.append(kept)
    return np.array(days)


def test_the_fiftieth_reply_adds_nothing():
    reply = (0, 1, KINDS.index("reply"), 0)
    many = pair_day(Pairs.empty(), N, grouped([reply] * 50), NO_FOLLOWS, 1.0, MODEL)
    whole = with_counted(many, np.ones(1))
    again = pair_day(whole, N, grouped([reply]), NO_FOLLOWS, 0.0, MODEL)
    assert again.fresh[0] < 1e-9


def test_what_the_intake_had_no_room_for_stays_fresh():
    reply = (0, 1, KINDS.index("reply"), 0)
    first = pair_day(Pairs.empty(), N, grouped([reply]), NO_FOLLOWS, 1.0, MODEL)
    cut = pair_day(with_counted(first, np.zeros(1)), N, grouped([reply]), NO_FOLLOWS, 1.0, MODEL)
    assert cut.fresh[0] == pytest.approx(first.fresh[0])
    assert cut.pairs.mass[0] > first.pairs.mass[0]


def test_give_back_discounts_both_sides_alike():
    day = pair_day(Pairs.empty(), N, grouped([like(0, 1), like(1, 0), like(2, 0)]), NO_FOLLOWS, 1.0, MODEL)
    by_pair = dict(
        zip(zip(day.pairs.actor.tolist(), day.pairs.target.tolist(), strict=True), day.give_back, strict=True)
    )
    answered = pytest.approx(np.exp(-((MODEL.give_back.rate * MODEL.kinds.like) ** MODEL.give_back.shape)))
    assert by_pair == {(0, 1): answered, (1, 0): answered, (2, 0): 1.0}


def test_a_late_reaction_counts_at_its_true_age():
    kind = KINDS.index("repost")
    late = pair_day(Pairs.empty(), N, grouped([(0, 1, kind, 15)]), NO_FOLLOWS, 1.0, MODEL)
    assert late.pairs.mass[0] == pytest.approx(MODEL.kinds.repost / 2)


def test_faint_pairs_restart_at_zero():
    pairs = Pairs(np.array([0, 1]), np.array([1, 0]), np.array([0.009, 0.011]), *np.zeros((4, 2)))
    kept = without_faint(pairs, MODEL)
    assert kept.mass.tolist() == [0.011]


def test_an_unfollow_ends_the_follow_at_once():
    begin = Follows(np.array([0]), np.array([1]), np.array([0]), np.array([True]))
    end = Follows(np.array([0]), np.array([1]), np.array([0]), np.array([False]))
    followed = pair_day(Pairs.empty(), N, grouped([]), begin, 1.0, MODEL).pairs
    assert followed.follow_mass.tolist() == [MODEL.follow.mass]
    ended = without_faint(pair_day(followed, N, grouped([]), end, 1.0, MODEL).pairs, MODEL)
    assert len(ended.actor) == 0


def after_a_day(pairs: Pairs, rows: list[tuple[int, int, int, int]]) -> tuple[Pairs, PairDay]:
    """The pairs after a day of which the level takes all, and the day."""
    day = pair_day(pairs, N, grouped(rows), NO_FOLLOWS, 1.0, MODEL)
    worth = day.give_back[day.pair]
    pairs = with_counted(day, np.ones(len(day.pair)))
    return with_standing(pairs, day, day.fresh, day.fresh * worth, revoked(day, 1.0)), day


def test_what_a_trade_brought_is_taken_back_and_no_more():
    pairs, first = after_a_day(Pairs.empty(), [like(0, 1)])
    assert revoked(first, 1.0).sum() == 0
    brought = float(pairs.standing.sum())
    reply = KINDS.index("reply")
    pairs, answered = after_a_day(pairs, [(1, 0, reply, 0)] * 3)
    left = answered.give_back[0]
    faded = brought * 0.5 ** (1 / MODEL.level.slow_half_life_days)
    assert revoked(answered, 1.0).tolist() == [pytest.approx(faded * (1 - left)), 0.0]
    assert pairs.standing[0] == pytest.approx(faded * left)
    # Time forgives what was given back, but what was taken back stays so.
    for _ in range(40):
        pairs, later = after_a_day(pairs, [])
        assert revoked(later, 1.0).sum() == pytest.approx(0, abs=1e-12)
    assert later.give_back[0] > left
    assert pairs.standing[0] == pytest.approx(faded * left * 0.5 ** (40 / MODEL.level.slow_half_life_days))
