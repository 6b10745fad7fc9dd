"""A raw file without somebody: in every format their rows go, all others stay byte for byte."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.privacy.marks import ErasedMark, Erasures
from orchestration.privacy.raw_files import Task, clean
from spark_jobs.erasure import mark, subject
from tests.fixtures.deliveries import as_csv, as_jsonl, as_parquet

DAY = date(2026, 1, 5)
ADA = mark("salt", subject("forum", "ada"))
BOOK = Erasures(
    "salt",
    [ErasedMark(ADA, ADA, ADA, "account", "forum", datetime(2026, 1, 3, tzinfo=UTC), date(2026, 1, 3))],
    [],
)
COLUMNS = ["network", "account_id", "handle", "observed_at"]


def task(table: str) -> Task:
    return Task(BOOK, DAY, "inbox", table)


def account(network: str, name: str, handle: str) -> dict[str, Any]:
    return {"network": network, "account_id": name, "handle": handle, "observed_at": "2026-01-05T00:00:00Z"}


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=8)
accounts = st.lists(
    st.builds(account, st.sampled_from(["forum", "Forum", "blog"]), st.sampled_from(["ada", "bo"]), texts),
    max_size=8,
)


def is_hers(row: dict[str, Any]) -> bool:
    return row["network"].lower() == "forum" and row["account_id"] == "ada"


@settings(deadline=None)
@given(accounts)
def test_lines_of_json(rows: list[dict[str, Any]]) -> None:
    cleaned = clean(as_jsonl(rows), "jsonl", task("accounts"))
    kept = [row for row in rows if not is_hers(row)]
    assert cleaned.removed == len(rows) - len(kept)
    assert (cleaned.content is None) == (len(kept) == len(rows))
    assert cleaned.content in (None, as_jsonl(kept))


@settings(deadline=None)
@given(accounts)
def test_csv_with_line_breaks_and_quotes_in_cells(rows: list[dict[str, Any]]) -> None:
    cleaned = clean(as_csv(rows, COLUMNS), "csv", task("accounts"))
    kept = [row for row in rows if not is_hers(row)]
    assert cleaned.removed == len(rows) - len(kept)
    assert cleaned.content in (None, as_csv(kept, COLUMNS))


@settings(deadline=None)
@given(accounts)
def test_parquet(rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    cleaned = clean(as_parquet(rows), "parquet", task("accounts"))
    kept = [row for row in rows if not is_hers(row)]
    assert cleaned.removed == len(rows) - len(kept)
    if cleaned.content is not None:
        assert pq.read_table(io.BytesIO(cleaned.content)).to_pylist() == kept


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_a_request_keeps_its_place_under_the_mark(form: str) -> None:
    asked = {"network": "forum", "account_id": "ada", "request": "erase", "requested_at": "2026-01-03"}
    other = {**asked, "account_id": "bo", "request": "opt_out"}
    write = {"jsonl": as_jsonl, "csv": lambda rows: as_csv(rows, list(asked)), "parquet": as_parquet}[form]
    cleaned = clean(write([asked, other]), form, task("privacy_requests"))
    expected = write([{**asked, "account_id": ADA}, other])
    assert cleaned.removed == 0
    if form == "parquet":
        assert pq.read_table(io.BytesIO(cleaned.content)).equals(pq.read_table(io.BytesIO(expected)))
    else:
        assert cleaned.content == expected
    assert clean(expected, form, task("privacy_requests")).content is None, "once is enough"


def test_a_line_that_is_no_json_goes_where_a_word_of_it_is_hers() -> None:
    lines = [b'{"network": "forum", "account_id": "ada", oops', b'{"account_id": "adam", oops', b"", b"x"]
    content = b"\n".join(lines) + b"\n"
    assert clean(content, "jsonl", task("accounts")).content == content.replace(lines[0] + b"\n", b"", 1)


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_a_row_without_an_id_goes_where_a_word_of_it_is_hers(form: str) -> None:
    nameless = {"network": "forum", "account_id": None, "handle": "about ada.", "observed_at": "2026-01-05"}
    others = [{**nameless, "handle": "about bo"}, account("forum", "bo", "ada")]
    write = {"jsonl": as_jsonl, "csv": lambda rows: as_csv(rows, COLUMNS), "parquet": as_parquet}[form]
    cleaned = clean(write([nameless, *others]), form, task("accounts"))
    assert cleaned.removed == 1
    if form == "parquet":
        assert pq.read_table(io.BytesIO(cleaned.content)).to_pylist() == others
    else:
        assert cleaned.content == write(others)


def test_of_the_answers_of_a_network_only_what_names_her_goes() -> None:
    book = Erasures("salt", BOOK.marks, [])
    rows = [
        {"url": "https://f.org/u/ada", "body": '{"id": "ada"}', "about": "{}"},
        {"url": "https://f.org/likes", "body": '[{"id":"ada"},{"id":"bo"}]', "about": '{"content_id": "1"}'},
        {"url": "https://f.org/u/bo", "body": '{"id": "bo"}', "about": "{}"},
    ]
    cleaned = clean(as_parquet(rows), "parquet", Task(book, DAY, "forum", "answers"))
    left = pq.read_table(io.BytesIO(cleaned.content)).to_pylist()
    assert [json.loads(row["body"]) for row in left] == [[{"id": "bo"}], {"id": "bo"}]
    assert cleaned.deeds == {(ADA, "removed"): 2}


def test_of_an_erased_contact_no_word_stays_in_a_field_that_is_kept() -> None:
    contact = mark("salt", subject("sf", "c1"))
    marks = [
        ErasedMark(
            contact, contact, contact, "contact", "sf", datetime(2026, 1, 9, tzinfo=UTC), date(2026, 1, 9)
        )
    ]
    before = Task(Erasures("salt", marks, []), DAY, "inbox", "crm_contacts")
    row = {"crm": "sf", "contact_id": "c1", "email": "ada@x.org", "updated_at": "2026-01-05T00:00:00Z"}
    odd = {**row, "updated_at": "the day Ada called", "deleted": "Ada says no"}
    emptied = [
        {"crm": "sf", "contact_id": "c1", "updated_at": row["updated_at"]},
        {"crm": "sf", "contact_id": "c1"},
    ]
    assert clean(as_jsonl([row, odd]), "jsonl", before).content == as_jsonl(emptied)
    assert clean(as_jsonl(emptied), "jsonl", before).content is None, "once is enough"
