"""Raw rows into cells: one column `c_<field>` a contract field, as delivered, whatever the format.

Every raw frame comes with `day` (date, when it was delivered), `source`, `file` (name in the raw folder),
`block` (where the split of a text file begins; null where a row knows its number) and `position` (row number
from 1, or for text files a number that grows with the row inside its block).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame

from spark_jobs.contracts import Dataset
from spark_jobs.transforms.conform.rules import Rule, missing_columns

META = ("day", "source", "file", "block", "position")
CORRUPT = "_corrupt"  # CSV: the row as text where its cells are too many or too few

_STRICT_JSON = "map('allowSingleQuotes', 'false')"
# An escaped half of a surrogate pair without its other half. The decoder would make it a question mark.
_HALF_PAIR = (
    r"r'\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}'"
)


@dataclass(frozen=True, slots=True)
class Cells:
    """Rows as delivered, and SQL that knows the format. `kinds` holds the kind of each field's cell."""

    frame: DataFrame
    kinds: Mapping[str, str]
    row_text: str  # the row as text
    faults: Sequence[Rule]  # what may be wrong with the row as a whole
    unknown: str = "CAST(NULL AS ARRAY<STRING>)"  # names that the contract does not know
    line: str | None = None
    check_utf8: str | None = None
    blank: str = "false"


def json_cells(raw: DataFrame, dataset: Dataset) -> Cells:
    """From lines of text in `value`. A key that is not there is null; a blank line is no row.

    Jackson reads the first value of a line and forgets the rest, so a line with more after its object
    is read once more inside another object, where the rest would break it.
    """
    names = [f.name for f in dataset.input_fields]
    lines = raw.selectExpr(
        *META, r"IF(startswith(value, '\uFEFF'), substr(value, 2), value) AS line"
    ).selectExpr("*", f"{_whole_pairs('line')} AS safe")
    parsed = lines.selectExpr("*", f"from_json(safe, 'map<string,string>', {_STRICT_JSON}) AS json")
    frame = parsed.selectExpr(*META, "line", f"{_alone('line', 'safe', 'json')} AS json").selectExpr(
        "*", *[f"json['{name}'] AS c_{name}" for name in names]
    )
    faults = [
        Rule("bad_json", None, "json IS NULL", "the line is not a JSON object"),
        Rule("bad_text", None, "NOT is_valid_utf8(line)", "the line is not UTF-8"),
    ]
    known = ", ".join(f"'{name}'" for name in names)
    return Cells(
        frame=frame,
        kinds=dict.fromkeys(names, "text"),
        row_text="make_valid_utf8(line)",
        faults=faults,
        unknown=f"array_except(map_keys(json), array({known}))",
        line="line",
        blank="trim(line) = ''",
    )


def csv_cells(raw: DataFrame, dataset: Dataset, header: Sequence[str], utf8: bool) -> Cells:
    """From text columns `_c0`, `_c1` … named by `header`, and `_corrupt`.

    Of a name that the header gives twice the first holds.
    """
    names = [f.name for f in dataset.input_fields]
    place = {name: f"_c{header.index(name)}" for name in names if name in header}
    every = [f"_c{i}" for i in range(len(header))]
    frame = raw.selectExpr(
        *META, CORRUPT, *every, *[f"{place.get(name, 'CAST(NULL AS STRING)')} AS c_{name}" for name in names]
    )
    says = f"the row has not as many cells as the header, {len(header)}"
    miscounted = Rule("bad_type", None, f"{CORRUPT} IS NOT NULL", says)
    return Cells(
        frame=frame,
        kinds={name: "text" if name in place else "absent" for name in names},
        row_text=f"coalesce({CORRUPT}, to_csv(struct({', '.join(every)}), map('escape', '\"')))",
        faults=[*missing_columns(dataset, set(header)), miscounted],
        check_utf8=None if utf8 else "decoded",
    )


def parquet_cells(raw: DataFrame, dataset: Dataset, kinds: Mapping[str, str]) -> Cells:
    """From the contract's columns that the file holds, by their own names; `kinds` of those alone."""
    names = [f.name for f in dataset.input_fields]
    readable = [name for name in names if kinds.get(name, "absent") not in ("absent", "foreign")]
    cells = [f"{_parquet_cell(name, readable, kinds)} AS c_{name}" for name in names]
    frame = raw.selectExpr(*META, *cells)
    row = ", ".join(f"'{name}', c_{name}" for name in readable) or "'row', position"
    return Cells(
        frame=frame,
        kinds={name: kinds.get(name, "absent") for name in names},
        row_text=f"make_valid_utf8(to_json(named_struct({row})))",
        faults=missing_columns(dataset, set(kinds)),
        check_utf8="bytes",
    )


def _parquet_cell(name: str, readable: Sequence[str], kinds: Mapping[str, str]) -> str:
    if name in readable:
        return f"CAST({name} AS STRING)" if kinds[name] == "binary" else name
    if kinds.get(name) == "foreign":
        return "'a value of a type that cannot be read'"
    return "CAST(NULL AS STRING)"


def _whole_pairs(line: str) -> str:
    """The line with half surrogate pairs as NUL, which is refused just as they are.

    Escaped backslashes are written another way first, so that every backslash left begins an escape.
    """
    plain = rf"replace({line}, r'\\', r'\u005c')"
    marked = rf"regexp_replace({plain}, {_HALF_PAIR}, r'\\u0000')"
    return rf"CASE WHEN contains(lower({line}), r'\ud') THEN {marked} ELSE {line} END"


def _alone(line: str, safe: str, json: str) -> str:
    """The parsed object, or null where the line holds more than it."""
    ends = rf"regexp_replace({line}, r'\s+$', '')"
    wrapped = f"from_json(concat('{{\"row\":', {safe}, ',\"end\":1}}'), 'map<string,string>', {_STRICT_JSON})"
    once = f"map_keys({wrapped}) = array('row', 'end')"
    return (
        f"CASE WHEN NOT endswith({ends}, '}}') THEN NULL"
        f" WHEN instr({line}, '}}') < char_length({ends}) AND NOT coalesce({once}, false) THEN NULL"
        f" ELSE {json} END"
    )
