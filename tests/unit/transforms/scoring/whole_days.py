"""The scoring tasks from tables to tables, as Spark runs them but without Spark.

What can be cut is cut here: days into chunks with the state through its Arrow tables, people into groups,
rows into files in any order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from worlds import MODEL, START

from spark_jobs.transforms.scoring.block_tables import (
    NETWORK_INPUT,
    NETWORK_STATES,
    PERSON_ACCOUNT,
    PERSON_INPUT,
    PERSON_OUTPUT,
    PERSON_STATE,
)
from spark_jobs.transforms.scoring.blocks import block_rows, day_date, day_number, tables_of
from spark_jobs.transforms.scoring.network_input import NetworkInput
from spark_jobs.transforms.scoring.network_task import score_network
from spark_jobs.transforms.scoring.person_task import rank_days, score_people

CONFIDENCE = 0.7
_STATES = {**NETWORK_STATES, "person_account": PERSON_ACCOUNT}
_OF_ALL_DAYS = ("privacy_requests", "crm_contact_accounts")
_RANKED = {
    "daily_score": PERSON_OUTPUT["daily_score"]
    .append(pa.field("percentile", pa.float64()))
    .append(pa.field("model_version", pa.string()))
}

Blocks = list[pa.RecordBatch]


@dataclass(frozen=True)
class Cutting:
    """How the work is cut: `chunks` of how many days each (the last takes the rest), `groups` of people,
    and, where `files` is more than one, rows of every input in random order over so many blocks."""

    chunks: Sequence[int] = ()
    groups: int = 1
    files: int = 1
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))


def score_days(
    networks: Mapping[str, NetworkInput], days: int, cutting: Cutting | None = None, model=MODEL
) -> dict[str, pa.Table]:
    """All published tables and states of `days` days from START, each sorted by all its columns."""
    cutting = cutting or Cutting()
    gathered: dict[str, list[pa.Table]] = {}
    kept: dict[tuple[str, str], pa.Table] = {}
    person_state = PERSON_STATE.empty_table()
    for chunk in _chunks(days, cutting.chunks):
        numbers = [day_number(START) + offset for offset in chunk]
        of_networks: Blocks = []
        for network, task in networks.items():
            blocks = _network_blocks(network, task, numbers, kept, cutting)
            scored = list(score_network(network, iter(blocks), numbers, model, CONFIDENCE))
            for name, rows in tables_of(scored, _STATES).items():
                _gather(gathered, name, rows.table)
                kept[network, name] = _on(rows.table, numbers[-1])
            of_networks += [batch for batch in scored if batch.column("table")[0].as_py() in PERSON_INPUT]
        of_people: Blocks = []
        for group, blocks in _people_blocks(of_networks, person_state, cutting):
            of_people += score_people(group, iter(blocks), numbers, model)
        found = tables_of(of_people, {**PERSON_OUTPUT, "person_state": PERSON_STATE})
        for name, rows in found.items():
            if name != "daily_score":
                _gather(gathered, name, rows.table)
        person_state = _on(found["person_state"].table, numbers[-1])
        for number in numbers:
            ranked = list(rank_days(number, iter(_on_group(of_people, number)), model))
            _gather(gathered, "daily_score", tables_of(ranked, _RANKED)["daily_score"].table)
    return {name: _sorted(pa.concat_tables(tables)) for name, tables in gathered.items()}


def by_person(table: pa.Table, value: str) -> dict[tuple, float]:
    """A table's numbers by all its other key columns: (day, person, …)."""
    keys = [n for n in ("day", "person_id", "part", "cause", "network") if n in table.column_names]
    columns = [table[name].to_pylist() for name in keys]
    return dict(zip(zip(*columns, strict=True), table[value].to_pylist(), strict=True))


def _chunks(days: int, sizes: Sequence[int]) -> Iterator[range]:
    begin = 0
    for size in sizes:
        end = min(days, begin + size)
        if end > begin:
            yield range(begin, end)
        begin = end
    if begin < days:
        yield range(begin, days)


def _network_blocks(
    network: str,
    task: NetworkInput,
    numbers: Sequence[int],
    kept: Mapping[tuple[str, str], pa.Table],
    cutting: Cutting,
) -> Blocks:
    blocks: Blocks = []
    for name in NETWORK_INPUT:
        if name in _STATES:
            rows = kept.get((network, name), NETWORK_INPUT[name].empty_table())
        else:
            rows = task.tables[name].table
            low = pa.scalar(day_date(numbers[0]))
            if name not in _OF_ALL_DAYS:
                rows = rows.filter(pc.greater_equal(rows["day"], low))
            rows = rows.filter(pc.less_equal(rows["day"], pa.scalar(day_date(numbers[-1]))))
        blocks += _cut(network, name, rows, cutting)
    if cutting.files > 1:
        blocks = [blocks[index] for index in cutting.random.permutation(len(blocks))]
    return blocks


def _cut(group: str | int, name: str, rows: pa.Table, cutting: Cutting) -> Blocks:
    if rows.num_rows == 0:
        return []
    if cutting.files > 1:
        rows = rows.take(pa.array(cutting.random.permutation(rows.num_rows)))
    size = -(-rows.num_rows // cutting.files)
    return [
        batch
        for start in range(0, rows.num_rows, size)
        for batch in block_rows("group", group, name, rows.slice(start, size))
    ]


def _people_blocks(of_networks: Blocks, state: pa.Table, cutting: Cutting) -> Iterator[tuple[int, Blocks]]:
    tables = tables_of(of_networks, PERSON_INPUT)
    for group in range(cutting.groups):
        blocks: Blocks = []
        for name in PERSON_INPUT:
            rows = state if name == "person_state" else tables[name].table
            people = rows["person_id"].to_pylist()
            mine = [crc32(person.encode()) % cutting.groups == group for person in people]
            blocks += _cut(group, name, rows.filter(pa.array(mine, pa.bool_())), cutting)
        yield group, blocks


def _on(table: pa.Table, number: int) -> pa.Table:
    return table.filter(pc.equal(table["day"], pa.scalar(day_date(number))))


def _on_group(blocks: Blocks, number: int) -> Blocks:
    return [
        b
        for b in blocks
        if b.column("table")[0].as_py() == "daily_score" and b.column(0)[0].as_py() == number
    ]


def _gather(gathered: dict[str, list[pa.Table]], name: str, table: pa.Table) -> None:
    gathered.setdefault(name, []).append(table)


def _sorted(table: pa.Table) -> pa.Table:
    texts = [
        f.name for f in table.schema if not pa.types.is_floating(f.type) and not pa.types.is_list(f.type)
    ]
    return table.sort_by([(name, "ascending") for name in texts]).combine_chunks()
