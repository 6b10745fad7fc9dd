"""The lake on a real folder and on an object store's stand-in (fsspec's memory file system)."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spark_jobs.lake import MANIFEST, Lake, LakeError, LakeFile, Manifest

DAY = date(2026, 1, 1)
NEXT = date(2026, 1, 2)


@pytest.fixture(params=["folder", "memory", "brackets"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lake]:
    if request.param == "memory":
        root = f"memory://{secrets.token_hex(4)}/home"
        fsspec.filesystem("memory").makedirs(root)
        yield Lake(root)
        fsspec.filesystem("memory").rm(root, recursive=True)
    else:
        # Brackets are glob characters: a home folder may have them all the same.
        folder = tmp_path / ("home [1]" if request.param == "brackets" else "home")
        folder.mkdir()
        yield Lake(str(folder))


def rows(*values: int) -> pa.Table:
    return pa.table({"id": pa.array(values, pa.int64())})


def ids(lake: Lake, table: str, day: date) -> list[int] | None:
    read = lake.read_arrow(table, day)
    return None if read is None else [] if not read.num_columns else sorted(read["id"].to_pylist())


def stored(lake: Lake, table: str, day: date) -> set[str]:
    """Every file of a day's folder, named by a manifest or not."""
    folder = lake.day_path(table, day)
    return {path[len(folder) + 1 :] for path in lake._find(folder)}


def test_a_written_day_is_read_back(lake: Lake) -> None:
    manifest = lake.write_arrow("accounts", DAY, rows(1, 2, 3), "run", {"why": "test"})
    read = lake.manifest("accounts", DAY)
    assert read == manifest
    assert (read.rows, read.run_id, read.notes) == (3, "run", {"why": "test"})
    assert ids(lake, "accounts", DAY) == [1, 2, 3]
    assert lake.days("accounts") == [DAY]
    assert lake.exists("accounts", DAY)
    assert not lake.exists("accounts", NEXT)


def test_what_is_not_there_is_none_and_no_error(lake: Lake) -> None:
    assert lake.days("accounts") == []
    assert lake.manifest("accounts", DAY) is None
    assert lake.manifests("accounts") == {}
    assert lake.read_arrow("accounts", DAY) is None
    assert lake.files("accounts", [DAY]) == []
    assert lake.adopt("accounts", DAY) == []
    lake.discard_uncommitted("accounts", [DAY])
    lake.drop_day("accounts", DAY)
    assert lake.first_day() is None


def test_a_day_without_rows_exists_without_files(lake: Lake) -> None:
    lake.write_arrow("endorsements", DAY, rows(), "run")
    assert lake.exists("endorsements", DAY)
    assert ids(lake, "endorsements", DAY) == []
    assert stored(lake, "endorsements", DAY) == {MANIFEST}


def test_a_folder_without_manifest_is_no_day(lake: Lake) -> None:
    lake.put_parquet("accounts", DAY, rows(1))
    assert lake.days("accounts") == []
    assert lake.read_arrow("accounts", DAY) is None


def test_a_crash_before_the_manifest_leaves_the_old_day(lake: Lake) -> None:
    lake.write_arrow("accounts", DAY, rows(1), "first")
    lake.put_parquet("accounts", DAY, rows(2))  # and the run is killed here
    assert ids(lake, "accounts", DAY) == [1]
    assert len(lake.files("accounts", [DAY])) == 1
    lake.discard_uncommitted("accounts", [DAY])
    assert len(stored(lake, "accounts", DAY)) == 2
    assert ids(lake, "accounts", DAY) == [1]


def test_a_crash_after_the_manifest_leaves_the_new_day(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.write_arrow("accounts", DAY, rows(1), "first")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lake, "_sweep", killed)
        with pytest.raises(KeyboardInterrupt):
            lake.write_arrow("accounts", DAY, rows(2), "second")
    assert ids(lake, "accounts", DAY) == [2]
    assert len(stored(lake, "accounts", DAY)) == 3
    lake.write_arrow("accounts", DAY, rows(3), "third")
    assert len(stored(lake, "accounts", DAY)) == 2


def test_replacing_a_day_removes_what_it_no_longer_names(lake: Lake) -> None:
    lake.write_arrow("accounts", DAY, rows(1), "first")
    lake.write_arrow("accounts", DAY, rows(2), "second")
    assert ids(lake, "accounts", DAY) == [2]
    assert len(stored(lake, "accounts", DAY)) == 2


def test_files_in_folders_of_a_day_are_kept_or_swept_like_the_others(lake: Lake) -> None:
    kept = lake.put_parquet("raw/sample", DAY, rows(1), folder="accounts/")
    lake.commit("raw/sample", DAY, [kept], "run")
    lake.put_parquet("raw/sample", DAY, rows(2), folder="activities/")
    lake.discard_uncommitted("raw/sample", [DAY])
    assert stored(lake, "raw/sample", DAY) == {MANIFEST, kept.name}
    added = lake.put_parquet("raw/sample", DAY, rows(3), folder="activities/")
    lake.put_parquet("raw/sample", DAY, rows(4), folder="activities/")
    lake.commit("raw/sample", DAY, [kept, added], "run")
    assert stored(lake, "raw/sample", DAY) == {MANIFEST, kept.name, added.name}
    assert ids(lake, "raw/sample", DAY) == [1, 3]


def test_adopt_finds_what_no_manifest_names(lake: Lake) -> None:
    lake.write_arrow("accounts", DAY, rows(1), "first")
    old = lake.manifest("accounts", DAY)
    assert old is not None
    appended = lake.put_parquet("accounts", DAY, rows(2, 3))
    with lake.open(f"{lake.day_path('accounts', DAY)}/_SUCCESS", "wb"):
        pass
    assert lake.adopt("accounts", DAY) == [appended]
    lake.commit("accounts", DAY, [*old.files, *lake.adopt("accounts", DAY)], "second")
    assert ids(lake, "accounts", DAY) == [1, 2, 3]
    assert stored(lake, "accounts", DAY) == {MANIFEST, appended.name, old.files[0].name}


def test_a_dropped_day_is_gone_whole(lake: Lake) -> None:
    lake.write_arrow("accounts", DAY, rows(1), "run")
    lake.write_arrow("accounts", NEXT, rows(2), "run")
    lake.put_parquet("accounts", DAY, rows(1), folder="inner/")
    lake.drop_day("accounts", DAY)
    assert lake.days("accounts") == [NEXT]
    assert stored(lake, "accounts", DAY) == set()


def test_days_and_manifests_are_in_order_and_know_no_strangers(lake: Lake) -> None:
    for day in (NEXT, DAY, date(2025, 12, 31)):
        lake.write_arrow("accounts", day, rows(1), "run")
    lake.write_json(f"{lake.table_path('accounts')}/day=soon/{MANIFEST}", {})
    lake.write_json(f"{lake.table_path('accounts')}/notes/{MANIFEST}", {})
    assert lake.days("accounts") == [date(2025, 12, 31), DAY, NEXT]
    assert list(lake.manifests("accounts")) == lake.days("accounts")
    assert list(lake.manifests("accounts", [NEXT, date(2030, 1, 1)])) == [NEXT]


def test_pending_is_a_lake_of_its_own(lake: Lake) -> None:
    lake.pending.write_arrow("daily_score", DAY, rows(1), "run")
    assert lake.days("daily_score") == []
    assert lake.pending.days("daily_score") == [DAY]


def test_only_a_folder_has_a_local_root(lake: Lake) -> None:
    local = lake.local_root
    assert (str(local) if local else None) == (None if "://" in lake.root else lake.root)
    assert lake.pending.local_root == local


def test_files_are_uris_that_others_can_open(lake: Lake) -> None:
    lake.write_arrow("accounts", DAY, rows(7), "run")
    (uri,) = lake.files("accounts", [DAY])
    assert ("memory://" in uri) == ("memory://" in lake.root)
    with fsspec.open(uri, "rb") as handle:
        assert pq.read_table(handle)["id"].to_pylist() == [7]


def test_a_copy_is_the_file_itself(lake: Lake, tmp_path: Path) -> None:
    source = tmp_path / "accounts.csv"
    source.write_bytes(b"id\n1\n" * 500_000)  # more than one piece
    file, sha256 = lake.put_copy(str(source), "raw/inbox", DAY, "accounts/a.csv")
    assert (file.name, file.rows, file.bytes) == ("accounts/a.csv", None, source.stat().st_size)
    with lake.open(f"{lake.day_path('raw/inbox', DAY)}/{file.name}") as handle:
        assert handle.read() == source.read_bytes()
    assert len(sha256) == 64


def test_what_raw_files_add_survives_the_manifest(lake: Lake) -> None:
    file = lake.put_parquet("raw/sample", DAY, rows(1))
    entry = LakeFile(file.name, None, file.bytes, {"table": "accounts", "origin": "accounts.csv"})
    lake.commit("raw/sample", DAY, [entry], "run")
    manifest = lake.manifest("raw/sample", DAY)
    assert manifest is not None
    assert manifest.files == (entry,)
    assert manifest.rows == 0


def test_lists_written_by_different_tools_read_as_one_table(lake: Lake) -> None:
    def file(name: str) -> LakeFile:
        kind = pa.list_(pa.field(name, pa.string()))
        return lake.put_parquet("activities", DAY, pa.table({"topics": pa.array([["a"]], kind)}))

    lake.commit("activities", DAY, [file("item"), file("element")], "run")
    read = lake.read_arrow("activities", DAY)
    assert read is not None
    assert read["topics"].to_pylist() == [["a"], ["a"]]


def test_a_damaged_manifest_is_named(lake: Lake) -> None:
    lake.write_arrow("accounts", DAY, rows(1), "run")
    path = f"{lake.day_path('accounts', DAY)}/{MANIFEST}"
    for damage in (b'{"table": "acc', b"{}", b"[]", b"\xff"):
        with lake.open(path, "wb") as handle:
            handle.write(damage)
        with pytest.raises(LakeError, match="damaged"):
            lake.manifest("accounts", DAY)


def test_the_first_day_is_declared_once(lake: Lake) -> None:
    lake.declare_first_day(DAY)
    lake.declare_first_day(DAY)
    assert Lake(lake.root).first_day() == DAY
    with pytest.raises(LakeError, match="begins on 2026-01-01"):
        lake.declare_first_day(NEXT)


def test_a_day_that_lacks_a_file_is_not_committed(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    lake.write_arrow("accounts", DAY, rows(1), "first")
    with pytest.raises(LakeError, match="is not in"):
        lake.commit("accounts", DAY, [LakeFile("part-gone.parquet", 1, 1)], "second")
    assert ids(lake, "accounts", DAY) == [1]


def test_files_and_manifest_are_on_the_disk_before_the_day_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor: int) -> None:
        order.append(f"sync {Path(os.readlink(f'/proc/self/fd/{descriptor}')).suffix}")
        fsync(descriptor)

    def watched_replace(source: str, target: str) -> None:
        order.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    Lake(str(tmp_path)).write_arrow("accounts", DAY, rows(1), "run")
    assert order == ["sync .parquet", "sync .tmp", "replace"]


def test_a_killed_manifest_write_leaves_nothing_that_counts(lake: Lake) -> None:
    lake.write_arrow("accounts", DAY, rows(1), "run")
    with lake.open(f"{lake.day_path('accounts', DAY)}/{MANIFEST}.1234.tmp", "wb") as handle:
        handle.write(b'{"table": "acc')
    assert ids(lake, "accounts", DAY) == [1]
    lake.write_arrow("accounts", DAY, rows(2), "run")
    assert len(stored(lake, "accounts", DAY)) == 2


def test_a_manifest_is_plain_json_with_the_agreed_names(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    lake.write_arrow("accounts", DAY, rows(1, 2), "run")
    content = json.loads((tmp_path / "lake/accounts/day=2026-01-01/_manifest.json").read_text())
    assert set(content) == {"table", "day", "rows", "files", "run_id", "written_at", "notes"}
    assert (content["table"], content["day"], content["rows"]) == ("accounts", "2026-01-01", 2)
    assert set(content["files"][0]) == {"name", "rows", "bytes"}


def test_four_hundred_days_are_listed_quickly(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    days = [DAY + timedelta(n) for n in range(400)]
    for day in days:
        folder = tmp_path / "lake" / "accounts" / f"day={day}"
        folder.mkdir(parents=True)
        manifest = Manifest("accounts", day, (), "run", datetime.now(UTC))
        (folder / MANIFEST).write_text(json.dumps(manifest.as_json()))
    started = time.process_time()  # the processor's time: the machine may be busy with other things
    assert lake.days("accounts") == days
    assert time.process_time() - started < 0.05
