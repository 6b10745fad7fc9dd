"""What a look at the inbox finds: real folders, odd names, links, markers, and an object store's stand-in."""

from __future__ import annotations

import gzip
import os
import secrets
import time
from datetime import date, timedelta
from pathlib import Path

import fsspec
import pytest

from orchestration.connectors.inbox import input_tables, look, recognise, set_aside
from orchestration.connectors.registry import ConnectorError

DAY = "2026-01-03"


def drop(root: Path, place: str, content: bytes = b"x") -> Path:
    path = root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_the_tables_are_those_of_the_input_contracts() -> None:
    assert {"activities", "accounts", "crm_contacts", "crm_contact_accounts", "deletions"} <= input_tables()
    assert not {"quarantine", "daily_score", "score_latest"} & input_tables()


@pytest.mark.parametrize(
    ("place", "table", "format_"),
    [
        ("activities.parquet", "activities", "parquet"),
        ("activities.jsonl", "activities", "jsonl"),
        ("activities.ndjson", "activities", "jsonl"),
        ("activities.json", "activities", "jsonl"),
        ("activities.csv", "activities", "csv"),
        ("Activities.CSV", "activities", "csv"),
        ("ACTIVITIES.PARQUET", "activities", "parquet"),
        ("activities-0001.jsonl", "activities", "jsonl"),
        ("activities_2026.01.03.csv", "activities", "csv"),
        ("activities.2026-01-03.csv", "activities", "csv"),
        ("activities-part-0.snappy.parquet", "activities", "parquet"),
        ("activities.csv.gz", "activities", "csv"),
        ("accounts-1.JSONL.GZ", "accounts", "jsonl"),
        ("crm_contacts.csv", "crm_contacts", "csv"),
        ("crm_contacts_accounts.csv", "crm_contacts", "csv"),
        ("crm_contact_accounts.csv", "crm_contact_accounts", "csv"),
        ("crm_contact_accounts_1.csv", "crm_contact_accounts", "csv"),
        ("activities.parquet/part-00000.snappy.parquet", "activities", "parquet"),
        ("activities/a.jsonl", "activities", "jsonl"),
        ("activities.xlsx", "unknown", "unknown"),
        ("activities", "unknown", "unknown"),
        ("activities.parquet.gz", "unknown", "unknown"),
        ("activities2.csv", "unknown", "csv"),
        ("activity.csv", "unknown", "csv"),
        ("my_activities.csv", "unknown", "csv"),
        ("crm_contact.csv", "unknown", "csv"),
        ("crm.csv", "unknown", "csv"),
        ("archive/activities.csv", "unknown", "csv"),
        ("activities/notes", "unknown", "unknown"),
        ("README.md", "unknown", "unknown"),
    ],
)
def test_a_place_tells_table_and_format(place: str, table: str, format_: str) -> None:
    assert recognise(place, input_tables()) == (table, format_)


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (".activities.csv.swp", "hidden"),
        ("_SUCCESS", "hidden"),
        ("activities.parquet/_temporary/0/part-0.parquet", "hidden"),
        ("activities.csv.tmp", "still being written"),
        ("activities.csv.PART", "still being written"),
        ("activities.csv~", "still being written"),
        ("activities.csv", ""),
        ("my_part.csv", ""),
    ],
)
def test_markers_and_unfinished_files_are_set_aside(place: str, why: str) -> None:
    assert set_aside(place) == why


def test_a_look_finds_files_by_folder(tmp_path: Path) -> None:
    drop(tmp_path, "2026-01-04/accounts.csv", b"id\n")
    drop(tmp_path, f"{DAY}/activities.jsonl", b"{}\n")
    drop(tmp_path, f"{DAY}/activities/part-1.jsonl")
    (tmp_path / "2026-01-05").mkdir()
    found = look(str(tmp_path))
    assert [(d.origin, d.table, d.bytes) for d in found.deliveries] == [
        (f"{DAY}/activities.jsonl", "activities", 3),
        (f"{DAY}/activities/part-1.jsonl", "activities", 1),
        ("2026-01-04/accounts.csv", "accounts", 3),
    ]
    assert found.folders == {date(2026, 1, 3), date(2026, 1, 4), date(2026, 1, 5)}
    assert found.left_alone == ()


def test_what_is_not_taken_is_said_with_its_reason(tmp_path: Path) -> None:
    drop(tmp_path, "activities.csv")
    drop(tmp_path, "2026-02-30/activities.csv")
    drop(tmp_path, "20260103/activities.csv")
    drop(tmp_path, f"{DAY}/_SUCCESS")
    drop(tmp_path, f"{DAY}/activities.csv.part")
    os.mkfifo(tmp_path / DAY / "accounts.csv")
    found = look(str(tmp_path))
    assert found.deliveries == ()
    assert [(left.origin, left.day, left.why) for left in found.left_alone] == [
        (f"{DAY}/_SUCCESS", date(2026, 1, 3), "hidden"),
        (f"{DAY}/accounts.csv", date(2026, 1, 3), "not a plain file"),
        (f"{DAY}/activities.csv.part", date(2026, 1, 3), "still being written"),
        ("2026-02-30/activities.csv", None, "not in a folder YYYY-MM-DD"),
        ("20260103/activities.csv", None, "not in a folder YYYY-MM-DD"),
        ("activities.csv", None, "not in a folder YYYY-MM-DD"),
    ]


def test_links_to_files_are_files_and_links_to_folders_are_not_entered(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    target = drop(tmp_path, "elsewhere/export.csv", b"id\n1\n")
    (inbox / DAY).mkdir(parents=True)
    (inbox / DAY / "accounts.csv").symlink_to(target)
    (inbox / DAY / "deletions.csv").symlink_to(tmp_path / "gone")
    (inbox / DAY / "activities").symlink_to(inbox)
    found = look(str(inbox))
    (linked,) = found.deliveries
    assert (linked.origin, linked.bytes, linked.stamp) == (
        f"{DAY}/accounts.csv", 5, str(target.stat().st_mtime),
    )  # fmt: skip
    assert [left.why for left in found.left_alone] == ["a link to a folder", "not a plain file"]


def test_a_name_that_is_no_text_is_spelt_out(tmp_path: Path) -> None:
    (tmp_path / DAY).mkdir()
    with open(os.fsencode(tmp_path / DAY) + b"/accounts-\xff.csv", "wb") as handle:
        handle.write(b"x")
    (odd,) = look(str(tmp_path)).deliveries
    assert odd.origin == f"{DAY}/accounts-\\xff.csv"
    assert odd.table == "accounts"


def test_no_folder_is_a_plain_error(tmp_path: Path) -> None:
    for missing in (tmp_path / "none", drop(tmp_path, "a-file")):
        with pytest.raises(ConnectorError, match="STATURE_INBOX: there is no folder"):
            look(str(missing))


def test_an_inbox_may_be_an_object_store() -> None:
    fs = fsspec.filesystem("memory")
    root = f"memory://{secrets.token_hex(4)}"
    fs.pipe_file(f"{root}/{DAY}/activities.csv.gz", gzip.compress(b"a"))
    fs.pipe_file(f"{root}/{DAY}/.hidden", b"")
    found = look(root)
    assert [(d.origin, d.table, d.format) for d in found.deliveries] == [
        (f"{DAY}/activities.csv.gz", "activities", "csv")
    ]
    assert found.deliveries[0].stamp
    fs.rm(root, recursive=True)


def test_a_year_of_folders_is_looked_through_quickly(tmp_path: Path) -> None:
    for number in range(400):
        folder = tmp_path / str(date(2025, 1, 1) + timedelta(number))
        folder.mkdir()
        for table in ("activities", "accounts", "identity_links"):
            (folder / f"{table}.parquet").touch()
    started = time.process_time()
    assert len(look(str(tmp_path)).deliveries) == 1200
    assert time.process_time() - started < 0.5
