"""Two networks, from requests over answers and rows to published scores."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import pytest

from tests.fixtures.network_answers import DAY

NEXT = DAY + timedelta(days=1)


@pytest.fixture(scope="module")
def marts(networks):
    with duckdb.connect(str(networks.published), read_only=True) as connection:
        yield connection


def test_those_who_acted_are_scored_and_those_who_are_heard_have_more(marts):
    scores = dict(
        marts.execute("select person_id, score from core.daily_score where day = ?", [NEXT]).fetchall()
    )
    assert set(scores) >= {"acct:bluesky:did:plc:ada", "acct:mastodon:ada@town.example"}
    # Bo and Cy like, pass on and answer what Ada writes; nobody ever reacts to Dee.
    assert scores["acct:bluesky:did:plc:ada"] > scores["acct:bluesky:did:plc:dee"] == 1
    assert scores["acct:mastodon:ada@town.example"] > 1
    assert not [person for person in scores if "hid" in person]


def test_nothing_that_an_answer_said_is_lost(networks, marts):
    """What was mapped was received; what was refused is in quarantine with its reason."""
    received = marts.execute(
        "select source, table_name, received, quarantined, balanced from bi.data_quality where day = ?", [DAY]
    ).fetchall()
    assert received
    assert all(balanced for *_, balanced in received)
    counted = {(source, table): (rows, refused) for source, table, rows, refused, _ in received}
    for network in ("bluesky", "mastodon"):
        notes = networks.lake.manifest(f"mapped/{network}", DAY).notes
        refused = sum(notes["refused"].values())
        assert counted[network, "answers"] == (refused, refused)
        for table, rows in notes["rows"].items():
            assert counted[network, table] == (rows, 0)


def test_refused_things_say_where_they_stood(networks):
    rows = networks.lake.read_arrow("quarantine", DAY).to_pylist()
    refused = [
        (row["reason"], row["detail"], row["row_number"]) for row in rows if row["source"] == "bluesky"
    ]
    assert refused == [
        ("bad_type", "thread: uri is no at:// address with a DID (answer 8)", 1),
        ("bad_type", "follows: did is no DID (answer 12)", 2),
    ]


def test_the_second_day_asks_again_and_counts_once(networks, marts):
    twice = marts.execute(
        "select sum(received), sum(accepted), sum(duplicates) from bi.data_quality"
        " where day = ? and source = 'bluesky' and table_name = 'activities'",
        [NEXT],
    ).fetchone()
    # Reposts and follows without a date come with every list; an answer of one o'clock is new.
    assert twice == (5, 1, 4)
    raw = networks.lake.manifest("raw/bluesky", NEXT)
    assert raw.notes["since"] == f"{NEXT}T00:00:00+00:00"


def test_no_words_and_no_hidden_people_are_anywhere_in_the_home(networks):
    words = (b"secret evening", b"hidden words", b"a private word")
    for file in networks.path.rglob("*"):
        if file.is_file() and file.suffix in (".jsonl", ".json", ".log", ".csv"):
            content = file.read_bytes()
            assert not [word for word in words if word in content], file
    con = duckdb.connect()
    files = networks.lake.files("raw/bluesky", [DAY, NEXT])
    bodies = con.execute("select string_agg(body, ' ') from read_parquet(?)", [files]).fetchone()[0]
    assert not [word for word in words if word.decode() in bodies]
    assert "did:plc:hid" not in bodies
