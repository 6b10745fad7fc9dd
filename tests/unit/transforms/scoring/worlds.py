"""Small networks for the scoring tests: events as plain tuples, scored without Spark."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from spark_jobs.scoring_model import load_model
from spark_jobs.transforms.scoring.block_tables import NETWORK_INPUT
from spark_jobs.transforms.scoring.blocks import Rows, day_number
from spark_jobs.transforms.scoring.network_day import NetworkDay, NetworkState, network_day
from spark_jobs.transforms.scoring.network_input import NetworkInput

MODEL = load_model("v1")
START = date(2026, 1, 1)
OLD = datetime(2020, 1, 1, tzinfo=UTC)


def network_input(activities, accounts=(), links=(), requests=(), tags=None, endorsements=()):
    """A network's task from tuples; see `network_tables`. `tags` gives the topics of tags."""
    tables = network_tables(activities, accounts, links, requests, endorsements=endorsements)
    return NetworkInput("net", {name: Rows(table) for name, table in tables.items()}, 0.7, tags)


def network_tables(activities, accounts=(), links=(), requests=(), network="net", endorsements=()):
    """A network's input from tuples.

    activities: (day offset, kind, actor, target, late days, topics); accounts: (day offset, account,
    created, verified); links: (day offset, account, person, share), and where they are not 1 and the
    day, (…, confidence, day offset of the observation); requests: (day offset, account, request);
    endorsements: (day offset, giver, receiver, topic, late days).
    """

    def at(offset):
        return START + timedelta(days=offset)

    def moment(offset, second=0):
        return datetime.combine(at(offset), datetime.min.time(), UTC) + timedelta(seconds=second)

    rows = {
        "activities": [
            {
                "day": at(day),
                "network": network,
                "kind": kind,
                "actor_account_id": actor,
                "target_account_id": target,
                "occurred_at": moment(day - late, index),
                "late_days": late,
                "topics": list(topics),
            }
            for index, (day, kind, actor, target, late, topics) in enumerate(activities)
        ],
        "accounts": [
            {
                "day": at(day),
                "network": network,
                "account_id": account,
                "handle": account,
                "created_at": created,
                "is_verified": verified,
                "observed_at": moment(day),
            }
            for day, account, created, verified in accounts
        ],
        "endorsements": [
            {
                "day": at(day),
                "network": network,
                "from_account_id": giver,
                "to_account_id": receiver,
                "topic": topic,
                "endorsed_at": moment(day - late),
            }
            for day, giver, receiver, topic, late in endorsements
        ],
        "identity_links": [
            {
                "day": at(day),
                "network": network,
                "account_id": account,
                "person_key": person,
                "share": share,
                "confidence": rest[0] if rest else 1.0,
                "observed_at": moment(rest[1] if rest else day),
            }
            for day, account, person, share, *rest in links
        ],
        "privacy_requests": [
            {
                "day": at(day),
                "network": network,
                "account_id": account,
                "request": request,
                "requested_at": moment(day),
            }
            for day, account, request in requests
        ],
    }
    return {
        name: pa.Table.from_pylist(rows.get(name, []), schema=schema)
        for name, schema in NETWORK_INPUT.items()
    }


def run(task: NetworkInput, days: int, model=MODEL) -> dict[int, NetworkDay]:
    """Score `days` days from START; the results by day offset."""
    state, results = NetworkState.empty(model.level.rise_memory_days), {}
    for offset in range(days):
        state, events = task.day(state, day_number(START) + offset)
        results[offset] = network_day(state, events, model)
        state = results[offset].state
    return results


def number(task: NetworkInput, result: NetworkDay, account: str) -> int:
    """An account's place in a day's arrays."""
    code = task.ids.to_pylist().index(account)
    return int(np.flatnonzero(result.state.accounts.code == code)[0])


def level(task: NetworkInput, result: NetworkDay, account: str) -> float:
    return float(result.published.level[number(task, result, account)])


def community(people: int, days: int, seed: int, reactions_a_day: int = 60):
    """A community of old accounts, the first tenth verified, reacting at random."""
    random = np.random.default_rng(seed)
    names = [f"a{index:03d}" for index in range(people)]
    popular = random.dirichlet(np.full(people, 0.5))
    activities = [
        (day, kind, names[actor], names[target], 0, ("tea",))
        for day in range(days)
        for kind, actor, target in zip(
            random.choice(["like", "reply", "repost", "quote", "mention"], reactions_a_day),
            random.integers(people, size=reactions_a_day),
            random.choice(people, size=reactions_a_day, p=popular),
            strict=True,
        )
    ]
    activities += [(day, "post", name, None, 0, ()) for day in range(days) for name in names[::2]]
    accounts = [(0, name, OLD, index < people // 10) for index, name in enumerate(names)]
    return activities, accounts
