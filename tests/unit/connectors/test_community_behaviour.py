"""The simulated community behaves as one: what the score will be asked to find out is truly in the data."""

import dataclasses
from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from orchestration.connectors.community import CommunitySettings, simulate_day, truth
from orchestration.connectors.community.networks import Kind, networks
from orchestration.connectors.community.reactions import cascade

SETTINGS = CommunitySettings(people=500)
DAYS = 12
REACTIONS = {"like", "repost", "quote", "reply"}


@pytest.fixture(scope="module")
def activities() -> list[dict[str, Any]]:
    """All activities of the first days, each once."""
    days = [simulate_day(SETTINGS, SETTINGS.first_day + timedelta(days=n))["activities"] for n in range(DAYS)]
    rows = pa.concat_tables(days).to_pylist()
    return list({(row["network"], row["activity_id"]): row for row in rows}.values())


@pytest.fixture(scope="module")
def archetypes() -> dict[str, str]:
    """Archetype by account id; no two networks share an id."""
    told = truth(SETTINGS)
    return dict(zip(told["account_id"].to_pylist(), told["archetype"].to_pylist(), strict=True))


def test_references_resolve(activities: list[dict[str, Any]]) -> None:
    content = {
        (row["network"], row["activity_id"]): row
        for row in activities
        if row["kind"] in {"post", "reply", "quote"}
    }
    missing = reactions = 0
    for row in activities:
        if row["kind"] in REACTIONS:
            reactions += 1
            found = content.get((row["network"], row["content_id"]))
            if found is None:  # the content is late and comes after the days looked at
                missing += 1
                assert row["occurred_at"].date() >= SETTINGS.first_day + timedelta(days=DAYS - 3)
                continue
            assert row["target_account_id"] == found["actor_account_id"] != row["actor_account_id"]
            assert row["topics"] == found["topics"]
            assert timedelta(0) < row["occurred_at"] - found["occurred_at"] < timedelta(days=3)
        else:
            assert row["content_id"] == (row["activity_id"] if row["kind"] == "post" else None)
            assert (row["target_account_id"] is None) == (row["kind"] == "post")
            assert row["target_account_id"] != row["actor_account_id"]
    assert missing < 0.01 * reactions


def test_nobody_likes_or_reposts_the_same_content_twice(activities: list[dict[str, Any]]) -> None:
    rows = [row for row in activities if row["kind"] in {"like", "repost"}]
    keys = {(row["network"], row["actor_account_id"], row["content_id"], row["kind"]) for row in rows}
    assert len(keys) == len(rows)


def test_every_kind_occurs_and_the_networks_differ(activities: list[dict[str, Any]]) -> None:
    kinds = Counter((row["network"], row["kind"]) for row in activities)
    assert {kind for _, kind in kinds} == {kind.name.lower() for kind in Kind}
    assert kinds["forum", "reply"] > kinds["forum", "like"]
    assert kinds["sample", "like"] > kinds["sample", "reply"]
    follows = sum(number for (_, kind), number in kinds.items() if kind in {"follow", "unfollow"})
    assert 0.01 < follows / len(activities) < 0.10


def test_membership_of_the_networks() -> None:
    told = truth(CommunitySettings(people=5000)).to_pydict()
    on = defaultdict(set)
    for network, person in zip(told["network"], told["person"], strict=True):
        on[network].add(person)
    both = len(on["sample"] & on["forum"]) / 5000
    assert 0.22 < both < 0.28
    assert 0.12 < len(on["forum"]) / 5000 - both < 0.18


@pytest.mark.parametrize("seed", [1, 2, 7])
def test_followers_reflect_influence_in_part(seed: int) -> None:
    settings = CommunitySettings(people=2000, seed=seed)
    accounts = simulate_day(settings, settings.first_day)["accounts"]
    told = truth(settings)
    human = np.array(told["archetype"].to_pylist()) != "bot"
    for network in ("sample", "forum"):
        here = human & (np.array(told["network"].to_pylist()) == network)
        followers = np.log1p(accounts["followers"].to_numpy()[here])
        correlation = np.corrcoef(followers, np.log(told["influence"].to_numpy()[here]))[0, 1]
        assert 0.45 < correlation < 0.68


def test_influence_is_heavy_tailed_and_a_few_are_verified() -> None:
    settings = CommunitySettings(people=5000)
    influence = np.sort(truth(settings)["influence"].to_numpy())
    assert influence[-len(influence) // 100 :].sum() > 0.08 * influence.sum()
    verified = simulate_day(settings, settings.first_day)["accounts"]["is_verified"].to_numpy(
        zero_copy_only=False
    )
    assert 0.01 < verified.mean() < 0.035


def test_experts_are_heard_nobodies_are_not_and_bots_least(
    activities: list[dict[str, Any]], archetypes: dict[str, str]
) -> None:
    received, posted, accounts = Counter[str](), Counter[str](), Counter(archetypes.values())
    for row in activities:
        if row["kind"] == "post":
            posted[archetypes.get(row["actor_account_id"], "newcomer")] += 1
        elif row["kind"] in REACTIONS:
            received[archetypes.get(row["target_account_id"], "newcomer")] += 1
    per_post = {name: received[name] / posted[name] for name in accounts}
    assert per_post["quiet_expert"] > 2 * per_post["ordinary"] > 4 * per_post["chatty_nobody"]
    assert per_post["bot"] < 0.2 * per_post["chatty_nobody"]
    assert posted["quiet_expert"] / accounts["quiet_expert"] < posted["ordinary"] / accounts["ordinary"]
    assert posted["chatty_nobody"] / accounts["chatty_nobody"] > 2 * posted["ordinary"] / accounts["ordinary"]


def test_bots_do_much_and_say_little_of_it(
    activities: list[dict[str, Any]], archetypes: dict[str, str]
) -> None:
    done = Counter(archetypes.get(row["actor_account_id"], "newcomer") for row in activities)
    assert done["bot"] / list(archetypes.values()).count("bot") > 40 * DAYS
    told = simulate_day(SETTINGS, SETTINGS.first_day)["accounts"].to_pylist()
    flags = [row["is_automated"] for row in told if archetypes[row["account_id"]] == "bot"]
    assert flags.count(None) > len(flags) / 2


def test_circles_are_steady_and_attention_goes_both_ways(
    activities: list[dict[str, Any]], archetypes: dict[str, str]
) -> None:
    pairs = Counter(
        (row["actor_account_id"], row["target_account_id"])
        for row in activities
        if row["kind"] in REACTIONS and archetypes.get(row["actor_account_id"]) != "bot"
    )
    in_steady_pairs = sum(times for times in pairs.values() if times >= 3) / sum(pairs.values())
    assert in_steady_pairs > 0.3
    returned = np.mean([(target, actor) in pairs for actor, target in pairs])
    assert 0.1 < returned < 0.6


def test_a_repost_brings_more_reactions_to_the_same_content() -> None:
    _, (sample, _) = networks(SETTINGS, 3)
    quiet = dataclasses.replace(sample, customs=dataclasses.replace(sample.customs, repost_reach=0.0))
    with_reach, without = cascade(sample, 3), cascade(quiet, 3)
    assert len(with_reach) > 1.03 * len(without)


def test_volume_is_linear_in_people() -> None:
    per_person = []
    for people in (500, 1000, 2000):
        settings = CommunitySettings(people=people)
        rows = [
            len(simulate_day(settings, settings.first_day + timedelta(days=n))["activities"])
            for n in (5, 9, 15)
        ]
        per_person.append(float(np.mean(rows)) / people)
    assert all(4 <= each <= 6 for each in per_person)


def test_people_follow_the_hours_of_their_day(activities: list[dict[str, Any]]) -> None:
    hours = Counter(row["occurred_at"].hour for row in activities)
    assert max(hours.values()) > 2 * min(hours.values())
    assert sum(1 for row in activities if row["occurred_at"].microsecond % 1000) > 0.9 * len(activities)
