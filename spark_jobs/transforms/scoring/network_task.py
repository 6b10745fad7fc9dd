"""A network's days from blocks to blocks: the body of the task that scores one network.

A range of days runs in one task, state in memory between them: a day then costs what it brought, and
not a round trip through files and Spark's planner each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pyarrow as pa

from spark_jobs.scoring_model import ScoringModel
from spark_jobs.taxonomy import TagTopics
from spark_jobs.transforms.scoring.account_people import Holdings
from spark_jobs.transforms.scoring.accounts import NEVER
from spark_jobs.transforms.scoring.arrays import Bools, Ints, found_at, summed
from spark_jobs.transforms.scoring.block_tables import (
    ACCOUNT_MEASURES,
    LEVEL_CAUSES,
    NETWORK_INPUT,
    NETWORK_STATES,
    PERSON_ACCOUNT,
    PERSON_INPUT,
)
from spark_jobs.transforms.scoring.blocks import (
    block_rows,
    constant,
    dates,
    day_date,
    number_lists,
    table_rows,
    tables_of,
)
from spark_jobs.transforms.scoring.identity import ERASED, FOR_EVER, NOTHING_FORBIDS, UNHEARD
from spark_jobs.transforms.scoring.network_day import AccountDay, NetworkDay, network_day
from spark_jobs.transforms.scoring.network_input import SAME_NAME, SLOW_COLUMNS, NetworkInput
from spark_jobs.transforms.scoring.turnover import turnover


def score_network(
    network: str,
    blocks: Iterator[pa.RecordBatch],
    days: Sequence[int],
    model: ScoringModel,
    least_confidence: float,
    tags: TagTopics | None = None,
) -> Iterator[pa.RecordBatch]:
    """Score one network over `days` (day numbers, in order, without gaps).

    `blocks` hold the network's rows of NETWORK_INPUT: the state after the day before the first (none
    on a history's first day), and the days' activities and snapshots. Yields, for each day, blocks of
    NETWORK_STATES, person_account, and PERSON_INPUT without people's own state. `tags` gives the topics of
    tags; without it each tag is one.
    """
    task = NetworkInput(network, tables_of(blocks, NETWORK_INPUT), least_confidence, tags)
    state = task.state(model.level.rise_memory_days)
    for day in days:
        state, events = task.day(state, day)
        scored = network_day(state, events, model)
        state = scored.state
        if len(state.accounts):
            output = _Output(task, scored, day)
            yield from output.states()
            yield from output.people()


class _Output:
    """A network's scored day as blocks."""

    def __init__(self, task: NetworkInput, scored: NetworkDay, day: int) -> None:
        self.task, self.scored, self.day = task, scored, day
        self.accounts = scored.state.accounts
        self.ids = task.ids.take(pa.array(self.accounts.code))

    def _blocks(self, table: str, schema: pa.Schema, columns: dict[str, Any]) -> Iterator[pa.RecordBatch]:
        size = len(next(iter(columns.values())))
        rows = table_rows(schema, self.day, {"network": constant(self.task.network, size), **columns})
        yield from block_rows("network", self.task.network, table, rows)

    def states(self) -> Iterator[pa.RecordBatch]:
        """What tomorrow needs."""
        state, accounts, published = self.scored.state, self.accounts, self.scored.published
        heard = self.task.people.links.heard.newest(accounts.code, self.day)
        yield from self._blocks(
            "account_state",
            NETWORK_STATES["account_state"],
            {
                "account_id": self.ids,
                "handle": pa.array(accounts.handle, pa.string(), from_pandas=True),
                "first_seen_on": accounts.first_seen,
                "created_on": dates(accounts.created, NEVER),
                "last_active_on": dates(accounts.last_active, NEVER),
                "is_verified": accounts.verified,
                "is_seed": accounts.seed,
                "recent_flow": number_lists(accounts.recent),
                "links_observed_at": pa.array(heard, mask=heard == UNHEARD),
                **{name: accounts.slow[:, index] for index, name in enumerate(SLOW_COLUMNS)},
                **{name: getattr(accounts, name) for name in SAME_NAME},
                **{f.name: getattr(published, f.name) for f in fields(AccountDay)},
            },
        )
        pairs, topics = state.pairs, state.topics
        yield from self._blocks(
            "pair_state",
            NETWORK_STATES["pair_state"],
            {
                "actor_account_id": self.ids.take(pa.array(pairs.actor)),
                "target_account_id": self.ids.take(pa.array(pairs.target)),
                "mass": pairs.mass,
                "counted": pairs.counted,
                "follow_mass": pairs.follow_mass,
                "taken": pairs.taken,
                "standing": pairs.standing,
            },
        )
        yield from self._blocks(
            "topic_state",
            NETWORK_STATES["topic_state"],
            {
                "account_id": self.ids.take(pa.array(topics.account)),
                "topic": self.task.topics.take(pa.array(topics.topic)),
                "attention": topics.attention,
                "evidence": topics.evidence,
            },
        )
        kept = state.endorsements
        yield from self._blocks(
            "endorsement_state",
            NETWORK_STATES["endorsement_state"],
            {
                "from_account_id": self.ids.take(pa.array(kept.giver)),
                "to_account_id": self.ids.take(pa.array(kept.receiver)),
                "topic": self.task.topics.take(pa.array(kept.topic)),
                "given_on": kept.given_on,
            },
        )
        stopped = [day_date(day).isoformat() for day in sorted(state.stopped)]
        yield from self._blocks(
            "network_state",
            NETWORK_STATES["network_state"],
            {
                "clock_days": np.array([state.clock_days]),
                "stopped_days": pa.array([stopped], pa.list_(pa.string())),
                "seeds_drawn_on": dates(np.array([state.seeds_drawn_on]), NEVER),
            },
        )

    def people(self) -> Iterator[pa.RecordBatch]:
        """What the people's scores need, by person."""
        task, published, accounts = self.task, self.scored.published, self.accounts
        standing = task.people.standing(accounts, self.day)
        everybodys = task.people.current(accounts, task.network, self.ids, self.day)
        # Of the erased only their standing goes on from here: it holds for the person.
        rows = turnover(everybodys, task.people, accounts, task.network, self.ids, self.day)
        at = rows.account
        yield from self._blocks(
            "account_day",
            PERSON_INPUT["account_day"],
            {
                "person_id": rows.person_id,
                "share": rows.share,
                "share_before": rows.share_before,
                "share_start": rows.share_start,
                "came_from": rows.came_from,
                "has_acted": accounts.acted[at],
                "standing": standing[at],
                "own_score": accounts.own_score[at],
                **{name: getattr(published, name)[at] for name in ACCOUNT_MEASURES},
                **{f"change_{cause}": getattr(published, f"change_{cause}")[at] for cause in LEVEL_CAUSES},
                **{name: accounts.slow[at, index] for index, name in enumerate(SLOW_COLUMNS)},
            },
        )
        held = _only(everybodys, standing[everybodys.account] != ERASED)
        ended = task.people.ended(accounts, task.network, self.ids, self.day)
        for holdings in (held, _only(ended, standing[ended.account] != ERASED)):
            yield from self._blocks(
                "person_account",
                PERSON_ACCOUNT,
                {
                    "person_id": holdings.person_id,
                    "account_id": self.ids.take(pa.array(holdings.account)),
                    "share": holdings.share,
                    "valid_from": holdings.valid_from,
                    "valid_to": dates(holdings.valid_to, FOR_EVER),
                },
            )
        yield from self._topics(held)
        yield from self._reactors(held, standing)

    def _topics(self, held: Holdings) -> Iterator[pa.RecordBatch]:
        topics = self.scored.state.topics
        holder, row = _holders(held, topics.account, len(self.accounts))
        many = max(len(self.task.topics), 1)
        given = self.scored.endorsed
        slots, place = np.unique(given.kept.receiver * many + given.kept.topic, return_inverse=True)
        worth = found_at(slots, summed(place, given.worth, len(slots)), topics.account * many + topics.topic)
        yield from self._blocks(
            "person_topic",
            PERSON_INPUT["person_topic"],
            {
                "person_id": held.person_id.take(pa.array(holder)),
                "topic": self.task.topics.take(pa.array(topics.topic[row])),
                "share": held.share[holder],
                "attention": topics.attention[row],
                "evidence": topics.evidence[row],
                "endorsements": worth[row],
                "weight": self.accounts.weight[topics.account[row]],
            },
        )

    def _reactors(self, held: Holdings, standing: Ints) -> Iterator[pa.RecordBatch]:
        reactors = self.scored.reactors
        # Whoever left is in nobody's list of reactors; what they gave stays in the sum it was part of.
        shown = standing[reactors.actor] == NOTHING_FORBIDS
        target, actor, share = reactors.target[shown], reactors.actor[shown], reactors.share[shown]
        holder, row = _holders(held, target, len(self.accounts))
        yield from self._blocks(
            "person_reactor",
            PERSON_INPUT["person_reactor"],
            {
                "person_id": held.person_id.take(pa.array(holder)),
                "account_id": self.ids.take(pa.array(actor[row])),
                "share": held.share[holder] * share[row],
            },
        )


def _only(held: Holdings, kept: Bools) -> Holdings:
    return Holdings(
        held.account[kept],
        held.person_id.filter(pa.array(kept)),
        held.share[kept],
        held.valid_from[kept],
        held.valid_to[kept],
    )


def _holders(held: Holdings, account: Ints, accounts: int) -> tuple[Ints, Ints]:
    """Every (row of `held`, row of `account`) that speak of the same account."""
    order = np.argsort(held.account, kind="stable")
    counts = np.bincount(held.account, minlength=accounts)
    first = np.concatenate(([0], np.cumsum(counts)))[:-1]
    many = counts[account]
    row = np.repeat(np.arange(len(account)), many)
    within = np.arange(len(row)) - np.repeat(np.cumsum(many) - many, many)
    return order[first[account[row]] + within], row
