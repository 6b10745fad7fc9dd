"""The scoring tasks end to end without Spark: networks' tables in, published tables out."""

from __future__ import annotations

import itertools
from collections import defaultdict

import pyarrow as pa
import pyarrow.compute as pc
from worlds import MODEL, START

from spark_jobs.transforms.scoring.block_tables import NETWORK_INPUT, NETWORK_STATES, PERSON_INPUT
from spark_jobs.transforms.scoring.blocks import block_rows, day_number, read_block
from spark_jobs.transforms.scoring.network_task import score_network
from spark_jobs.transforms.scoring.person_task import score_people

FIRST = day_number(START)
HANDED_ON = (*NETWORK_STATES, "person_account")


def score_days(networks, days, cuts=(), groups=1):
    """All tables that scoring `days` days makes, by name, each sorted.

    `networks` has `network_tables` by name; the range is cut before each offset of `cuts`, and people
    into `groups`.
    """
    made = defaultdict(list)
    state = {}
    edges = [0, *cuts, days]
    for begin, end in itertools.pairwise(edges):
        numbers = range(FIRST + begin, FIRST + end)
        found = defaultdict(list)
        for network, tables in networks.items():
            blocks = [
                batch
                for name in NETWORK_INPUT
                for table in (
                    [_of(table, network) for table in state.get(name, [])]
                    if name in HANDED_ON
                    else [_between(tables[name], begin, end, name == "privacy_requests")]
                )
                for batch in block_rows("network", network, name, table)
            ]
            _collect(score_network(network, iter(blocks), list(numbers), MODEL, 0.7), found)
        found["person_state"] = state.get("person_state", [])
        scored = defaultdict(list)
        for group in range(groups):
            blocks = [
                batch
                for name in PERSON_INPUT
                for table in found[name]
                for batch in block_rows("group", group, name, _in_group(table, group, groups))
            ]
            _collect(score_people(group, iter(blocks), list(numbers), MODEL), scored)
        everything = {**{name: found[name] for name in HANDED_ON}, **scored}
        last = pa.scalar(FIRST + end - 1, pa.int32()).cast(pa.date32())
        state = {
            name: [table.filter(pc.equal(table["day"], last)) for table in everything.get(name, [])]
            for name in (*HANDED_ON, "person_state")
        }
        for name, tables in everything.items():
            made[name] += tables
    return {name: _sorted(pa.concat_tables(tables)) for name, tables in made.items() if tables}


def by_day(tables, person, column="score"):
    """A column of a person's daily_score by day offset."""
    return {
        row["day"].toordinal() - START.toordinal(): row[column]
        for row in tables["daily_score"].to_pylist()
        if row["person_id"] == person
    }


def _collect(batches, into):
    for batch in batches:
        for name, cell in zip(batch.column("table").to_pylist(), batch.column("block"), strict=True):
            into[name].append(read_block(cell))


def _of(table, network):
    return table.filter(pc.equal(table["network"], network))


def _between(table, begin, end, from_the_beginning):
    offset = pc.subtract(table["day"].cast(pa.int32()), FIRST)
    late_enough = pc.greater_equal(offset, 0 if from_the_beginning else begin)
    return table.filter(pc.and_(late_enough, pc.less(offset, end)))


def _in_group(table, group, groups):
    of_person = [sum(name.encode()) % groups == group for name in table["person_id"].to_pylist()]
    return table.filter(pa.array(of_person, pa.bool_()))


def _sorted(table):
    keys = [name for name in table.column_names if not pa.types.is_list(table.schema.field(name).type)]
    return table.sort_by([(name, "ascending") for name in keys])
