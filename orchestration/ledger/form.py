"""What is hashed, byte for byte: the canonical row, its salt and leaf, and a publication's digest.

Everything here is pure, so that anybody can write it again from this page and get the same digits.

*Canonical row*: JSON in UTF-8, keys sorted, no spaces; in text only the control characters below U+0020,
the quote and the backslash are escaped; a number has the fewest digits that read back as the same double;
`day` is YYYY-MM-DD. Columns that are null are left out, so that a column added to the contract later does
not change the form of older rows. `published_at` is left out, so that publishing again after a crash gives
the same leaf.

*Salt* = HMAC-SHA256(the person's key, "day|revision").

*Leaf* = 32 bytes: first the mark, 8 bytes of SHA-256("stature leaf mark" ‖ salt), which only the person's
key can find again; then the first 24 bytes of SHA-256(salt ‖ canonical row). Without the mark, a row that
somebody removed could not be told from the row of an erased person.

*Digest* = SHA-256 over the canonical header (day, model_version, previous_digest, reason, revision, rows,
sequence) and the sorted leaves, a line feed before each leaf.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import pyarrow as pa

KEY_BYTES = 32
MARK_DIGITS = 16
LEAF_DIGITS = 64
UNHASHED = frozenset({"published_at"})

_MARK = b"stature leaf mark"
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class LedgerError(Exception):
    """The ledger cannot be continued or read; the text says where and why."""


def canonical(values: Mapping[str, Any]) -> bytes:
    """The canonical JSON of text, numbers and booleans by name; nulls are left out.

    Raises LedgerError for NaN, infinities and other types: two writers would not agree on their form.
    """
    kept = {name: values[name] for name in sorted(values) if values[name] is not None}
    try:
        return _encode(kept).encode()
    except (TypeError, ValueError) as error:
        raise LedgerError(f"no canonical form for {kept}: {error}") from error


def canonical_rows(batch: pa.RecordBatch | pa.Table, day: date) -> Iterator[tuple[str, int, bytes]]:
    """Person, revision and canonical form of each row of `daily_score` of that day."""
    names = sorted(name for name in batch.schema.names if name not in UNHASHED)
    columns = [batch.column(name).to_pylist() for name in names]
    day_text = day.isoformat()
    # Inserted in order: sorting each row's keys anew would double the cost of a large day.
    place = sum(name < "day" for name in names)
    person, revision = names.index("person_id"), names.index("revision")
    names.insert(place, "day")
    for row in zip(*columns, strict=True):
        values = (*row[:place], day_text, *row[place:])
        kept = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        try:
            yield row[person], row[revision], _encode(kept).encode()
        except (TypeError, ValueError) as error:
            raise LedgerError(f"{day}: no canonical form for {row[person]}: {error}") from error


def salt_of(key: bytes, day: date, revision: int) -> bytes:
    """The salt of a person's row: 32 bytes that nobody without the key can know."""
    return hmac.digest(key, f"{day.isoformat()}|{revision}".encode(), "sha256")


def mark_of(salt: bytes) -> str:
    """The first digits of the leaf made with this salt, whatever the row says."""
    return hashlib.sha256(_MARK + salt).hexdigest()[:MARK_DIGITS]


def leaf_of(salt: bytes, row: bytes) -> str:
    """The leaf of a canonical row, 64 hexadecimal digits."""
    return mark_of(salt) + hashlib.sha256(salt + row).hexdigest()[: LEAF_DIGITS - MARK_DIGITS]


def digest_of(header: Mapping[str, Any], leaves: Iterable[str]) -> str:
    """The digest of a publication, 64 hexadecimal digits; `leaves` may come in any order."""
    digest = hashlib.sha256(canonical(header))
    for leaf in sorted(leaves):
        digest.update(b"\n" + leaf.encode())
    return digest.hexdigest()
