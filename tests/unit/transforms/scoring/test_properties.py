"""Properties of whole days of scoring, on small worlds in which everything that can happen does.

Two networks, accounts of every age, some verified, some joining late; people with accounts on both, an
account shared by two people, links that begin and change; days on which a network delivers nothing, late
rows, follows and unfollows, people who opt out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from whole_days import Cutting, by_person, score_days
from worlds import OLD, START, network_input

from spark_jobs.scoring_model import KINDS
from spark_jobs.transforms.scoring.blocks import Rows

DAYS = 7
NAMES = [f"a{index}" for index in range(9)]
DID = (*KINDS, *KINDS, "post", "follow", "unfollow")
WORLDS = settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True)
class World:
    """Rows of one network, as tuples of `worlds.network_input`."""

    network: str
    activities: list[tuple]
    accounts: list[tuple]
    links: list[tuple]
    requests: list[tuple]

    def task(self):
        task = network_input(self.activities, self.accounts, self.links, self.requests)
        task.tables = {name: _named(rows, self.network) for name, rows in task.tables.items()}
        return task

    def with_ages_apart(self) -> World:
        """The same world with every account there from the start, no two created on one day."""
        accounts = [
            (0, name, OLD + timedelta(days=300 * index), vouched)
            for index, (_, name, _, vouched) in enumerate(self.accounts)
        ]
        return replace(self, accounts=accounts)

    def renamed(self, names: dict[str, str]) -> World:
        return World(
            self.network,
            [(d, k, names[a], names.get(t), late, x) for d, k, a, t, late, x in self.activities],
            [(d, names[a], *rest) for d, a, *rest in self.accounts],
            [(d, names[a], names[p], share) for d, a, p, share in self.links],
            [(d, names[a], request) for d, a, request in self.requests],
        )


def _named(rows: Rows, network: str) -> Rows:
    at = rows.table.schema.get_field_index("network")
    return Rows(rows.table.set_column(at, "network", pa.repeat(pa.scalar(network), rows.table.num_rows)))


def world(network: str, seed: int, links: bool = True) -> World:
    """A network's days; whatever happens is drawn from `seed`."""
    random = np.random.default_rng([seed, len(network)])
    start = datetime.combine(START, datetime.min.time(), UTC)
    created = [OLD, start - timedelta(days=20), start - timedelta(days=400), start, None]
    verified = random.random() < 0.6
    accounts = []
    for name in NAMES:
        day = int(random.choice([0, 0, 0, 2, 4]))
        accounts.append(
            (day, name, created[random.integers(len(created))], bool(verified and random.random() < 0.4))
        )
    outage = set(random.choice(DAYS, size=random.integers(0, 3), replace=False).tolist())
    activities = []
    for day in set(range(DAYS)) - outage:
        for _ in range(int(random.poisson(14))):
            actor, target = random.choice(NAMES, 2, replace=False).tolist()
            kind = str(random.choice(DID))
            late = int(random.choice([0, 0, 0, 1, 5]))
            topics = ("tea", "rain")[: random.integers(3)]
            activities.append((day, kind, actor, None if kind == "post" else target, late, topics))
    linked, requests = [], []
    if links:
        linked = [(0, NAMES[0], "p", 1.0), (int(random.integers(DAYS)), NAMES[1], "q", 1.0)]
        shared = int(random.integers(DAYS - 1))
        linked += [(shared, NAMES[2], "p", 0.6), (shared, NAMES[2], "q", 0.4)]
        linked += [(shared + 1, NAMES[0], "r", 1.0)] if random.random() < 0.5 else []
        if random.random() < 0.3:
            requests = [(2, NAMES[4], "opt_out"), (5, NAMES[4], "opt_in")]
    return World(network, activities, accounts, linked, requests)


def worlds_of(seed: int, links: bool = True) -> dict[str, World]:
    return {network: world(network, seed, links) for network in ("first", "other one")}


def scored(worlds: dict[str, World], cutting: Cutting | None = None) -> dict[str, pa.Table]:
    return score_days({network: one.task() for network, one in worlds.items()}, DAYS, cutting)


seeds = st.integers(0, 2**32 - 1)


def assert_equal_states(one: dict[str, pa.Table], other: dict[str, pa.Table]) -> None:
    assert one.keys() == other.keys()
    for name, table in one.items():
        for column, left in zip(table.column_names, table.columns, strict=True):
            right = other[name][column]
            if pa.types.is_floating(left.type):
                np.testing.assert_allclose(left.to_numpy(), right.to_numpy(), rtol=0, atol=1e-9, err_msg=name)
            else:
                assert left.to_pylist() == right.to_pylist(), f"{name}.{column}"


@WORLDS
@given(seeds, st.lists(st.integers(1, 3), max_size=DAYS), st.integers(1, 3))
def test_how_days_people_and_files_are_cut_changes_nothing(seed, chunks, groups):
    worlds = worlds_of(seed)
    whole = scored(worlds)
    cut = scored(worlds, Cutting(chunks, groups, files=3, random=np.random.default_rng(seed)))
    # Not only to 1e-9: to the last bit, since what is published may not depend on how it was computed.
    assert whole.keys() == cut.keys()
    for name in whole:
        assert whole[name].equals(cut[name]), name


@WORLDS
@given(seeds)
def test_each_day_from_yesterdays_state_equals_all_days_at_once(seed):
    worlds = worlds_of(seed)
    assert_equal_states(scored(worlds), scored(worlds, Cutting([1] * DAYS)))


@WORLDS
@given(seeds, st.randoms())
def test_names_do_not_matter(seed, random):
    # Where seeds are drawn, two accounts alike in all that is known are told apart by their ids, for want of
    # anything else: so here every account has an age of its own.
    worlds = {network: one.with_ages_apart() for network, one in worlds_of(seed).items()}
    texts = [*NAMES, "p", "q", "r"]
    names = dict(zip(texts, random.sample([f"x{n}" for n in range(100)], len(texts)), strict=True))
    one = scored(worlds)
    other = scored({network: w.renamed(names) for network, w in worlds.items()})
    back = {new: old for old, new in names.items()}

    def original(person: str) -> str:
        head, _, name = person.rpartition(":")
        return f"{head}:{back[name]}"

    expected = by_person(one["person_state"], "value")
    got = by_person(other["person_state"], "value")
    assert {(day, original(person), *rest): v for (day, person, *rest), v in got.items()} == pytest.approx(
        expected, abs=1e-9
    )


@WORLDS
@given(seeds)
def test_what_is_published_adds_up(seed):
    tables = scored(worlds_of(seed))
    score = by_person(tables["daily_score"], "score")
    parts: dict[tuple, float] = {}
    for (day, person, *_), value in by_person(tables["score_part"], "points").items():
        parts[day, person] = parts.get((day, person), 0.0) + value
    given_scores = {key: value for key, value in score.items() if value is not None}
    assert given_scores
    assert parts == pytest.approx(given_scores, abs=0.01)

    # To 1e-9 before rounding: parts, ceiling and accounts of the state, and nothing else, make the score.
    exact: dict[tuple, float] = {}
    for (day, person, part, _), value in by_person(tables["person_state"], "value").items():
        if part in (*KINDS, "ceiling", "accounts"):
            exact[day, person] = exact.get((day, person), 1.0) + value
    # A published score is this, rounded to two decimals.
    assert exact == pytest.approx(given_scores, abs=0.005 + 1e-9)

    changes: dict[tuple, float] = {}
    for (day, person, *_), value in by_person(tables["score_change"], "points").items():
        changes[day, person] = changes.get((day, person), 0.0) + value
    for (day, person), value in given_scores.items():
        before = given_scores.get((day - timedelta(days=1), person))
        if before is not None:
            assert changes.get((day, person), 0.0) == pytest.approx(value - before, abs=0.0105)


@WORLDS
@given(seeds)
def test_what_is_published_is_within_its_bounds(seed):
    worlds = worlds_of(seed)
    # One more account, which acts and to which nobody reacts.
    lonely = [(day, "post", "lonely", None, 0, ()) for day in range(DAYS)]
    first = worlds["first"]
    worlds["first"] = replace(
        first,
        activities=[*first.activities, *lonely],
        accounts=[*first.accounts, (0, "lonely", OLD, False)],
    )
    tables = scored(worlds)
    for row in tables["daily_score"].to_pylist():
        if row["score"] is None:
            assert row["unscored_reason"]
            continue
        assert 1 <= row["score_low"] <= row["score"] <= row["score_high"] <= 100
        if row["person_id"] == "acct:first:lonely":
            assert row["score"] == row["score_low"] == row["observed_score"] == row["momentum"] == 1
    state = tables["account_state"]
    for name, least, most in (("trust", 0, 1), ("level", 0, np.inf), ("fast_level", 0, np.inf)):
        values = state[name].to_numpy()
        assert ((values >= least) & (values <= most)).all(), name
    lonely_levels = state.filter(pa.compute.equal(state["account_id"], "lonely"))["level"].to_pylist()
    assert lonely_levels
    assert set(lonely_levels) == {0.0}
