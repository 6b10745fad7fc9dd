"""SQL that reads one delivered cell as a contract column's type.

A cell's *kind* is how it was delivered: `text` (JSON lines and CSV), or what the Parquet file holds:
`string`, `binary`, `uuid`, `int`, `long`, `decimal`, `float`, `double`, `boolean`, `date`, `timestamp`,
`list`, and the integers `millis`, `micros`, `nanos` of Parquet's timestamps; or `absent` (the file has no
such column), or `foreign` (a type that cannot be read).

Empty text is null in every format, so that a row means the same however it is delivered. A time without an
offset is UTC; a bare number is no time, because nobody says in which unit.
"""

from __future__ import annotations

from dataclasses import dataclass

from spark_jobs.contracts import Field, FieldType

_TEXT_KINDS = ("text", "string")
_WHOLE_KINDS = ("int", "long")
_FLOAT_KINDS = ("float", "double")
_TICKS = {"millis": 1_000, "micros": 1_000_000, "nanos": 1_000_000_000}  # in a second

_ISO_TIME = (
    r"r'^\s*(?!0000)\d{4}-\d{2}-\d{2}"
    r"([Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?( ?([Zz]|UTC|[+-]\d{2}(:?\d{2})?))?)?\s*$'"
)
# Two forms of ISO 8601 that Spark does not know: without seconds before an offset, and +02 for +02:00.
_NO_SECONDS = r"r'^(.{11}\d{2}:\d{2})( ?[ZU+-].*)$'"
_SHORT_OFFSET = r"r'(:\d{2}(?:\.\d+)?) ?([+-]\d{2})$'"
_NUMBER = r"r'^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$'"
_NO_NUMBER = "('NAN', 'INF', '+INF', '-INF', 'INFINITY', '+INFINITY', '-INFINITY')"
_UUID = "'^(.{8})(.{4})(.{4})(.{4})', '$1-$2-$3-$4-'"
_SURE = 2**53  # beyond it a double is no longer sure which whole number it is
_YEAR_1, _YEAR_10000 = -62_135_596_800, 253_402_300_800  # seconds; what every reader of the lake can hold
_INT_RANGE = "BETWEEN -2147483648 AND 2147483647"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a cell becomes a value: SQL of the value, and of what is wrong where there is none.

    The last two speak of the cell's column and of the value's, which has the field's name.
    """

    value: str
    bad_type: str = "false"
    out_of_range: str = "false"


def reading(field: Field, cell: str, kind: str, line: str | None = None) -> Reading:  # noqa: PLR0911  one a type
    """SQL for `field` from the column `cell` of this `kind`.

    `line` names the column with the row's JSON text, where there is one: it tells an object from a text
    that merely looks like one.
    """
    if kind in ("absent", "foreign"):
        return Reading(_nothing(field.type), bad_type="true" if kind == "foreign" else "false")
    delivered = f"{cell} <> ''" if kind in _TEXT_KINDS else f"{cell} IS NOT NULL"
    unread = f"{delivered} AND {field.name} IS NULL"
    match field.type:
        case "string":
            text = f"nullif({_text(cell, kind)}, '')"
            value = f"lower({text})" if field.lower_case else text
            if line is not None:
                return Reading(value, _is_nested(field.name, cell, line))
            return Reading(value, unread if kind == "list" else "false")
        case "bigint" | "int":
            number = _double(cell, kind)
            too_large = f"{unread} AND (isnan({number}) OR ({number}) = rint({number}))"
            return Reading(
                _integer(cell, kind, number, field.type),
                f"{unread} AND NOT coalesce({too_large}, false)",
                too_large,
            )
        case "double":
            return Reading(_double(cell, kind), unread)
        case "boolean":
            return Reading(_boolean(cell, kind), unread)
        case "timestamp":
            return Reading(_timestamp(cell, kind), unread)
        case "date":
            return Reading(f"CAST({_timestamp(cell, kind)} AS DATE)", unread)
        case "array<string>":
            return Reading(_list(cell, kind, delivered), unread)
        case "array<double>":
            raise ValueError(f"{field.name}: nothing delivers lists of numbers; no rule reads them.")


def _nothing(field_type: FieldType) -> str:
    if field_type == "array<string>":
        return "CAST(array() AS ARRAY<STRING>)"
    return f"CAST(NULL AS {field_type})"


def _text(cell: str, kind: str) -> str:
    match kind:
        case "text" | "string":
            return cell
        case "list":
            return "CAST(NULL AS STRING)"
        case "uuid":
            return f"regexp_replace(lower(hex({cell})), {_UUID})"
        case "float" | "double":
            # Whole numbers with gaps leave many tools as floats: the id 7 must not become "7.0".
            return f"coalesce(CAST({_whole(cell)} AS STRING), CAST({cell} AS STRING))"
        case "millis" | "micros" | "nanos":
            return f"CAST({_timestamp(cell, kind)} AS STRING)"
        case _:
            return f"CAST({cell} AS STRING)"


def _double(cell: str, kind: str) -> str:
    if kind in _TEXT_KINDS:
        # Spark's JSON reader hands on NaN and Infinity in quotation marks.
        return (
            f"CASE WHEN {cell} RLIKE {_NUMBER} THEN try_cast({cell} AS DOUBLE)"
            f" WHEN upper(trim(BOTH '\"' FROM {cell})) IN {_NO_NUMBER} THEN double('NaN') END"
        )
    if kind in (*_WHOLE_KINDS, *_FLOAT_KINDS, "decimal"):
        return f"CAST({cell} AS DOUBLE)"
    return "CAST(NULL AS DOUBLE)"


def _integer(cell: str, kind: str, number: str, target: str) -> str:
    if kind in _TEXT_KINDS:
        whole = f"coalesce(try_cast({cell} AS BIGINT), {_whole(number)})"
    elif kind in _WHOLE_KINDS:
        whole = f"CAST({cell} AS BIGINT)"
    elif kind == "decimal":
        whole = f"CASE WHEN {cell} = floor({cell}) THEN try_cast({cell} AS BIGINT) END"
    else:
        whole = _whole(number)
    return whole if target == "bigint" else f"CASE WHEN ({whole}) {_INT_RANGE} THEN CAST({whole} AS INT) END"


def _whole(number: str) -> str:
    """A double as a whole number, null where it is none."""
    is_whole = f"({number}) = rint({number}) AND abs({number}) < {_SURE}"
    return f"CASE WHEN {is_whole} THEN try_cast({number} AS BIGINT) END"


def _boolean(cell: str, kind: str) -> str:
    if kind in (*_TEXT_KINDS, "boolean"):
        return f"try_cast({cell} AS BOOLEAN)"
    if kind in _WHOLE_KINDS:
        return f"CASE {cell} WHEN 1 THEN true WHEN 0 THEN false END"
    return "CAST(NULL AS BOOLEAN)"


def _timestamp(cell: str, kind: str) -> str:
    if kind in _TEXT_KINDS:
        seconds = f"regexp_replace(upper(trim({cell})), {_NO_SECONDS}, '$1:00$2')"
        full = f"regexp_replace({seconds}, {_SHORT_OFFSET}, '$1$2:00')"
        return f"CASE WHEN {cell} RLIKE {_ISO_TIME} THEN try_cast({full} AS TIMESTAMP) END"
    if kind in ("timestamp", "date"):
        return f"CAST({cell} AS TIMESTAMP)"
    if kind == "nanos":  # its 64 bits end in the years 1677 and 2262
        return f"timestamp_micros(({cell} - pmod({cell}, 1000L)) div 1000L)"
    if kind in _TICKS:
        ticks = _TICKS[kind]
        held = f"{cell} >= {_YEAR_1 * ticks}L AND {cell} < {_YEAR_10000 * ticks}L"
        return f"CASE WHEN {held} THEN timestamp_micros({cell} * {1_000_000 // ticks}L) END"
    return "CAST(NULL AS TIMESTAMP)"


def _list(cell: str, kind: str, delivered: str) -> str:
    """Items trimmed, empty ones and repetitions left out; nothing delivered is an empty list."""
    if kind in _TEXT_KINDS:
        items = (
            f"CASE WHEN {cell} LIKE '[%' THEN from_json({cell}, 'array<string>')"
            f" WHEN {cell} NOT LIKE '{{%' THEN split({cell}, '[;|]') END"
        )
    else:
        items = f"CAST({cell} AS ARRAY<STRING>)" if kind == "list" else "CAST(NULL AS ARRAY<STRING>)"
    tidy = f"array_distinct(filter(transform({items}, item -> trim(item)), item -> item <> ''))"
    return f"CASE WHEN {delivered} THEN {tidy} ELSE CAST(array() AS ARRAY<STRING>) END"


def _is_nested(name: str, cell: str, line: str) -> str:
    """The JSON value of a text column is an object or an array; the costly question is seldom asked."""
    value = f"try_variant_get(try_parse_json({line}), '$.{name}', 'variant')"
    return (
        f"CASE WHEN {cell} LIKE '{{%' OR {cell} LIKE '[%'"
        f" THEN coalesce(schema_of_variant({value}) RLIKE '^(OBJECT|ARRAY)', false) ELSE false END"
    )
