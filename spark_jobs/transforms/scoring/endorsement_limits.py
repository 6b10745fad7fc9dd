"""Which endorsements are within a person's limits, whatever network they were given on.

A network's task sees that network alone, and would let somebody with accounts on three networks endorse
fifteen times a day. So the endorsements of all networks pass one task first, which takes out what is too
much by the people behind the accounts. Each network then admits the rest by the same rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.scoring_model import ScoringModel
from spark_jobs.taxonomy import TagTopics
from spark_jobs.transforms.scoring.account_people import PeopleOfAccounts
from spark_jobs.transforms.scoring.accounts import Accounts
from spark_jobs.transforms.scoring.arrays import Ints
from spark_jobs.transforms.scoring.block_tables import NETWORK_INPUT
from spark_jobs.transforms.scoring.blocks import (
    Rows,
    block_rows,
    codes,
    codes_or,
    sorted_universe,
    tables_of,
)
from spark_jobs.transforms.scoring.endorsements import Endorsements, counting, remembered
from spark_jobs.transforms.scoring.identity import ERASED, UNHEARD, Heard, link_intervals, standing_intervals
from spark_jobs.transforms.scoring.network_input import days_of_moments
from spark_jobs.transforms.scoring.topic_input import topics_of_tags

_OF_ACCOUNTS = (
    "account_state",
    "person_account",
    "identity_links",
    "privacy_requests",
    "privacy_extension",
)
"""Tables that say whose an account is, by network and account."""

LIMITS_INPUT: Mapping[str, pa.Schema] = {
    name: (
        pa.schema([NETWORK_INPUT[name].field(c) for c in ("network", "account_id", "links_observed_at")])
        if name == "account_state"
        else NETWORK_INPUT[name]
    )
    for name in ("endorsements", "endorsement_state", *_OF_ACCOUNTS)
}
"""What the task reads, of all networks: of `account_state` no more than when links were last heard of."""


def within_limits(
    blocks: Iterable[pa.RecordBatch],
    days: Sequence[int],
    model: ScoringModel,
    least_confidence: float,
    tags: TagTopics | None = None,
) -> Iterator[pa.RecordBatch]:
    """Blocks of endorsements by network: the rows of `days` without those beyond their giver's limits.

    `blocks` hold LIMITS_INPUT of all networks, as `score_network` takes them of one. Where endorsements are
    of one network only they pass as they are.
    """
    tables = tables_of(blocks, LIMITS_INPUT)
    given = tables["endorsements"].table.select(LIMITS_INPUT["endorsements"].names)
    networks = pc.unique(given["network"]).to_pylist()
    everywhere = {*networks, *pc.unique(tables["endorsement_state"].arrow("network")).to_pylist()}
    if len(everywhere) > 1:
        given = given.take(pa.array(_counted(tables, days, model, least_confidence, tags or TagTopics())))
    for network in sorted(networks):
        of_network = given.filter(pc.equal(given["network"], network))
        yield from block_rows("network", network, "endorsements", of_network)


def _counted(
    tables: Mapping[str, Rows],
    days: Sequence[int],
    model: ScoringModel,
    least_confidence: float,
    tags: TagTopics,
) -> Ints:
    """Rows of the endorsements that count, day by day."""
    given, kept_rows = tables["endorsements"], tables["endorsement_state"]
    ends = [_named(rows, end) for rows in (kept_rows, given) for end in ("from_account_id", "to_account_id")]
    ids = sorted_universe(ends)
    giver_before, receiver_before, giver, receiver = (codes(end, ids) for end in ends)
    topics_before, topics_given = (topics_of_tags(rows.arrow("topic"), tags) for rows in (kept_rows, given))
    topics = sorted_universe([topics_before, topics_given])
    people = _people(tables, ids, least_confidence)

    moment, day_of = given.integers("endorsed_at"), given.integers("day")
    offered = Endorsements(giver, receiver, codes_or(topics_given, topics, -1), days_of_moments(moment))
    kept = Endorsements(
        giver_before,
        receiver_before,
        codes_or(topics_before, topics, -1),
        kept_rows.integers("given_on"),
    )
    kept = kept.only(kept.topic >= 0)
    # In the order in which a network's task takes them, so that both let the same ones pass.
    order = np.lexsort((offered.topic, receiver, giver, moment))
    order = order[offered.topic[order] >= 0]
    counted = []
    for day in days:
        accounts = Accounts.new(np.arange(len(ids)), day, 0)
        holder = people.holders(accounts, day)
        erased = people.standing(accounts, day) == ERASED
        kept = kept.only(~(erased[kept.giver] | erased[kept.receiver]))
        rows = order[day_of[order] == day]
        rows = rows[~(erased[giver[rows]] | erased[receiver[rows]])]
        rows = rows[counting(kept, offered.only(rows), holder, day, model)]
        kept = remembered(kept, day, model).and_also(offered.only(rows))
        counted.append(rows)
    return np.sort(np.concatenate(counted))


def _people(tables: Mapping[str, Rows], ids: pa.Array, least_confidence: float) -> PeopleOfAccounts:
    """Who is behind the accounts of `ids`, which are named with their networks."""
    state, held, links, asked, extended = (_of(tables[name], ids) for name in _OF_ACCOUNTS)
    heard = Heard.before(codes(state.arrow("account_id"), ids), state.integers("links_observed_at", UNHEARD))
    return PeopleOfAccounts(
        link_intervals(held, heard, links, ids, least_confidence),
        standing_intervals(asked, ids, extended),
    )


def _named(rows: Rows, column: str) -> pa.Array:
    """Accounts with their networks, as an account's id is its network's own."""
    return pc.binary_join_element_wise(rows.arrow("network"), rows.arrow(column), ":").cast(pa.string())


def _of(rows: Rows, ids: pa.Array) -> Rows:
    """The rows about accounts of `ids`, which they are then named by."""
    named = _named(rows, "account_id")
    table = rows.table
    table = table.set_column(table.column_names.index("account_id"), "account_id", named)
    return Rows(table.filter(pc.is_in(named, value_set=ids)))
