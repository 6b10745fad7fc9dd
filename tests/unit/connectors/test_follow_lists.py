"""Follows known from lists: they end where a complete list names them no more, and nowhere else."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from orchestration.connectors import bluesky
from orchestration.connectors.answers import Answer
from orchestration.connectors.follow_lists import FollowList, Whose, lists_of, unfollows
from orchestration.connectors.network_landing import land_network
from orchestration.connectors.registry import CONNECTORS
from orchestration.connectors.reports import Landing
from orchestration.connectors.watch import change
from orchestration.settings import Settings
from spark_jobs.lake import Lake
from tests.fixtures.network_answers import DAY, RECEIVED, reading
from tests.fixtures.pulled import pulling
from tests.fixtures.replay_server import recorded, serving

ADA, BO, CY = "did:plc:ada", "did:plc:bo", "did:plc:cy"
TO_ADA: Whose = ("followers", ADA)


def listing(*who: str, ends: bool = True, damaged: bool = False, promised: int | None = None) -> FollowList:
    answer = Answer("bluesky", "followers", "", 200, "", RECEIVED)
    return FollowList({(one, ADA) for one in who}, ends, damaged, promised, answer)


def ended(
    today: FollowList, *before: FollowList, others: Mapping[Whose, FollowList] | None = None
) -> list[str]:
    """Who follows Ada no more."""
    lists = {TO_ADA: today, **(others or {})}
    rows = list(unfollows("bluesky", lists, [{TO_ADA: one} for one in before], reading()))
    assert {row.values["kind"] for row in rows} <= {"unfollow"}
    return [row.values["actor_account_id"] for row in rows]


def test_who_is_missing_from_a_complete_list_has_left() -> None:
    assert ended(listing(CY), listing(BO, CY)) == [BO]
    assert ended(listing(BO, CY), listing(CY)) == []


@pytest.mark.parametrize(
    "today",
    [
        listing(CY, ends=False),
        listing(CY, damaged=True),
        listing(CY, promised=2),
        listing(),
    ],
    ids=["cut off", "damaged", "shorter than promised", "empty, as of who hides it"],
)
def test_no_other_list_says_so(today: FollowList) -> None:
    assert ended(today, listing(BO, CY)) == []


def test_an_empty_list_that_was_promised_is_one() -> None:
    assert ended(listing(promised=0), listing(BO)) == [BO]


def test_lists_that_were_cut_off_are_seen_through_to_the_last_complete_one() -> None:
    assert ended(listing(CY), listing(CY, ends=False), listing(BO, CY)) == [BO]
    old = listing("did:plc:old")
    assert ended(listing(CY), listing(CY), old) == [], "that was told on the day before"


def test_who_is_in_the_other_list_of_the_pair_has_not_left() -> None:
    theirs = {("follows", BO): FollowList({(BO, ADA)}, ends=False)}
    assert ended(listing(CY), listing(BO, CY), others=theirs) == []
    assert ended(listing(CY), others={("followers", CY): listing(BO)}) == []


@pytest.mark.parametrize(
    ("network", "handles", "told"),
    [
        ("bluesky", ("ada.example", "gone.example"), {}),
        ("github", ("ada",), {"github_token": "t0ken"}),
        ("mastodon", ("ada@town.example",), {}),
    ],
)
def test_services_say_where_their_lists_end(
    network: str, handles: tuple[str, ...], told: dict[str, str], tmp_path: Path
) -> None:
    module = importlib.import_module(CONNECTORS[network])
    with pulling(module, recorded(network), tmp_path, patient=True, **told) as pull:
        pull.run(*handles)
        found = lists_of(module, [entry.answer for entry in pull.journal.entries()], reading())
    assert {endpoint for endpoint, _ in found} == set(module.NETWORK.follow_lists)
    assert all(one.ends for one in found.values())
    complete = {endpoint for (endpoint, _), one in found.items() if one.is_complete}
    # In two of the fixtures, whom Ada follows has an entry that nobody can read.
    assert complete == ({"followers", "following"} if network == "mastodon" else {"followers"})


Change = Callable[[list[dict[str, Any]]], None]


def land(home: Path, day: date, followers: Change) -> list[tuple[str, str]]:
    """Land a day on which Ada's followers are other ones; kinds and ids of the follows that it tells of."""
    lines = copy.deepcopy(recorded("bluesky"))
    for line in lines:
        if line["endpoint"] == "followers":
            followers(line["body"]["followers"])
    night = datetime.combine(day, time(2), UTC) + timedelta(days=1)
    with serving(lines) as server:
        settings = Settings(_env_file=None, home=str(home), networks=("bluesky",), bluesky_url=server.url)
        change(settings.home, "add", [("bluesky", "ada.example"), ("bluesky", "gone.example")], RECEIVED)
        landing = Landing(settings, Lake(settings.home), "bluesky", [day], DAY, "run")
        land_network(landing, bluesky, wait=lambda _: None, clock=night.timestamp)
    lake, found = Lake(str(home)), []
    manifest = lake.manifest("mapped/bluesky", day)
    assert manifest is not None
    for file in manifest.files:
        if file.extra["table"] == "activities":
            with lake.open(f"{lake.day_path('mapped/bluesky', day)}/{file.name}") as handle:
                found += pq.read_table(handle, columns=["kind", "activity_id"]).to_pylist()
    return sorted((row["kind"], row["activity_id"]) for row in found if "follow" in row["kind"])


def only(*kept: str) -> Change:
    def cut(followers: list[dict[str, Any]]) -> None:
        followers[:] = [one for one in followers if one["did"] in kept]

    return cut


def test_whoever_leaves_and_comes_back_is_seen_to_do_both(tmp_path: Path) -> None:
    days = [DAY + timedelta(days=number) for number in range(4)]
    mine = [("follow", f"follow:{ADA}:{CY}:{day}") for day in days]
    bo, cy = ([("follow", f"follow:{who}:{ADA}:{day}") for day in days] for who in (BO, CY))
    assert land(tmp_path, days[0], only(BO, CY)) == [mine[0], bo[0], cy[0]]
    left = ("unfollow", f"unfollow:{BO}:{ADA}:{days[1]}")
    assert land(tmp_path, days[1], only(CY)) == [mine[1], cy[1], left]
    assert land(tmp_path, days[2], only(CY)) == [mine[2], cy[2]], "he left once"
    assert land(tmp_path, days[3], only(BO, CY)) == [mine[3], bo[3], cy[3]]
