"""Spark schemas from the data contracts. Sessions run in UTC, so a `timestamp` is a moment in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DateType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from spark_jobs.contracts import Field, FieldType, contract

SPARK_TYPES: Mapping[FieldType, DataType] = {
    "string": StringType(),
    "double": DoubleType(),
    "bigint": LongType(),
    "int": IntegerType(),
    "boolean": BooleanType(),
    "timestamp": TimestampType(),
    "date": DateType(),
    "array<string>": ArrayType(StringType()),
    "array<double>": ArrayType(DoubleType()),
}


def input_schema(name: str) -> StructType:
    """What a delivery of the input carries; ContractError for a name without a contract."""
    return _struct(contract(name).input_fields)


def lake_schema(name: str) -> StructType:
    """The columns inside the lake's files, without the partition `day`; ContractError as above."""
    return _struct(contract(name).lake_fields)


def _struct(fields: Iterable[Field]) -> StructType:
    # Nullable throughout: Spark does not check the claim of a schema that a column holds no null, but
    # believes it, and then reads wrong values. Nulls are found row by row, against `Field.required`.
    return StructType([StructField(field.name, SPARK_TYPES[field.type], True) for field in fields])
