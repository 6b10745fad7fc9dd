"""The baseline of an evaluated day, counted by hand and ranked by networkx; and which days are due."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import networkx as nx
import pyarrow as pa
import pytest

from orchestration.validation.baseline import TABLE, due_days, measure, update
from spark_jobs.arrow_schemas import arrow_schema
from spark_jobs.lake import Lake
from tests.fixtures.lake_days import at, put

FIRST = date(2026, 1, 5)
DAY = date(2026, 1, 31)
LAST = DAY + timedelta(days=30)
WHOLE = {"whole": True}
Rows = list[dict[str, Any]]


def test_every_month_end_with_thirty_days_after_it_is_due() -> None:
    assert due_days(FIRST, date(2026, 4, 30)) == [DAY, date(2026, 2, 28), date(2026, 3, 31)]
    assert due_days(FIRST, date(2026, 4, 29)) == [DAY, date(2026, 2, 28)]
    assert due_days(DAY, LAST) == [DAY]


def test_before_the_first_month_end_the_latest_day_stands_in() -> None:
    assert due_days(FIRST, FIRST + timedelta(days=29)) == []
    assert due_days(FIRST, FIRST + timedelta(days=30)) == [FIRST]
    assert due_days(FIRST, LAST - timedelta(days=1)) == [DAY - timedelta(days=1)]


def day(offset: int) -> date:
    return DAY + timedelta(days=offset)


def reaction(identity: str, offset: int, actor: str, target: str, kind: str = "like") -> dict[str, Any]:
    return {
        "network": "forum",
        "activity_id": identity,
        "kind": kind,
        "actor_account_id": actor,
        "target_account_id": target,
        "occurred_at": at(day(offset)),
        "source": "test",
    }


# Ada has two accounts, Bob one and half of another; x, y and z are nobody's that is known.
MEMBERS = {
    "forum": {
        "a1": [("ada", 1.0)],
        "a2": [("ada", 1.0)],
        "b": [("bob", 1.0)],
        "s": [("bob", 0.5), ("cyd", 0.5)],
    },
}
BEFORE = [
    *(reaction(f"old{n}", -30, "x", "a1") for n in range(9)),  # a day too old
    *(reaction(f"a{n}", -29, "x", "a1") for n in range(3)),
    reaction("a-week", -6, "y", "a2", "reply"),
    reaction("a-own", -6, "a1", "a2", "reply"),
    reaction("a-post", -6, "a1", "a1", "post"),
    *(reaction(f"b{n}", -1, "a1", "b", "mention") for n in range(2)),
    *(reaction(f"s{n}", 0, "y", "s") for n in range(2)),
    *(reaction(f"z{n}", 0, "b", "z") for n in range(5)),
    # Before the state was whole, and so no news; then a follow, one that is taken back, and one that ends.
    reaction("f0", -3, "y", "z", "follow"),
    reaction("f1", -1, "x", "a1", "follow"),
    reaction("f2", -1, "z", "a1", "follow"),
    reaction("f3", 0, "z", "a1", "unfollow"),
    reaction("f4", 0, "z", "b", "unfollow"),
]
AFTER = [
    reaction("n1", 1, "x", "a1", "repost"),
    reaction("n2", 30, "x", "a2"),
    reaction("n3", 31, "x", "a2"),
    reaction("n4", 2, "a2", "a1", "repost"),
    reaction("n5", 3, "y", "s", "repost"),
]


def lake_with(root: Path) -> Lake:
    lake = Lake(str(root))
    lake.declare_first_day(FIRST)
    by_day: dict[date, Rows] = {}
    for row in BEFORE + AFTER:
        by_day.setdefault(row["occurred_at"].date(), []).append(row)
    for when, rows in by_day.items():
        put(lake, "activities", when, rows)
    members = [
        {"person_id": person, "network": network, "account_id": account, "share": share, "valid_from": FIRST}
        for network, accounts in MEMBERS.items()
        for account, owners in accounts.items()
        for person, share in owners
    ]
    gone = {**members[0], "person_id": "bob", "valid_to": DAY}
    put(lake, "person_account", DAY, [*members, gone])
    for offset in range(31):
        put(lake, "ledger_digest", day(offset), [{"sequence": offset + 1, "revision": 1}])
    scores(lake, {"ada": 30.0, "bob": 20.0, "cyd": 10.0})
    snapshot = {"network": "forum", "observed_at": at(FIRST), "source": "test"}
    put(lake, "accounts", FIRST, [snapshot | {"account_id": "a1", "handle": "a", "followers": 7}])
    put(lake, "accounts", day(1), [snapshot | {"account_id": "a1", "handle": "a", "followers": 99}])
    follows = [("x", "a1"), ("y", "a2"), ("x", "b"), ("y", "b"), ("a1", "b"), ("a1", "a2")]
    # The state is whole two days before; what happened since then is in the activities alone.
    stood = [follow(actor, target) for actor, target in [*follows[1:], ("z", "b")]]
    lake.write_arrow(
        "follow_state", day(-2), pa.Table.from_pylist(stood, arrow_schema("follow_state")), "test", WHOLE
    )
    put(lake, "follow_state", DAY, [])
    return lake


def follow(actor: str, target: str) -> dict[str, Any]:
    return {"network": "forum", "actor_account_id": actor, "target_account_id": target, "since": at(FIRST)}


def scores(lake: Lake, known: dict[str, float | None], revision: int = 1) -> None:
    rows = [
        {"person_id": p, "score": s, "revision": revision, "model_version": "v1"} for p, s in known.items()
    ]
    put(lake, "daily_score", DAY, rows)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return lake_with(tmp_path)


def test_counts_leave_out_ones_own_accounts_and_what_is_out_of_the_window(lake: Lake) -> None:
    rows = {row["person_id"]: row for row in measure(lake, DAY).to_pylist()}
    # Of Cyd half an account received two, which is one reaction; z has no score.
    assert set(rows) == {"ada", "bob"}
    ada = {name: rows["ada"][name] for name in rows["ada"] if not name.startswith("pagerank")}
    assert ada == {
        "person_id": "ada",
        "followers": 9,  # seven by the snapshot of the day or before, and two who follow the other account
        "reactions_7d": 1.0,
        "reactions_30d": 4.0,
        "next_reactions": 2.0,
        "next_distinct_reactors": 1,
        "next_reposts": 1.0,
    }
    assert (rows["bob"]["reactions_30d"], rows["bob"]["next_reactions"]) == (3.0, 0.5)
    assert (rows["bob"]["next_distinct_reactors"], rows["bob"]["followers"]) == (1, 3)


def test_ranks_are_pagerank_between_people(lake: Lake) -> None:
    rows = {row["person_id"]: row for row in measure(lake, DAY).to_pylist()}
    graph = nx.DiGraph()
    graph.add_weighted_edges_from(
        [
            ("x", "ada", 3),
            ("y", "ada", 1),
            ("ada", "bob", 2),
            ("y", "bob", 1),
            ("y", "cyd", 1),
            ("bob", "z", 5),
        ]
    )
    reference = nx.pagerank(graph, alpha=0.85, tol=1e-12)
    for person in rows:
        assert rows[person]["pagerank_reactions"] == pytest.approx(6 * reference[person], abs=1e-6)
    follows = nx.DiGraph([("x", "ada"), ("y", "ada"), ("x", "bob"), ("y", "bob"), ("ada", "bob")])
    reference = nx.pagerank(follows, alpha=0.85, tol=1e-12)
    for person in rows:
        assert rows[person]["pagerank_follows"] == pytest.approx(4 * reference[person], abs=1e-6)


def test_who_has_no_score_that_stands_has_no_row(lake: Lake) -> None:
    before = lake.read_arrow("daily_score", DAY)
    scores(lake, {"ada": None, "bob": 20.0}, revision=2)
    lake.commit("daily_score", DAY, [*_files(lake), lake.put_parquet("daily_score", DAY, before)], "again")
    assert measure(lake, DAY)["person_id"].to_pylist() == ["bob"]


def _files(lake: Lake) -> list[Any]:
    manifest = lake.manifest("daily_score", DAY)
    assert manifest is not None
    return list(manifest.files)


def test_a_day_is_measured_once_and_again_when_its_last_day_is_published_anew(lake: Lake) -> None:
    assert update(lake, "run").made == [DAY]
    assert update(lake, "again").made == []
    put(lake, "ledger_digest", LAST, [{"sequence": 99, "revision": 2}], "restated")
    assert update(lake, "restate").made == [DAY]
    found = lake.read_arrow(TABLE, DAY)
    assert found is not None
    assert found["person_id"].to_pylist() == ["ada", "bob"]


def test_the_day_that_stood_in_goes_when_a_month_end_is_due(lake: Lake) -> None:
    lake.write_arrow(TABLE, day(-1), measure(lake, DAY), "run")
    found = update(lake, "run")
    assert (found.made, found.dropped, lake.days(TABLE)) == ([DAY], [day(-1)], [DAY])


def test_a_home_without_publications_has_nothing_to_measure(tmp_path: Path) -> None:
    assert update(Lake(str(tmp_path)), "run").standing == []
