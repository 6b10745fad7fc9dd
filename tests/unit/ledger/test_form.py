"""The canonical form and the digest: other rows, keys, days or orders give other bytes, and only those."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.ledger.form import (
    LedgerError,
    canonical,
    canonical_rows,
    digest_of,
    leaf_of,
    mark_of,
    salt_of,
)

DAY = date(2026, 1, 31)
KEY = bytes(range(32))
unhurried = settings(deadline=None)  # a busy machine is not a wrong answer

names = st.text(min_size=1, max_size=8)
scalars = st.one_of(
    st.none(),
    st.text(max_size=20),
    st.booleans(),
    st.integers(-(2**62), 2**62),
    st.floats(allow_nan=False, allow_infinity=False),
)
rows = st.dictionaries(names, scalars, max_size=6)
leaves = st.lists(st.binary(min_size=32, max_size=32).map(bytes.hex), max_size=8, unique=True)


def meaning(values: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """What must stay apart: type and value; null and absent are one."""
    return {name: (type(v).__name__, repr(v)) for name, v in values.items() if v is not None}


@unhurried
@given(rows, rows)
def test_two_rows_share_a_form_only_where_they_say_the_same(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert (canonical(one) == canonical(other)) == (meaning(one) == meaning(other))


@unhurried
@given(rows)
def test_the_form_reads_back_and_does_not_depend_on_the_order_of_columns(values: dict[str, Any]) -> None:
    form = canonical(values)
    assert meaning(json.loads(form)) == meaning(values)
    assert canonical(dict(reversed(values.items()))) == form


@unhurried
@given(
    st.lists(st.tuples(st.text(max_size=12), st.floats(allow_nan=False, allow_infinity=False)), max_size=5)
)
def test_rows_of_a_batch_have_the_same_form_as_alone(pairs: list[tuple[str, float]]) -> None:
    table = pa.table(
        {
            "person_id": pa.array([person for person, _ in pairs], pa.string()),
            "score": pa.array([score for _, score in pairs], pa.float64()),
            "evidence": pa.nulls(len(pairs), pa.float64()),
            "revision": pa.array([2] * len(pairs), pa.int32()),
            "published_at": pa.array([datetime.now(UTC)] * len(pairs), pa.timestamp("us", "UTC")),
        }
    )
    expected = [
        (person, 2, canonical({"day": "2026-01-31", "person_id": person, "revision": 2, "score": score}))
        for person, score in pairs
    ]
    assert list(canonical_rows(table, DAY)) == expected


def test_a_known_row_has_a_known_form_and_leaf() -> None:
    # Written out, so that a change of the form cannot pass unseen: it would break every published ledger.
    form = canonical({"score": 20.5, "person_id": 'a"ç', "day": "2026-01-31", "reason": None, "revision": 1})
    assert form == '{"day":"2026-01-31","person_id":"a\\"ç","revision":1,"score":20.5}'.encode()
    salt = hmac.new(KEY, b"2026-01-31|1", "sha256").digest()
    assert salt_of(KEY, DAY, 1) == salt
    mark = hashlib.sha256(b"stature leaf mark" + salt).hexdigest()[:16]
    assert leaf_of(salt, form) == mark + hashlib.sha256(salt + form).hexdigest()[:48]
    assert leaf_of(salt, form) == "d2b74c54def942fa1bea6bc5b0a7dd8f3eb35699623ea2c9a1a2df57dba4b176"
    assert digest_of({"sequence": 1}, ["b", "a"]) == hashlib.sha256(b'{"sequence":1}\na\nb').hexdigest()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, b"bytes", DAY])
def test_what_has_no_agreed_form_is_refused(value: object) -> None:
    with pytest.raises(LedgerError, match="no canonical form"):
        canonical({"score": value})


@unhurried
@given(st.binary(min_size=32, max_size=32), st.dates(), st.integers(1, 99), st.binary(), st.binary())
def test_the_mark_follows_the_salt_and_the_rest_follows_the_row(
    key: bytes, day: date, revision: int, one: bytes, other: bytes
) -> None:
    salt = salt_of(key, day, revision)
    assert leaf_of(salt, one).startswith(mark_of(salt))
    assert len(leaf_of(salt, one)) == 64
    assert (leaf_of(salt, one) == leaf_of(salt, other)) == (one == other)
    assert salt != salt_of(key, day, revision + 1)


@unhurried
@given(leaves, st.randoms(use_true_random=False))
def test_a_digest_does_not_depend_on_the_order_of_its_leaves(held: list[str], random: Any) -> None:
    shuffled = held[:]
    random.shuffle(shuffled)
    assert digest_of({"sequence": 1}, held) == digest_of({"sequence": 1}, shuffled)


@unhurried
@given(leaves, leaves, st.integers(1, 3), st.integers(1, 3))
def test_digests_differ_with_leaves_and_header(one: list[str], other: list[str], a: int, b: int) -> None:
    same = sorted(one) == sorted(other) and a == b
    assert (digest_of({"sequence": a}, one) == digest_of({"sequence": b}, other)) == same
