"""How rows of many tables travel to and from the one task that scores a network or a group of people.

Spark's grouped Arrow function takes one DataFrame and gives one, and hands over row by row what it
shuffles. So rows travel in blocks: a block is rows of one table and one group, as the bytes of an
Arrow stream in one cell. `to_blocks` and `opened` are the two ways on Spark's side, `tables_of`
and `block_rows` those on the arrays' side. Thirty days of a community are some hundred cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import BinaryType, DataType, StringType, StructField, StructType

from spark_jobs.transforms.scoring.arrays import Bools, Floats, Ints

EPOCH = date(1970, 1, 1)
ROWS_A_BLOCK = 500_000
"""Keeps a cell under some hundred megabytes; Spark's cells end at two gigabytes."""


def block_schema(group: str, group_type: DataType | None = None) -> StructType:
    """Spark's schema of blocks that are grouped by the column `group`."""
    return StructType(
        [
            StructField(group, group_type or StringType()),
            StructField("table", StringType()),
            StructField("block", BinaryType()),
        ]
    )


# --- Spark's side -----------------------------------------------------------------------------


def to_blocks(rows: DataFrame, table: str, group: str = "network") -> DataFrame:
    """Rows of a table as blocks by its column `group`, which stays in the rows as well."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            whole = pa.Table.from_batches([batch])
            for value in pc.unique(whole[group]).to_pylist():
                yield from block_rows(group, value, table, whole.filter(pc.equal(whole[group], value)))

    return rows.mapInArrow(run, block_schema(group, rows.schema[group].dataType))


def opened(blocks: DataFrame, table: str, schema: StructType) -> DataFrame:
    """The rows of one table among blocks, with the columns of `schema`."""
    names = schema.fieldNames()

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for cell in batch.column("block"):
                yield from read_block(cell).select(names).to_batches()

    return blocks.where(F.col("table") == table).select("block").mapInArrow(run, schema)


# --- the arrays' side -------------------------------------------------------------------------


def tables_of(batches: Iterable[pa.RecordBatch], schemas: Mapping[str, pa.Schema]) -> dict[str, Rows]:
    """All rows of a group by table; a table of `schemas` without blocks is empty."""
    found: dict[str, list[pa.Table]] = {}
    for batch in batches:
        names = batch.column("table").to_pylist()
        for name, cell in zip(names, batch.column("block"), strict=True):
            found.setdefault(name, []).append(read_block(cell))
    return {
        name: Rows(pa.concat_tables(found[name]) if name in found else schema.empty_table())
        for name, schema in schemas.items()
    }


def block_rows(group: str, value: str | int, table: str, rows: pa.Table) -> Iterator[pa.RecordBatch]:
    """Rows as blocks of one table and group."""
    for start in range(0, rows.num_rows, ROWS_A_BLOCK):
        sink = pa.BufferOutputStream()
        part = rows.slice(start, ROWS_A_BLOCK)
        with pa.ipc.new_stream(sink, part.schema) as stream:
            stream.write_table(part)
        yield block_row(group, value, table, sink.getvalue())


def block_row(group: str, value: str | int, table: str, cell: pa.Buffer) -> pa.RecordBatch:
    """One block as a record batch."""
    return pa.RecordBatch.from_arrays(
        [
            pa.array([value], pa.string() if isinstance(value, str) else pa.int32()),
            pa.array([table]),
            pa.Array.from_buffers(pa.large_binary(), 1, _cell_buffers(cell)).cast(pa.binary()),
        ],
        names=[group, "table", "block"],
    )


def _cell_buffers(cell: pa.Buffer) -> list[pa.Buffer | None]:
    """Buffers of an array of one cell, without copying it."""
    return [None, pa.py_buffer(np.array([0, cell.size], dtype=np.int64)), cell]


def table_rows(schema: pa.Schema, day: int, columns: Mapping[str, Any]) -> pa.Table:
    """A day's rows of a table from arrays, in the columns of `schema`.

    Numbers may be doubles where the schema says otherwise; NaN becomes null. Dates and days are day
    numbers.
    """
    size = len(next(iter(columns.values())))
    given = {"day": np.full(size, day, dtype=np.int32), **columns}
    return pa.Table.from_arrays([_as_arrow(given[f.name], f.type) for f in schema], schema=schema)


class Rows:
    """Rows of a table in a task, column by column as arrays."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table.combine_chunks()

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def arrow(self, name: str) -> pa.Array:
        column = self.table[name]
        return column.chunk(0) if column.num_chunks else pa.array([], column.type)

    def numbers(self, name: str) -> Floats:
        """As doubles, NaN for null."""
        return np.asarray(_plain(self.arrow(name)).cast(pa.float64()).to_numpy(zero_copy_only=False))

    def integers(self, name: str, missing: int = 0) -> Ints:
        """As whole numbers: days for dates, microseconds for moments, 0 and 1 for flags."""
        filled = pc.fill_null(_plain(self.arrow(name)).cast(pa.int64()), missing)
        return np.asarray(filled.to_numpy(zero_copy_only=False))

    def flags(self, name: str) -> Bools:
        """As truth values; null is not true."""
        return np.asarray(self.integers(name) == 1)

    def lists(self, name: str, length: int) -> Floats:
        """Lists of numbers as (rows, length): longer ones are cut, shorter ones end in zeros."""
        column = self.arrow(name)
        row = np.asarray(pc.list_parent_indices(column).to_numpy(zero_copy_only=False)).astype(np.int64)
        place = np.arange(len(row)) - np.searchsorted(row, row, side="left")
        values = np.asarray(column.flatten().to_numpy(zero_copy_only=False)).astype(np.float64)
        kept = place < length
        filled = np.zeros((len(self), length))
        filled[row[kept], place[kept]] = values[kept]
        return filled

    def objects(self, name: str) -> np.ndarray[Any, np.dtype[np.object_]]:
        return np.asarray(self.arrow(name).to_numpy(zero_copy_only=False), dtype=object)


def _plain(column: pa.Array) -> pa.Array:
    """Dates and moments as the whole numbers that they are stored as."""
    if pa.types.is_date32(column.type):
        return column.cast(pa.int32())
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
    return column


def _as_arrow(values: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.Array):
        return values.cast(kind)
    if pa.types.is_date32(kind):
        return pa.array(values, from_pandas=True).cast(pa.int32()).cast(kind)
    if pa.types.is_boolean(kind):
        return pa.array(values, kind)
    return pa.array(values, from_pandas=True).cast(kind)


def read_block(cell: pa.BinaryScalar) -> pa.Table:
    """The rows of one cell."""
    with pa.ipc.open_stream(cell.as_buffer()) as stream:
        return stream.read_all()


def codes(values: pa.Array, universe: pa.Array) -> Ints:
    """Places of `values` in `universe`, which must hold them all."""
    found = pc.index_in(values.cast(pa.string()), value_set=universe)
    return np.asarray(found.to_numpy(zero_copy_only=False)).astype(np.int64)


def codes_or(values: pa.Array, universe: pa.Array, missing: int) -> Ints:
    """Places of `values` in `universe`, `missing` for null and for those it does not hold."""
    found = pc.index_in(values.cast(pa.string()), value_set=universe, skip_nulls=True)
    return np.asarray(pc.fill_null(found, missing).to_numpy(zero_copy_only=False)).astype(np.int64)


def sorted_universe(arrays: Sequence[pa.Array]) -> pa.Array:
    """All distinct texts of `arrays` in the order of their bytes, without null."""
    together = pa.chunked_array([a.cast(pa.string()) for a in arrays], type=pa.string())
    distinct = pc.drop_null(pc.unique(together))
    return distinct.take(pc.sort_indices(distinct))


def constant(value: str | None, rows: int) -> pa.Array:
    """The same text in every row."""
    return pa.repeat(pa.scalar(value, pa.string()), rows)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def day_date(number: int) -> date:
    return EPOCH + timedelta(days=number)


def number_lists(rows: Floats) -> pa.Array:
    """(rows, length) as lists of numbers; what ends in zeros is cut there."""
    length = (
        rows.shape[1] - np.argmax(rows[:, ::-1] != 0, axis=1) if rows.size else np.zeros(len(rows), np.int64)
    )
    length = np.where((rows != 0).any(axis=1), length, 0)
    inside = np.arange(rows.shape[1])[None, :] < length[:, None]
    offsets = np.concatenate(([0], np.cumsum(length))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(rows[inside]))


def dates(numbers: Ints, missing: int) -> Floats:
    """Day numbers with NaN for `missing`, so that it becomes null."""
    return np.where(numbers == missing, np.nan, numbers.astype(np.float64))
