"""How rows of many tables travel to and from the one task that scores a network or a group of people.

Spark's grouped Arrow function takes one DataFrame and gives one. Rows of several tables therefore
share one narrow form, the record: two keys of text, a list of numbers, a list of texts. A Layout says
which column of a table is which; `pack` and `unpack` are the two ways on Spark's side, `Columns` and
`batch` those on the arrays' side. Numbers travel as doubles: dates as days since 1970-01-01, moments
as microseconds, booleans as 0 and 1, null as null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DateType,
    DoubleType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from spark_jobs.schemas import lake_schema
from spark_jobs.transforms.scoring.arrays import Bools, Floats, Ints

EPOCH = date(1970, 1, 1)
MAX_BATCH_ROWS = 64_000


@dataclass(frozen=True)
class Layout:
    """Which columns of a table are a record's keys, numbers and texts.

    `scalar_text` marks a table whose one text column is a plain text, not a list.
    """

    record: str
    keys: tuple[str | None, str | None]
    numbers: tuple[tuple[str, DataType], ...]
    text: str | None = None
    scalar_text: bool = True

    @classmethod
    def of_table(cls, table: str, keys: tuple[str | None, str | None]) -> Layout:
        """The layout of a lake table after its contract; its `network` travels outside the record."""
        numbers: list[tuple[str, DataType]] = []
        text, scalar = None, True
        for column in lake_schema(table).fields:
            if column.name in keys or column.name == "network":
                continue
            if isinstance(column.dataType, StringType | ArrayType):
                text, scalar = column.name, isinstance(column.dataType, StringType)
            else:
                numbers.append((column.name, column.dataType))
        return cls(table, keys, tuple(numbers), text, scalar)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.numbers)


RECORD_FIELDS = (
    StructField("day", DateType()),
    StructField("record", StringType()),
    StructField("key_1", StringType()),
    StructField("key_2", StringType()),
    StructField("numbers", ArrayType(DoubleType())),
    StructField("texts", ArrayType(StringType())),
)


def record_schema(group: str, group_type: DataType | None = None) -> StructType:
    """Spark's schema of records that are grouped by the column `group`."""
    return StructType([StructField(group, group_type or StringType()), *RECORD_FIELDS])


def pack(rows: DataFrame, layout: Layout, group: str) -> DataFrame:
    """Rows of a table, with its columns `group` and `day`, as records."""
    text = F.col(layout.text) if layout.text else F.lit(None).cast(StringType())
    texts = F.array(text) if layout.scalar_text else text
    return rows.select(
        F.col(group),
        F.col("day").cast(DateType()).alias("day"),
        F.lit(layout.record).alias("record"),
        _key(layout.keys[0]).alias("key_1"),
        _key(layout.keys[1]).alias("key_2"),
        (
            F.array(*[_as_number(F.col(name), kind) for name, kind in layout.numbers])
            if layout.numbers
            else F.array().cast(ArrayType(DoubleType()))
        ).alias("numbers"),
        (texts if layout.text else F.lit(None).cast(ArrayType(StringType()))).alias("texts"),
    )


def unpack(records: DataFrame, layout: Layout, group: str) -> DataFrame:
    """The rows of one layout among records, as its table with the columns `group` and `day`."""
    columns = [F.col(group), F.col("day")]
    columns += [F.col(f"key_{position}").alias(name) for position, name in enumerate(layout.keys, 1) if name]
    columns += [
        _from_number(F.col("numbers")[index], kind).alias(name)
        for index, (name, kind) in enumerate(layout.numbers)
    ]
    if layout.text:
        columns.append((F.col("texts")[0] if layout.scalar_text else F.col("texts")).alias(layout.text))
    return records.where(F.col("record") == layout.record).select(*columns)


def _key(name: str | None) -> Column:
    return F.col(name) if name else F.lit(None).cast(StringType())


def _as_number(column: Column, kind: DataType) -> Column:
    if isinstance(kind, DateType):
        return F.unix_date(column).cast(DoubleType())
    if isinstance(kind, TimestampType):
        return F.unix_micros(column).cast(DoubleType())
    if isinstance(kind, BooleanType):
        return column.cast("int").cast(DoubleType())
    return column.cast(DoubleType())


def _from_number(column: Column, kind: DataType) -> Column:
    if isinstance(kind, DateType):
        return F.date_from_unix_date(column.cast("int"))
    if isinstance(kind, TimestampType):
        return F.timestamp_micros(column.cast("long"))
    if isinstance(kind, BooleanType):
        return column == 1
    return column.cast(kind)


# --- the arrays' side -------------------------------------------------------------------------


class Columns:
    """The records of one layout in a task, as arrays; `len` is their number."""

    def __init__(self, records: pa.Table, layout: Layout) -> None:
        chosen = records.filter(pc.equal(records["record"], layout.record)).combine_chunks()
        self.layout = layout
        self._rows = chosen
        numbers = chosen["numbers"].combine_chunks()
        flat = numbers.flatten() if isinstance(numbers, pa.ListArray) else pa.array([], pa.float64())
        width = len(layout.numbers)
        values = np.asarray(flat.to_numpy(zero_copy_only=False), dtype=np.float64)
        self._numbers = values.reshape(-1, width) if width and len(chosen) else np.zeros((0, width))

    def __len__(self) -> int:
        return int(self._rows.num_rows)

    def __getitem__(self, name: str) -> Floats:
        return np.ascontiguousarray(self._numbers[:, self.layout.names.index(name)])

    def integers(self, name: str, missing: int = 0) -> Ints:
        values = self[name]
        return np.where(np.isnan(values), missing, values).astype(np.int64)

    def flags(self, name: str) -> Bools:
        return np.asarray(self[name] == 1)

    @property
    def days(self) -> Ints:
        return np.asarray(
            self._rows["day"].combine_chunks().cast(pa.int32()).to_numpy(zero_copy_only=False)
        ).astype(np.int64)

    @property
    def key_1(self) -> pa.Array:
        return self._rows["key_1"].combine_chunks()

    @property
    def key_2(self) -> pa.Array:
        return self._rows["key_2"].combine_chunks()

    @property
    def texts(self) -> pa.ListArray:
        return self._rows["texts"].combine_chunks()

    def text(self) -> pa.Array:
        """The one text of each row, for layouts with a plain text."""
        return pc.list_element(self.texts, 0) if len(self) else pa.array([], pa.string())


def table_of(batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """All batches of a group as one table with 64-bit text offsets left as they come."""
    return pa.Table.from_batches(list(batches))


def codes(values: pa.Array, universe: pa.Array) -> Ints:
    """Places of `values` in `universe`, which must hold them all."""
    found = pc.index_in(values, value_set=universe)
    return np.asarray(found.to_numpy(zero_copy_only=False)).astype(np.int64)


def codes_or(values: pa.Array, universe: pa.Array, missing: int) -> Ints:
    """Places of `values` in `universe`, `missing` for null and for those it does not hold."""
    found = pc.fill_null(pc.index_in(values, value_set=universe, skip_nulls=True), missing)
    return np.asarray(found.to_numpy(zero_copy_only=False)).astype(np.int64)


def sorted_universe(arrays: Iterable[pa.Array]) -> pa.Array:
    """All distinct texts of `arrays` in the order of their bytes, without null."""
    together = pa.chunked_array([a.cast(pa.string()) for a in arrays], type=pa.string())
    distinct = pc.drop_null(pc.unique(together))
    return distinct.take(pc.sort_indices(distinct))


def batches(
    layout: Layout,
    group: tuple[str, pa.Array],
    day: int,
    key_1: pa.Array,
    key_2: pa.Array | None,
    numbers: Mapping[str, Floats | Ints | Bools],
    texts: pa.Array | None = None,
) -> Iterable[pa.RecordBatch]:
    """Records of one layout and day from arrays. NaN becomes null; `texts` holds lists of texts."""
    rows = len(key_1)
    if rows == 0:
        return
    width = len(layout.numbers)
    flat = np.empty((rows, width))
    for index, name in enumerate(layout.names):
        flat[:, index] = numbers[name]
    group_name, group_values = group
    for start in range(0, rows, MAX_BATCH_ROWS):
        part = slice(start, min(start + MAX_BATCH_ROWS, rows))
        size = part.stop - start
        values = pa.array(flat[part].ravel(), type=pa.float64(), from_pandas=True)
        offsets = pa.array(np.arange(size + 1, dtype=np.int32) * width)
        yield pa.RecordBatch.from_arrays(
            [
                group_values.slice(start, size) if len(group_values) == rows else group_values,
                pa.array(np.full(size, day, dtype=np.int32)).cast(pa.date32()),
                pa.array([layout.record] * size, pa.string()),
                key_1.slice(start, size),
                key_2.slice(start, size) if key_2 is not None else pa.nulls(size, pa.string()),
                pa.ListArray.from_arrays(offsets, values),
                texts.slice(start, size) if texts is not None else pa.nulls(size, pa.list_(pa.string())),
            ],
            names=[group_name, *(f.name for f in RECORD_FIELDS)],
        )


def as_lists(values: pa.Array) -> pa.ListArray:
    """Each text as a list of that one text."""
    return pa.ListArray.from_arrays(pa.array(np.arange(len(values) + 1, dtype=np.int32)), values)


def day_number(day: date) -> int:
    return (day - EPOCH).days


def day_date(number: int) -> date:
    return EPOCH + timedelta(days=number)


def dates(numbers: Ints, missing: int) -> Floats:
    """Day numbers as doubles, with NaN for `missing`, as records carry dates."""
    return np.where(numbers == missing, np.nan, numbers.astype(np.float64))


def constant(value: str, rows: int) -> pa.Array:
    return pa.array([value], pa.string()).take(pa.array(np.zeros(rows, dtype=np.int64)))


def columns_of(records: pa.Table, layouts: Sequence[Layout]) -> dict[str, Columns]:
    """Columns by record name."""
    return {layout.record: Columns(records, layout) for layout in layouts}
