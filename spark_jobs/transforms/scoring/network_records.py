"""A network's days from records to records: the body of the task that scores one network.

A range of days runs in one task, state in memory between them: a day then costs what it brought, and
not a round trip through files and Spark's planner each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields

import numpy as np
import pyarrow as pa

from spark_jobs.scoring_model import ScoringModel
from spark_jobs.transforms.scoring.account_people import ERASED, FOR_EVER, NOTHING_FORBIDS, Holdings
from spark_jobs.transforms.scoring.accounts import NEVER
from spark_jobs.transforms.scoring.arrays import Floats, Ints
from spark_jobs.transforms.scoring.network_day import AccountDay, NetworkDay, network_day
from spark_jobs.transforms.scoring.network_input import SAME_NAME, SLOW_COLUMNS, NetworkInput
from spark_jobs.transforms.scoring.network_layouts import (
    ACCOUNT_DAY,
    ACCOUNT_MEASURES,
    ACCOUNT_STATE,
    LEVEL_CAUSES,
    NETWORK_STATE,
    PAIR_STATE,
    PERSON_ACCOUNT,
    PERSON_REACTOR,
    PERSON_TOPIC,
    TOPIC_STATE,
)
from spark_jobs.transforms.scoring.records import (
    Layout,
    as_lists,
    batches,
    constant,
    dates,
    day_date,
    table_of,
)


def score_network(
    records: Iterator[pa.RecordBatch], days: Sequence[int], model: ScoringModel
) -> Iterator[pa.RecordBatch]:
    """Score one network over `days` (day numbers, in order, without gaps).

    `records` are the network's rows in INPUT_LAYOUTS: the state after the day before the first (none
    on a history's first day), and the days' activities and snapshots. Yields, for each day, records
    of the states, and of ACCOUNT_DAY, PERSON_TOPIC, PERSON_REACTOR and PERSON_ACCOUNT.
    """
    table = table_of(records)
    if table.num_rows == 0:
        return
    task = NetworkInput(table)
    state = task.state()
    for day in days:
        state, events = task.day(state, day)
        scored = network_day(state, events, model)
        state = scored.state
        if len(state.accounts):
            output = _Output(task, scored, day)
            yield from output.states()
            yield from output.people()


class _Output:
    """A network's scored day as records."""

    def __init__(self, task: NetworkInput, scored: NetworkDay, day: int) -> None:
        self.task, self.scored, self.day = task, scored, day
        self.accounts = scored.state.accounts
        self.ids = task.ids.take(pa.array(self.accounts.code))

    def _batches(
        self,
        layout: Layout,
        key_1: pa.Array,
        key_2: pa.Array | None,
        numbers: dict[str, Floats | Ints],
        texts: pa.Array | None = None,
    ) -> Iterator[pa.RecordBatch]:
        group = ("network", constant(self.task.network, len(key_1)))
        yield from batches(layout, group, self.day, key_1, key_2, numbers, texts)

    def states(self) -> Iterator[pa.RecordBatch]:
        """What tomorrow needs."""
        state, accounts, published = self.scored.state, self.accounts, self.scored.published
        numbers: dict[str, Floats | Ints] = {
            "first_seen_on": accounts.first_seen,
            "created_on": dates(accounts.created, NEVER),
            "last_active_on": dates(accounts.last_active, NEVER),
            "is_verified": accounts.verified.astype(np.int64),
            "is_seed": accounts.seed.astype(np.int64),
            "rising_days": accounts.rising_days,
            **{name: accounts.slow[:, index] for index, name in enumerate(SLOW_COLUMNS)},
            **{name: getattr(accounts, name) for name in SAME_NAME},
            **{f.name: getattr(published, f.name) for f in fields(AccountDay)},
        }
        handles = as_lists(pa.array(accounts.handle, pa.string(), from_pandas=True))
        yield from self._batches(ACCOUNT_STATE, self.ids, None, numbers, handles)
        pairs, topics = state.pairs, state.topics
        yield from self._batches(
            PAIR_STATE,
            self.ids.take(pa.array(pairs.actor)),
            self.ids.take(pa.array(pairs.target)),
            {"mass": pairs.mass, "follow_mass": pairs.follow_mass},
        )
        yield from self._batches(
            TOPIC_STATE,
            self.ids.take(pa.array(topics.account)),
            self.task.topics.take(pa.array(topics.topic)),
            {"attention": topics.attention, "evidence": topics.evidence},
        )
        yield from self._batches(
            NETWORK_STATE,
            pa.nulls(1, pa.string()),
            None,
            {
                "clock_days": np.array([state.clock_days]),
                "seeds_drawn_on": dates(np.array([state.seeds_drawn_on]), NEVER),
            },
            pa.array([[day_date(d).isoformat() for d in sorted(state.stopped)]], pa.list_(pa.string())),
        )

    def people(self) -> Iterator[pa.RecordBatch]:
        """What the people's scores need, by person. The erased are left out here, once for all."""
        task, published, accounts = self.task, self.scored.published, self.accounts
        standing = task.people.standing(accounts, self.day)
        held = task.people.current(accounts, task.network, self.ids, self.day)
        held = _only(held, standing[held.account] != ERASED)
        at = held.account
        numbers: dict[str, Floats | Ints] = {
            "share": held.share,
            "has_acted": accounts.acted[at].astype(np.int64),
            "standing": standing[at],
            **{name: getattr(published, name)[at] for name in ACCOUNT_MEASURES},
            **{f"change_{cause}": getattr(published, f"change_{cause}")[at] for cause in LEVEL_CAUSES},
            **{name: accounts.slow[at, index] for index, name in enumerate(SLOW_COLUMNS)},
        }
        yield from self._batches(ACCOUNT_DAY, held.person_id, constant(task.network, len(at)), numbers)
        ended = task.people.ended(accounts, task.network, self.ids, self.day)
        for holdings in (held, _only(ended, standing[ended.account] != ERASED)):
            yield from self._batches(
                PERSON_ACCOUNT,
                holdings.person_id,
                self.ids.take(pa.array(holdings.account)),
                {
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
        yield from self._batches(
            PERSON_TOPIC,
            held.person_id.take(pa.array(holder)),
            self.task.topics.take(pa.array(topics.topic[row])),
            {
                "share": held.share[holder],
                "attention": topics.attention[row],
                "evidence": topics.evidence[row],
                "weight": self.accounts.weight[topics.account[row]],
            },
            as_lists(constant(self.task.network, len(row))),
        )

    def _reactors(self, held: Holdings, standing: Ints) -> Iterator[pa.RecordBatch]:
        reactors = self.scored.reactors
        # Whoever left is in nobody's list of reactors; what they gave stays in the sum it was part of.
        shown = standing[reactors.actor] == NOTHING_FORBIDS
        target, actor, share = reactors.target[shown], reactors.actor[shown], reactors.share[shown]
        holder, row = _holders(held, target, len(self.accounts))
        yield from self._batches(
            PERSON_REACTOR,
            held.person_id.take(pa.array(holder)),
            self.ids.take(pa.array(actor[row])),
            {"share": held.share[holder] * share[row]},
            as_lists(constant(self.task.network, len(row))),
        )


def _only(held: Holdings, kept: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Holdings:
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
