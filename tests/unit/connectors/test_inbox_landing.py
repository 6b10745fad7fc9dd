"""Which files of the inbox enter which day, and that raw days never lose or change what they have."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import fsspec
import pytest

from orchestration.connectors import inbox_taking
from orchestration.connectors.landing import LandingReport, land_days, land_source
from orchestration.connectors.registry import ConnectorError
from orchestration.settings import Settings
from spark_jobs.lake import Lake, LakeFile, Manifest
from tests.fixtures.inbox_place import Place

D1, D2, D3, D4 = (date(2026, 1, n) for n in (1, 2, 3, 4))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_files_are_copied_as_they_are(place: Place) -> None:
    content = b"\x00\xff not even csv" * 100_000
    source = place.drop("2026-01-01/Accounts-É 1.CSV", content)
    (report,) = place.land(D1)
    assert report == LandingReport(D1, "inbox", 1, len(content), None, ())
    (file,) = place.files(D1)
    assert dict(file.extra) == {
        "table": "accounts",
        "format": "csv",
        "sha256": hashlib.sha256(content).hexdigest(),
        "delivered": "2026-01-01",
        "origin": "2026-01-01/Accounts-É 1.CSV",
        "stamp": str(source.stat().st_mtime),
    }
    assert place.stored(D1) == {file.name: content}
    assert source.read_bytes() == content
    assert file.name.startswith("accounts/2026-01-01-Accounts-_1-")
    assert file.name.endswith(".csv")


def test_a_missing_and_an_empty_folder_are_days_without_files(place: Place) -> None:
    (place.inbox / "2026-01-02").mkdir()
    reports = place.land(D1, D2)
    assert [report.notes for report in reports] == [("no folder",), ("nothing delivered",)]
    assert place.lake.days("raw/inbox") == [D1, D2]
    assert place.files(D1) == place.files(D2) == ()


def test_several_files_of_a_table_and_a_partial_folder(place: Place) -> None:
    for name in ("activities-1.jsonl", "activities_2.csv", "activities/part-3.parquet", "activities-1.csv"):
        place.drop(f"2026-01-01/{name}", name.encode())
    place.land(D1)
    assert {file.extra["table"] for file in place.files(D1)} == {"activities"}
    assert sorted(place.stored(D1).values()) == sorted(
        [b"activities-1.jsonl", b"activities_2.csv", b"activities/part-3.parquet", b"activities-1.csv"]
    )


def test_names_that_are_one_after_cleaning_stay_two_files(place: Place) -> None:
    place.drop("2026-01-01/accounts-a b.csv", b"1")
    place.drop("2026-01-01/accounts-a[b.csv", b"2")
    place.drop("2026-01-01/accounts-a::b.csv", b"3")
    place.land(D1)
    assert sorted(place.stored(D1).values()) == [b"1", b"2", b"3"]


def test_an_unrecognised_file_is_landed_as_unknown_and_markers_are_reported(place: Place) -> None:
    place.drop("2026-01-01/budget.xlsx")
    place.drop("2026-01-01/_SUCCESS", b"")
    (report,) = place.land(D1)
    assert [file.extra["table"] for file in place.files(D1)] == ["unknown"]
    assert report.notes == (
        "no table of ours, left to quarantine: 2026-01-01/budget.xlsx",
        "left alone: 2026-01-01/_SUCCESS (hidden)",
    )


def test_landing_again_changes_nothing(place: Place) -> None:
    place.drop("2026-01-01/accounts.csv")
    place.land(D1)
    before = (place.lake.manifest("raw/inbox", D1), place.stored(D1))
    (report,) = place.land(D1)
    assert report == LandingReport(D1, "inbox", notes=("already landed",))
    assert (place.lake.manifest("raw/inbox", D1), place.stored(D1)) == before


def test_a_day_not_yet_published_gains_what_came_since(place: Place) -> None:
    place.drop("2026-01-01/accounts.csv", b"1")
    place.land(D1)
    first = place.files(D1)
    place.drop("2026-01-01/activities.csv", b"2")
    (report,) = place.land(D1)
    assert (report.files, report.bytes) == (1, 1)
    assert place.files(D1)[: len(first)] == first
    assert sorted(place.stored(D1).values()) == [b"1", b"2"]


def test_a_published_day_is_left_alone_and_says_what_waits(place: Place) -> None:
    place.drop("2026-01-01/accounts.csv")
    place.land(D1)
    place.publish(D1)
    before = place.lake.manifest("raw/inbox", D1)
    place.drop("2026-01-01/activities.csv")
    (report,) = place.land(D1)
    assert report == LandingReport(
        D1,
        "inbox",
        notes=(
            "already published",
            "the next day that is run takes what was added since: 2026-01-01/activities.csv",
        ),
    )
    assert place.lake.manifest("raw/inbox", D1) == before


def test_a_file_added_to_a_published_day_enters_the_next_run_once(place: Place) -> None:
    place.land(D1)
    place.publish(D1)
    place.drop("2026-01-01/activities.csv", b"late")
    place.drop("2026-01-02/activities.csv", b"2")
    reports = place.land(D1, D2, D3)
    assert place.origins(D2) == ["2026-01-01/activities.csv", "2026-01-02/activities.csv"]
    assert place.files(D2)[0].extra["delivered"] == "2026-01-01"
    assert reports[1].notes == ("added to days already published: 2026-01-01/activities.csv",)
    assert place.origins(D3) == []
    place.publish(D2, D3)
    place.land(D4)
    assert place.origins(D4) == []


def test_a_folder_whose_day_is_still_open_keeps_its_files(place: Place) -> None:
    """Else a day run before its yesterday would take yesterday's files away from it."""
    place.land(D1)
    place.drop("2026-01-02/activities.csv")
    place.land(D3)
    assert place.origins(D3) == []
    place.land(D2)
    assert place.origins(D2) == ["2026-01-02/activities.csv"]


def test_a_folder_of_the_future_waits_for_its_day(place: Place) -> None:
    place.drop("2026-01-03/activities.csv")
    place.land(D1)
    assert place.origins(D1) == []


def test_a_changed_file_counts_as_a_new_one(place: Place) -> None:
    place.drop("2026-01-01/activities.csv", b"old")
    place.land(D1)
    place.publish(D1)
    place.drop("2026-01-01/activities.csv", b"new, and longer")
    (report,) = place.land(D2)
    assert list(place.stored(D1).values()) == [b"old"]
    assert list(place.stored(D2).values()) == [b"new, and longer"]
    assert "2026-01-01/activities.csv changed since it was landed; both versions count" in report.notes


def test_a_changed_file_of_an_open_day_stands_beside_the_old(place: Place) -> None:
    path = place.drop("2026-01-01/activities.csv", b"old")
    place.land(D1)
    path.write_bytes(b"mended")
    place.land(D1)
    assert sorted(place.stored(D1).values()) == [b"mended", b"old"]
    path.write_bytes(b"old")  # back again: known
    os.utime(path, (1, 1))
    place.land(D1)
    assert sorted(place.stored(D1).values()) == [b"mended", b"old"]


def test_a_touched_file_is_no_new_one_and_is_not_read_twice(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place.drop("2026-01-01/activities.csv")
    place.land(D1)
    place.publish(D1)
    os.utime(path, (1, 1))
    read: list[str] = []
    hashed = inbox_taking._sha256

    def watched(inbox: object, delivery: inbox_taking.Delivery) -> str:
        read.append(delivery.origin)
        return hashed(inbox, delivery)  # type: ignore[arg-type]

    monkeypatch.setattr(inbox_taking, "_sha256", watched)
    for day in (D2, D2, D3):
        (report,) = place.land(day)
        assert report.files == 0
    assert read == ["2026-01-01/activities.csv"]


def test_unchanged_files_are_not_opened(place: Place) -> None:
    path = place.drop("2026-01-01/activities.csv", b"12345")
    place.land(D1)
    place.publish(D1)
    before = path.stat()
    path.write_bytes(b"54321")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    place.land(D2)
    assert place.origins(D2) == []  # same size, same time: taken for the same


def test_folders_before_the_first_day_are_left_alone_and_named(place: Place) -> None:
    place.drop("2025-12-30/activities.csv")
    place.drop("notes.txt")
    reports = place.land(D1, D2)
    assert reports[0].notes == (
        "no folder",
        "folders before the first day, 2026-01-01, are left alone: 2025-12-30",
        "left alone: notes.txt (not in a folder YYYY-MM-DD)",
    )
    assert reports[1].notes == ("no folder",)
    assert place.origins(D1) == place.origins(D2) == []


def test_the_declared_first_day_holds_over_the_first_day_of_a_run(place: Place) -> None:
    place.lake.declare_first_day(D1)
    place.publish(D1)
    place.drop("2026-01-01/activities.csv")
    place.land(D2)
    assert place.origins(D2) == ["2026-01-01/activities.csv"]


def test_what_a_killed_run_left_is_swept(place: Place) -> None:
    place.drop("2026-01-01/activities.csv", b"whole")
    left = Path(place.lake.day_path("raw/inbox", D1)) / "activities/2026-01-01-activities-half.csv"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"wh")
    place.land(D1)
    assert list(place.stored(D1).values()) == [b"whole"]
    left.write_bytes(b"wh")
    place.land(D1)
    assert list(place.stored(D1).values()) == [b"whole"]


def test_a_file_that_cannot_be_read_is_noted_and_tried_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed:
        """A file that opens and then fails, as a lost network drive's does."""

        def read(self, *_: int) -> bytes:
            raise OSError(5, "Input/output error")

        def close(self) -> None:
            """Nothing is held."""

    place.drop("2026-01-01/activities.csv", b"good")
    place.drop("2026-01-01/accounts.csv", b"bad")
    fs = type(place.lake._fs)
    real: Callable[..., object] = fs.open

    def opened(self: object, path: str, mode: str = "rb", **options: object) -> object:
        return (
            Closed() if path.endswith("inbox/2026-01-01/accounts.csv") else real(self, path, mode, **options)
        )

    with monkeypatch.context() as patch:
        patch.setattr(fs, "open", opened)
        (report,) = place.land(D1)
    assert place.origins(D1) == ["2026-01-01/activities.csv"]
    assert report.notes == (
        "2026-01-01/accounts.csv cannot be read (Input/output error); the next run tries again",
    )
    assert list(place.stored(D1).values()) == [b"good"]
    place.land(D1)
    assert place.origins(D1) == ["2026-01-01/activities.csv", "2026-01-01/accounts.csv"]


def test_a_file_that_grows_while_it_is_copied_waits(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place.drop("2026-01-01/activities.csv", b"half")
    put = place.lake.put_stream

    def slow(*arguments: object) -> object:
        result = put(*arguments)  # type: ignore[arg-type]
        path.write_bytes(b"half and the rest")
        return result

    with monkeypatch.context() as patch:
        patch.setattr(place.lake, "put_stream", slow)
        (report,) = place.land(D1)
    assert (report.files, place.files(D1), place.stored(D1)) == (0, (), {})
    assert (
        report.notes[-1] == "2026-01-01/activities.csv changed while it was copied; the next run tries again"
    )
    place.land(D1)
    assert list(place.stored(D1).values()) == [b"half and the rest"]


def test_a_full_disk_of_the_lake_stops_the_run(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.drop("2026-01-01/activities.csv")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(place.lake, "put_stream", full)
    with pytest.raises(OSError, match="No space left"):
        place.land(D1)
    assert not place.lake.exists("raw/inbox", D1)


def test_progress_names_source_day_place_and_size(place: Place) -> None:
    place.drop("2026-01-01/activities.csv", b"x" * 250_000)
    place.land(D1, D2)
    assert place.said == [
        "inbox 2026-01-01 (1 of 2): 1 files, 0.2 MB",
        "inbox 2026-01-02 (2 of 2): 0 files, 0.0 MB; no folder",
    ]


def test_a_missing_inbox_is_a_plain_error_before_anything_is_landed(tmp_path: Path) -> None:
    settings = Settings(
        _env_file=None, home=str(tmp_path / "home"), inbox=str(tmp_path / "none"), networks=("sample",)
    )
    with pytest.raises(ConnectorError, match=r"STATURE_INBOX: there is no folder .*none"):
        land_days(settings, Lake(settings.home), [D1], "run")
    assert not (tmp_path / "home").exists()


def test_the_inbox_alone_needs_an_inbox(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, home=str(tmp_path))
    with pytest.raises(ConnectorError, match="STATURE_INBOX"):
        land_source(settings, Lake(settings.home), "inbox", [D1], "run")


def test_an_inbox_and_a_home_may_be_object_stores() -> None:
    fs = fsspec.filesystem("memory")
    fs.pipe_file("/landing-inbox/2026-01-01/activities.jsonl", b"{}\n")
    settings = Settings(
        _env_file=None,
        home="memory://landing-home",
        inbox="memory://landing-inbox",
        networks=("inbox",),
    )
    lake = Lake(settings.home)
    land_days(settings, lake, [D1], "run")
    (report,) = land_days(settings, lake, [D1], "run")
    assert report.notes == ("already landed",)
    (uri,) = lake.files("raw/inbox", [D1])
    with fsspec.open(uri, "rb") as handle:
        assert handle.read() == b"{}\n"
    for root in ("/landing-home", "/landing-inbox"):
        fs.rm(root, recursive=True)


def test_a_year_of_published_days_costs_the_next_one_little(place: Place) -> None:
    days = [date.fromordinal(D1.toordinal() + n) for n in range(400)]
    for day in days:
        entries = []
        for table in ("activities", "accounts", "identity_links"):
            path = place.drop(f"{day}/{table}.csv", day.isoformat().encode())
            extra = {"origin": f"{day}/{table}.csv", "sha256": "0" * 64, "stamp": str(path.stat().st_mtime)}
            entries.append(LakeFile(f"{table}/{day}.csv", None, 10, extra))
        for table, files in (("raw/inbox", entries), ("ledger_digest", [])):
            manifest = Path(place.lake.day_path(table, day)) / "_manifest.json"
            manifest.parent.mkdir(parents=True)
            content = Manifest(table, day, tuple(files), "run", datetime.now(UTC)).as_json()
            manifest.write_text(json.dumps(content, default=str))
    place.drop(f"{days[0]}/deletions.csv")
    place.lake.declare_first_day(days[0])
    last = days[-1] + timedelta(1)
    started = time.process_time()
    (report,) = place.land(last)
    assert time.process_time() - started < 1
    assert report.files == 1
