"""Which rows of a table speak of somebody who is erased, told by the names of its columns."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.privacy.marks import Erasures
from spark_jobs.erasure import EMAIL, PERSON, PERSON_KEY, handle_scope, plain_handle, subject

_SEPARATOR = "\x1f"
_NONE: Mapping[str, str] = {}
CONTENT = "#content"
"""Ends the scope of a network's content ids, which stand for whoever wrote it."""
TEXT = "#text"
"""The scope of a refused row's text, which names whomever one of its words names."""
_WORD = re.compile(r"[\w.:@%+-]+")


@dataclass(frozen=True)
class Named:
    """A column that names somebody: in the scope of another column, or in a fixed one."""

    column: str
    scope_column: str | None
    scope: str = ""  # fixed, or what is added to the scope column's value
    handle: bool = False


def named_in(columns: Collection[str]) -> tuple[Named, ...]:
    """The columns of a table that name somebody, by the names that the contracts use throughout."""
    found = []
    for column in columns:
        if column.endswith("account_id") and "network" in columns:
            found.append(Named(column, "network"))
        elif column.endswith("contact_id") and "crm" in columns:
            found.append(Named(column, "crm"))
        elif column == "handle" and {"network", "contact_id"} <= set(columns):
            found.append(Named(column, "network", handle_scope(""), handle=True))
        elif column == "person_id":
            found.append(Named(column, None, PERSON))
        elif column == "person_key":
            found.append(Named(column, None, PERSON_KEY))
    if set(columns) >= {"raw", "raw_sha256"}:
        found.append(Named("raw", None, TEXT))
    if set(columns) >= {"network", "content_id", "deleted_at"}:
        found.append(Named("content_id", "network", CONTENT))
    return tuple(found)


def columns_of(named: Iterable[Named]) -> list[str]:
    """The columns that are read to tell."""
    return sorted({n for each in named for n in (each.column, each.scope_column) if n is not None})


def whose(
    rows: pa.Table, named: Iterable[Named], erasures: Erasures, day: date, contents: Mapping[str, str] = _NONE
) -> list[str | None]:
    """The mark of the erased person whom each row speaks of, the first where there are several; else None.

    `contents`: marks of erased authors by the subjects (scope network + CONTENT) of what they wrote.
    """
    found = np.full(rows.num_rows, None, dtype=object)
    for each in named:
        if each.column not in rows.column_names or rows.num_rows == 0:
            continue
        texts = _subjects(rows, each)
        encoded = texts.combine_chunks().dictionary_encode()
        marks = [_mark(text, each, erasures, day, contents) for text in encoded.dictionary.to_pylist()]
        if not any(marks):
            continue
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        hit = np.array([*marks, None], dtype=object)[codes]
        found = np.where(found == None, hit, found)  # noqa: E711  element by element
    return list(found)


def in_words(text: str, erasures: Erasures, day: date) -> str | None:
    """Whom a text that is no row of a table names: by an id, a handle or an e-mail address among its words.

    Rather too much goes than too little: a word may be somebody's handle and mean nobody.
    """
    for word in sorted({found.strip(".:-") for found in _WORD.findall(text)} - {""}):
        of = [subject(scope, word) for scope in erasures.scopes]
        of += [subject(handle_scope(scope), plain_handle(word)) for scope in erasures.scopes]
        of += [subject(EMAIL, word.lower())] if "@" in word else []
        for each in of:
            if (name := erasures.found(each, day)) is not None:
                return name
    return None


def _subjects(rows: pa.Table, each: Named) -> pa.ChunkedArray:
    """Subjects as text; null where the row names nobody."""
    identifier = rows[each.column].cast(pa.string())
    if each.scope_column is None:
        scope: pa.ChunkedArray | pa.Scalar = pa.scalar(each.scope)
    else:
        scope = rows[each.scope_column].cast(pa.string())
        if each.scope_column == "network":  # a network's name is lower case, a CRM's is as it is
            scope = pc.utf8_lower(scope)
        if each.scope:
            scope = pc.binary_join_element_wise(scope, pa.scalar(each.scope), "")
    joined = pc.binary_join_element_wise(scope, identifier, _SEPARATOR)
    return joined if isinstance(joined, pa.ChunkedArray) else pa.chunked_array([joined])


def _mark(
    text: str | None, each: Named, erasures: Erasures, day: date, contents: Mapping[str, str]
) -> str | None:
    if text is None:
        return None
    scope, _, identifier = text.partition(_SEPARATOR)
    if each.scope == CONTENT:
        return contents.get(text)
    if each.scope == TEXT:
        return in_words(identifier, erasures, day)
    if each.handle:
        text = subject(scope, plain_handle(identifier))
    return erasures.found(text, day)
