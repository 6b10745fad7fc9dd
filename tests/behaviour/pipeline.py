"""Communities through the real pipeline: written as an inbox, run by the command, read from the marts.

Each community is a network of its own, so that all worlds of a comparison share one run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spark_jobs.transforms.scoring.network_input import ALL_KINDS
from tests.behaviour.arrays import (
    START,
    Scores,
    account_names,
    created_at,
    first_days,
    moments,
    topic_lists,
)
from tests.behaviour.community import Community
from tests.behaviour.events import FOLLOW, POST

PUBLISHED = ("score", "low", "high", "momentum", "evidence")


class PipelineError(Exception):
    """The run failed; what it printed."""


def write_inbox(folder: Path, communities: Mapping[str, Community]) -> None:
    """Write communities, by network, as deliveries of a day each."""
    for network, community in communities.items():
        tables = {
            "activities": _activities(network, community),
            "accounts": _accounts(network, community),
            "identity_links": _links(network, community),
            "endorsements": _endorsements(network, community),
        }
        for name, (day, table) in tables.items():
            order = np.argsort(day, kind="stable")
            ends = np.searchsorted(day[order], np.arange(community.world.days + 1))
            ordered = table.take(pa.array(order))
            for number in range(community.world.days):
                rows = ordered.slice(ends[number], ends[number + 1] - ends[number])
                if rows.num_rows:
                    place = folder / (START + timedelta(days=number)).isoformat()
                    place.mkdir(parents=True, exist_ok=True)
                    pq.write_table(rows, place / f"{name}-{network}.parquet")


def _named(network: str, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(network), rows)


def _activities(network: str, community: Community) -> tuple[np.ndarray, pa.Table]:
    events, names = community.events, account_names(len(community.people))
    rows = np.arange(len(events))
    topics = pa.array([f"topic{number}" for number in range(community.world.topics)])
    number, day = pa.array(rows).cast(pa.string()), pa.array(events.day).cast(pa.string())
    target = names.take(pa.array(events.target, mask=events.target < 0))
    own = pc.binary_join_element_wise("a", number, "-")
    of_target = pc.binary_join_element_wise("c", target, day, "-")
    content = pc.if_else(pa.array(events.kind == POST), own, of_target)
    content = pc.if_else(pa.array(events.kind == FOLLOW), pa.scalar(None, pa.string()), content)
    return events.day, pa.table(
        {
            "network": _named(network, len(events)),
            "activity_id": own,
            "kind": pa.array(ALL_KINDS).take(pa.array(events.kind)),
            "actor_account_id": names.take(pa.array(events.actor)),
            "target_account_id": target,
            "content_id": content,
            "occurred_at": moments(events.day, rows),
            "topics": topic_lists(events, topics),
        }
    )


def _accounts(network: str, community: Community) -> tuple[np.ndarray, pa.Table]:
    shown, names = first_days(community), account_names(len(community.people))
    here = np.flatnonzero(shown < community.world.days)
    day = shown[here]
    return day, pa.table(
        {
            "network": _named(network, len(here)),
            "account_id": names.take(pa.array(here)),
            "handle": names.take(pa.array(here)),
            "created_at": created_at(community).take(pa.array(here)),
            "followers": pa.array(community.people.followers[here].astype(np.int64)),
            "is_verified": pa.array(community.people.verified[here]),
            "observed_at": moments(day, here),
        }
    )


def _links(network: str, community: Community) -> tuple[np.ndarray, pa.Table]:
    links, names = community.links, account_names(len(community.people))
    rows = np.arange(len(links.day))
    return links.day, pa.table(
        {
            "network": _named(network, len(rows)),
            "account_id": names.take(pa.array(links.account)),
            "person_key": pc.binary_join_element_wise(network, pa.array(links.person).cast(pa.string()), "-"),
            "share": pa.array(np.ones(len(rows))),
            "confidence": pa.array(np.ones(len(rows))),
            "observed_at": moments(links.day, rows),
        }
    )


def _endorsements(network: str, community: Community) -> tuple[np.ndarray, pa.Table]:
    given, names = community.endorsements, account_names(len(community.people))
    rows = np.arange(len(given.day))
    return given.day, pa.table(
        {
            "network": _named(network, len(rows)),
            "from_account_id": names.take(pa.array(given.giver)),
            "to_account_id": names.take(pa.array(given.receiver)),
            "topic": pa.repeat(pa.scalar("topic0"), len(rows)),
            "endorsed_at": moments(given.day, rows),
        }
    )


def run_pipeline(home: Path, inbox: Path, days: int) -> None:
    """Run all days of an inbox by the command.

    Raises PipelineError with the command's own words where it does not end well.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("STATURE_", "DAGSTER_", "DBT_"))}
    environment = kept | {
        "STATURE_HOME": str(home),
        "STATURE_INBOX": str(inbox),
        "STATURE_NETWORKS": "inbox",
        "COLUMNS": "200",
    }
    last = START + timedelta(days=days - 1)
    command = [str(Path(sys.executable).with_name("stature")), "run", "--from", str(START), "--to", str(last)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PipelineError(done.stdout + done.stderr)


def published_scores(home: Path, network: str, community: Community) -> Scores:
    """What was published of the people who hold a network's accounts, by account and day."""
    n, days = len(community.people), community.world.days
    columns = {name: np.full((n, days), np.nan) for name in Scores.__dataclass_fields__}
    with duckdb.connect(str(home / "warehouse" / "published" / "stature.duckdb"), read_only=True) as marts:
        rows = marts.execute(
            """
            select
                cast(substr(held.account_id, 2) as bigint) as account,
                datediff('day', ?::date, scores.day) as day,
                scores.score, scores.score_low, scores.score_high, scores.momentum, scores.evidence
            from core.daily_score as scores
            inner join core.person_account as held
                on scores.person_id = held.person_id
                and held.network = ?
                and scores.day >= held.valid_from
                and (held.valid_to is null or scores.day < held.valid_to)
            where scores.score is not null
            """,
            [START, network],
        ).fetchnumpy()
    at = rows["account"], rows["day"]
    names = ("score", "score_low", "score_high", "momentum", "evidence")
    for name, column in zip(PUBLISHED, names, strict=True):
        columns[name][at] = np.ma.filled(rows[column].astype(np.float64), np.nan)
    return Scores(**columns)
