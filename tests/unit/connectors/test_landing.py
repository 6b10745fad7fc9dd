"""Landing a network through dlt: any connector, its rows as they are, its failures, its surroundings."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dlt
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestration.connectors import registry
from orchestration.connectors.landing import LandingReport, land_days, land_source
from orchestration.connectors.pull import _keep
from orchestration.connectors.registry import ConnectorError, Pull, connector, is_asked, source_names
from orchestration.settings import Settings
from spark_jobs.lake import Lake

D1, D2, D3 = (date(2026, 1, n) for n in (1, 2, 3))

ROWS = pa.table(
    {
        "network": pa.array(["toy", "toy"]),
        "Weird Name": pa.array([None, "ü"], pa.string()),
        "occurred_at": pa.array(
            [datetime(2026, 1, 1, 1, 2, 3, 456789, UTC), None], pa.timestamp("us", "UTC")
        ),
        "topics": pa.array([["a", "b"], []], pa.list_(pa.string())),
        "followers": pa.array([1, None], pa.int64()),
        "late_days": pa.array([1, 2], pa.int32()),
        "verified": pa.array([True, None]),
        "share": pa.array([0.1, None], pa.float64()),
        "day": pa.array([D1, None], pa.date32()),
    }
)

Tables = Callable[[Pull], Iterator[Any]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, home=str(tmp_path / "home"), networks=("toy",))


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return Lake(settings.home)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Callable[[Tables], None]:
    """A network made on the spot: a module with a dlt source, and one line in the registry."""

    def register(tables: Tables) -> None:
        module = types.ModuleType("toy_network")

        def source(pull: Pull) -> Any:
            @dlt.source(name="toy")
            def network() -> Any:
                return dlt.resource(lambda: tables(pull), name="toy")

            return network()

        vars(module)["source"] = source
        monkeypatch.setitem(sys.modules, "toy_network", module)
        monkeypatch.setattr(registry, "CONNECTORS", {**registry.CONNECTORS, "toy": "toy_network"})

    return register


def rows_of(lake: Lake, source: str, day: date, table: str) -> list[dict[str, Any]]:
    manifest = lake.manifest(f"raw/{source}", day)
    assert manifest is not None
    rows: list[dict[str, Any]] = []
    for file in manifest.files:
        if file.extra["table"] == table:
            with lake.open(f"{lake.day_path(f'raw/{source}', day)}/{file.name}") as handle:
                rows += pq.read_table(handle).to_pylist()
    return rows


def test_arrow_tables_land_as_they_are(settings: Settings, lake: Lake, toy: Callable[[Tables], None]) -> None:
    toy(lambda pull: iter([dlt.mark.with_table_name(ROWS, "activities")]))
    said: list[str] = []
    (report,) = land_days(settings, lake, [D1], "run", said.append)
    manifest = lake.manifest("raw/toy", D1)
    assert manifest is not None
    (file,) = manifest.files
    path = Path(lake.day_path("raw/toy", D1)) / file.name
    assert file.name == f"activities/part-{file.extra['sha256'][:12]}-1.parquet"
    assert report == LandingReport(D1, "toy", 1, file.bytes, 2, ())
    assert said == [f"toy 2026-01-01 (1 of 1): 1 files, 2 rows, {file.bytes / 1e6:.1f} MB"]
    assert dict(file.extra) == {
        "table": "activities",
        "format": "parquet",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "delivered": "2026-01-01",
        "origin": f"toy/2026-01-01/{file.name}",
    }
    read = pq.ParquetFile(path)
    assert read.read().cast(ROWS.schema).equals(ROWS)
    types_read = {name: str(read.schema_arrow.field(name).type) for name in read.schema_arrow.names}
    assert types_read == {
        name: str(ROWS.schema.field(name).type).replace("item:", "element:") for name in ROWS.schema.names
    }
    assert read.metadata.row_group(0).column(0).compression == "ZSTD"


def test_several_tables_and_several_parts_of_one(
    settings: Settings, lake: Lake, toy: Callable[[Tables], None]
) -> None:
    def tables(pull: Pull) -> Iterator[Any]:
        for name in ("activities", "accounts", "activities"):
            yield dlt.mark.with_table_name(ROWS, name)

    toy(tables)
    (report,) = land_days(settings, lake, [D1], "run")
    assert report.rows == 6
    assert len(rows_of(lake, "toy", D1, "activities")) == 4
    assert len(rows_of(lake, "toy", D1, "accounts")) == 2


def test_a_table_whose_columns_grow_loses_nothing(
    settings: Settings, lake: Lake, toy: Callable[[Tables], None]
) -> None:
    def tables(pull: Pull) -> Iterator[Any]:
        columns: dict[str, list[int]] = {}
        for number in range(6):
            columns[f"column_{number}"] = [number] * 6_000
            yield dlt.mark.with_table_name(pa.table(columns), "posts")

    toy(tables)
    (report,) = land_days(settings, lake, [D1], "run")
    rows = rows_of(lake, "toy", D1, "posts")
    assert report.rows == len(rows) == 36_000
    filled = [sum(row[f"column_{number}"] == number for row in rows) for number in range(6)]
    assert filled == [36_000, 30_000, 24_000, 18_000, 12_000, 6_000]


def test_two_files_of_the_same_content_are_two_files(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(ROWS, path)
    first = _keep("toy", lake, D1, path, "posts", set())
    second = _keep("toy", lake, D1, path, "posts", {first.name})
    assert first.name != second.name
    assert first.extra["sha256"] == second.extra["sha256"]
    assert _keep("toy", lake, D1, path, "posts", set()).name == first.name


def test_rows_land_without_columns_of_dlts_own(
    settings: Settings, lake: Lake, toy: Callable[[Tables], None]
) -> None:
    answers = [
        {"url": f"https://toy.example/{n}", "status": 200, "body": json.dumps({"id": n}),
         "received_at": datetime(2026, 1, 1, n, tzinfo=UTC)}
        for n in range(3)
    ]  # fmt: skip
    toy(lambda pull: iter([dlt.mark.with_table_name(answer, "answers") for answer in answers]))
    land_days(settings, lake, [D1], "run")
    assert rows_of(lake, "toy", D1, "answers") == answers


def test_each_day_is_asked_for_alone_and_once(
    settings: Settings, lake: Lake, toy: Callable[[Tables], None]
) -> None:
    asked: list[tuple[date, date]] = []

    def tables(pull: Pull) -> Iterator[Any]:
        asked.append((pull.day, pull.first_day))
        yield dlt.mark.with_table_name(pa.table({"day": [pull.day]}), "accounts")

    toy(tables)
    land_days(settings, lake, [D2, D1, D1], "run")
    before = [lake.manifest("raw/toy", day) for day in (D1, D2)]
    reports = land_days(settings, lake, [D1, D2, D3], "again")
    assert asked == [(D1, D1), (D2, D1), (D3, D1)]
    assert [report.notes for report in reports] == [("already landed",), ("already landed",), ()]
    assert [lake.manifest("raw/toy", day) for day in (D1, D2)] == before
    assert rows_of(lake, "toy", D2, "accounts") == [{"day": D2}]


def test_a_published_day_is_never_pulled(
    settings: Settings, lake: Lake, toy: Callable[[Tables], None]
) -> None:
    toy(lambda pull: iter([dlt.mark.with_table_name(ROWS, "accounts")]))
    lake.write_arrow("ledger_digest", D1, pa.table({"sequence": [1]}), "run")
    reports = land_days(settings, lake, [D1, D2], "run")
    assert reports[0] == LandingReport(D1, "toy", notes=("already published",))
    assert lake.days("raw/toy") == [D2]


def test_a_day_on_which_nothing_happened_exists_without_files(
    settings: Settings, lake: Lake, toy: Callable[[Tables], None]
) -> None:
    toy(lambda pull: iter([]))
    (report,) = land_days(settings, lake, [D1], "run")
    assert report == LandingReport(D1, "toy", 0, 0, 0, ("nothing delivered",))
    assert lake.exists("raw/toy", D1)


def test_a_failure_names_network_day_and_cause_and_keeps_the_days_before(
    settings: Settings, lake: Lake, toy: Callable[[Tables], None], capfd: pytest.CaptureFixture[str]
) -> None:
    down = True

    def tables(pull: Pull) -> Iterator[Any]:
        yield dlt.mark.with_table_name(ROWS, "accounts")
        if down and pull.day == D2:
            raise ConnectionError("toy.example does not answer")

    toy(tables)
    with pytest.raises(ConnectorError) as failure:
        land_days(settings, lake, [D1, D2, D3], "run")
    assert capfd.readouterr() == ("", "")
    assert str(failure.value) == (
        "toy could not be landed for 2026-01-02: ConnectionError: toy.example does not answer"
    )
    assert lake.days("raw/toy") == [D1]
    assert not any((Path(settings.home) / "dlt").iterdir())
    down = False
    reports = land_days(settings, lake, [D1, D2, D3], "run")
    assert [report.files for report in reports] == [0, 1, 1]
    assert len(rows_of(lake, "toy", D2, "accounts")) == 2


def test_a_plain_error_of_a_connector_is_passed_on_as_it_is(
    settings: Settings, lake: Lake, toy: Callable[[Tables], None]
) -> None:
    def tables(pull: Pull) -> Iterator[Any]:
        raise ConnectorError("STATURE_TOY_TOKEN has expired")
        yield

    toy(tables)
    with pytest.raises(
        ConnectorError, match=r"^toy could not be .* 2026-01-01: STATURE_TOY_TOKEN has expired$"
    ):
        land_days(settings, lake, [D1], "run")


def test_a_failing_lake_is_the_cause_that_is_named(
    settings: Settings, lake: Lake, toy: Callable[[Tables], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    toy(lambda pull: iter([dlt.mark.with_table_name(ROWS, "accounts")]))
    monkeypatch.setattr(lake, "put_stream", full)
    with pytest.raises(ConnectorError, match=r"No space left on device$"):
        land_days(settings, lake, [D1], "run")
    assert not lake.exists("raw/toy", D1)


def test_copies_that_a_killed_run_left_do_not_outlive_the_next(
    settings: Settings, lake: Lake, toy: Callable[[Tables], None]
) -> None:
    toy(lambda pull: iter([dlt.mark.with_table_name(ROWS, "accounts")]))
    left_by_dlt = Path(settings.home) / "dlt/toy/toy/load/new/1/accounts.parquet"
    left_in_raw = Path(lake.day_path("raw/toy", D1)) / "posts/part-0000.parquet"
    for left in (left_by_dlt, left_in_raw):
        left.parent.mkdir(parents=True)
        left.write_bytes(b"half a file")
    land_days(settings, lake, [D1], "run")
    assert not left_by_dlt.exists()
    assert not left_in_raw.exists()
    assert [path.name for path in Path(settings.home).iterdir()] in (["dlt", "lake"], ["lake", "dlt"])
    assert not any((Path(settings.home) / "dlt").iterdir())


def test_a_home_may_be_an_object_store(toy: Callable[[Tables], None]) -> None:
    toy(lambda pull: iter([dlt.mark.with_table_name(ROWS, "accounts")]))
    settings = Settings(_env_file=None, home="memory://toy-home", networks=("toy",))
    lake = Lake(settings.home)
    land_days(settings, lake, [D1], "run")
    assert len(rows_of(lake, "toy", D1, "accounts")) == 2
    fsspec.filesystem("memory").rm("/toy-home", recursive=True)


def test_reports_come_by_day_and_then_by_source(
    settings: Settings, lake: Lake, toy: Callable[[Tables], None], tmp_path: Path
) -> None:
    toy(lambda pull: iter([dlt.mark.with_table_name(ROWS, "accounts")]))
    (tmp_path / "inbox/2026-01-02").mkdir(parents=True)
    (tmp_path / "inbox/2026-01-02/accounts.csv").write_text("id\n")
    both = settings.model_copy(update={"inbox": str(tmp_path / "inbox")})
    reports = land_days(both, lake, [D2, D1], "run")
    assert [(r.day, r.source, r.files) for r in reports] == [
        (D1, "toy", 1), (D1, "inbox", 0), (D2, "toy", 1), (D2, "inbox", 1),
    ]  # fmt: skip
    assert land_source(both, lake, "inbox", [], "run") == []


def test_sources_follow_the_settings(tmp_path: Path) -> None:
    def named(networks: tuple[str, ...], inbox: str | None = None) -> tuple[str, ...]:
        return source_names(Settings(_env_file=None, home=str(tmp_path), networks=networks, inbox=inbox))

    assert named(("sample",)) == ("sample",)
    assert named(("sample", "sample"), "in") == ("sample", "inbox")
    assert named(("inbox",), "in") == ("inbox",)
    assert named(("inbox", "sample"), "in") == ("sample", "inbox")
    with pytest.raises(ConnectorError, match="set STATURE_INBOX"):
        named(("inbox",))


def test_an_unknown_network_is_named_beside_the_known_before_anything_is_landed(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, home=str(tmp_path / "home"), networks=("sample", "myspace", "orkut"))
    with pytest.raises(ConnectorError) as error:
        land_days(settings, Lake(settings.home), [D1], "run")
    assert str(error.value) == (
        "STATURE_NETWORKS: there is no connector 'myspace', 'orkut'. There are: "
        + ", ".join([*sorted(registry.CONNECTORS), "inbox."])
    )
    with pytest.raises(ConnectorError, match="there is no connector 'myspace'"):
        land_source(settings, Lake(settings.home), "myspace", [D1], "run")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("name", registry.CONNECTORS)
def test_every_registered_connector_offers_what_landing_asks_for(name: str) -> None:
    module = connector(name)
    if not is_asked(module):
        assert callable(module.source)
        return
    assert module.NETWORK.name == name
    assert all(callable(getattr(module, offered)) for offered in ("pull", "rows", "kept", "check"))
    settings = Settings(_env_file=None)
    assert all(hasattr(settings, setting) for setting in (*module.NETWORK.needs, *module.NETWORK.optional))


HOSTILE = """
[runtime]
dlthub_telemetry = true
log_level = "DEBUG"
[data_writer]
compression = "gzip"
"""

ISOLATED = """
import socket, sys
from datetime import date

def refused(*_):
    print("CALLED OUT")
    raise OSError("no network here")

socket.socket.connect = refused
socket.getaddrinfo = refused
from orchestration.connectors.landing import land_days
from orchestration.settings import Settings
from spark_jobs.lake import Lake

assert "dlt" not in sys.modules, "dlt is imported before anything is pulled"
settings = Settings(_env_file=None, home=sys.argv[1], networks=("sample",), sample_people=20)
land_days(settings, Lake(settings.home), [date(2026, 1, 1)], "run")

from dlt.common.runtime import anon_tracker, run_context

assert anon_tracker._ANON_TRACKER_ENDPOINT is None
assert not run_context.active().runtime_config.dlthub_telemetry
assert run_context.active().global_dir.startswith(sys.argv[1])
"""


def test_dlt_reads_nothing_of_the_machine_and_calls_nobody(tmp_path: Path) -> None:
    for folder in (tmp_path / "user/.dlt", tmp_path / "work/.dlt"):
        folder.mkdir(parents=True)
        for name in ("config.toml", "secrets.toml"):
            (folder / name).write_text(HOSTILE)
    root = Path(__file__).resolve().parents[3]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "user"),
        "PYTHONPATH": str(root),
        "DATA_WRITER__COMPRESSION": "gzip",
        "RUNTIME__DLTHUB_TELEMETRY": "true",
        "DLT_DATA_DIR": str(tmp_path / "elsewhere"),
    }
    home = tmp_path / "home"
    run = subprocess.run(
        [sys.executable, "-c", ISOLATED, str(home)],
        cwd=tmp_path / "work", env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    (path,) = home.glob("lake/raw/sample/day=2026-01-01/accounts/*.parquet")
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"
    assert not (tmp_path / "elsewhere").exists()
    assert sorted(path.name for path in (tmp_path / "user/.dlt").iterdir()) == ["config.toml", "secrets.toml"]
