"""Tables of the contracts as Arrow has them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pyarrow as pa

from spark_jobs.contracts import Dataset, FieldType, contract

ARROW_TYPES: Mapping[FieldType, pa.DataType] = {
    "string": pa.string(),
    "double": pa.float64(),
    "bigint": pa.int64(),
    "int": pa.int32(),
    "boolean": pa.bool_(),
    # As Spark writes them: instants.
    "timestamp": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "array<string>": pa.list_(pa.string()),
    "array<double>": pa.list_(pa.float64()),
}
"""A contract's types in Arrow's."""


@cache
def arrow_schema(table: str) -> pa.Schema:
    """The columns that files of a lake table have; `day` is their folder's name."""
    return pa.schema([(f.name, ARROW_TYPES[f.type]) for f in contract(table).lake_fields])


def delivered_schema(dataset: Dataset) -> pa.Schema:
    """The columns that a delivery of an input carries."""
    return pa.schema([(f.name, ARROW_TYPES[f.type]) for f in dataset.input_fields])
