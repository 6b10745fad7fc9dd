"""A community scored straight on the model's arrays, without Spark: quick enough to tune on.

It calls the same functions as the pipeline's tasks; that both give the same scores is tested.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from spark_jobs.scoring_model import ScoringModel
from spark_jobs.transforms.scoring.block_tables import ACCOUNT_MEASURES, NETWORK_INPUT
from spark_jobs.transforms.scoring.blocks import Rows, day_number
from spark_jobs.transforms.scoring.network_day import NetworkState, network_day
from spark_jobs.transforms.scoring.network_input import ALL_KINDS, NetworkInput
from spark_jobs.transforms.scoring.person_day import PersonState, person_day
from spark_jobs.transforms.scoring.person_rows import NO_ORIGIN, AccountRows
from tests.behaviour.community import Community
from tests.behaviour.events import Events, Floats

START = date(2026, 1, 1)
NETWORK = "world"
MICROSECONDS = 24 * 60 * 60 * 1_000_000
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Scores:
    """Published numbers by account and day, (accounts, days) each, NaN where there is no score."""

    score: Floats
    low: Floats
    high: Floats
    momentum: Floats
    evidence: Floats


def account_names(accounts: int) -> pa.Array:
    return pa.array([f"p{number:06d}" for number in range(accounts)])


def first_days(community: Community) -> np.ndarray:
    """Day on which each account first shows, (accounts,)."""
    shown = np.full(len(community.people), 10**6, dtype=np.int64)
    events = community.events
    np.minimum.at(shown, events.actor, events.day)
    aimed = events.target >= 0
    np.minimum.at(shown, events.target[aimed], events.day[aimed])
    return shown


def moments(day: np.ndarray, order: np.ndarray) -> pa.Array:
    """Moments within each day that rise with the row's place in it."""
    base = (START - _EPOCH).days
    at = (day + base) * MICROSECONDS + (order % 86_000) * 1_000_000
    return pa.array(at, pa.int64()).cast(pa.timestamp("us", "UTC"))


def created_at(community: Community) -> pa.Array:
    known = community.world.ages
    return pa.array(
        [
            datetime.combine(START, datetime.min.time(), UTC) + timedelta(days=int(day)) if known else None
            for day in community.people.created
        ],
        pa.timestamp("us", "UTC"),
    )


def day_column(day: np.ndarray) -> pa.Array:
    return pa.array((day + (START - _EPOCH).days).astype(np.int32)).cast(pa.date32())


def network_tables(community: Community) -> dict[str, Rows]:
    """The community as the tables that a network's task is given."""
    people, events = community.people, community.events
    events = events.where(np.argsort(events.day, kind="stable"))
    names = account_names(len(people))
    topics = pa.array([f"topic{number}" for number in range(community.world.topics)])
    order = np.arange(len(events))
    rows = {
        "activities": {
            "day": day_column(events.day),
            "network": pa.array([NETWORK] * 1).take(pa.array(np.zeros(len(events), dtype=np.int8))),
            "kind": pa.array(ALL_KINDS).take(pa.array(events.kind)),
            "actor_account_id": names.take(pa.array(events.actor)),
            "target_account_id": names.take(pa.array(events.target, mask=events.target < 0)),
            "occurred_at": moments(events.day, order),
            "late_days": pa.array(np.zeros(len(events), dtype=np.int64)),
            "topics": topic_lists(events, topics),
        },
        "accounts": _snapshots(community, names),
    }
    tables = {}
    for name, schema in NETWORK_INPUT.items():
        columns = rows.get(name)
        table = (
            pa.table({f.name: columns[f.name].cast(f.type) for f in schema}, schema=schema)
            if columns
            else schema.empty_table()
        )
        tables[name] = Rows(table)
    return tables


def topic_lists(events: Events, topics: pa.Array) -> pa.Array:
    has = events.topic >= 0
    offsets = np.concatenate(([0], np.cumsum(has))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), topics.take(pa.array(events.topic[has])))


def _snapshots(community: Community, names: pa.Array) -> dict[str, pa.Array]:
    shown = first_days(community)
    here = np.flatnonzero(shown < community.world.days)
    return {
        "day": day_column(shown[here]),
        "network": pa.array([NETWORK] * len(here)),
        "account_id": names.take(pa.array(here)),
        "handle": names.take(pa.array(here)),
        "created_at": created_at(community).take(pa.array(here)),
        "is_verified": pa.array(community.people.verified[here]),
        "observed_at": moments(shown[here], here),
    }


def scores_of(community: Community, model: ScoringModel, customers: np.ndarray | None = None) -> Scores:
    """Score every day of a community, each account a person of its own."""
    task = NetworkInput(NETWORK, network_tables(community), 0.7)
    days, n = community.world.days, len(community.people)
    state, persons = NetworkState.empty(model.level.rise_memory_days), PersonState.empty(n, 1)
    columns = {name: np.full((n, days), np.nan) for name in Scores.__dataclass_fields__}
    for day in range(days):
        state, events = task.day(state, day_number(START) + day)
        result = network_day(state, events, model)
        state, published = result.state, result.published
        at = state.accounts.code
        rows = AccountRows(
            person=at,
            network=np.zeros(len(at), dtype=np.int64),
            origin=np.full(len(at), NO_ORIGIN),
            share=np.ones(len(at)),
            share_before=np.ones(len(at)),
            share_start=np.ones(len(at)),
            own_score=state.accounts.own_score,
            slow=state.accounts.slow,
            changes=np.zeros((len(at), 4)),
            **{name: getattr(published, name) for name in ACCOUNT_MEASURES},
        )
        scored = np.zeros(n, dtype=bool)
        scored[at] = state.accounts.acted
        people = person_day(persons, rows, scored, model)
        persons = people.state
        for name, values in (
            ("score", people.score),
            ("low", people.low),
            ("high", people.high),
            ("momentum", people.momentum),
            ("evidence", people.evidence),
        ):
            columns[name][:, day] = np.where(scored, values, np.nan)
    return Scores(**columns)
