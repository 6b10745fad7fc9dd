"""The sample community through the road that every network takes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.connectors.community import CommunitySettings, simulate_day
from orchestration.connectors.inbox import input_tables
from orchestration.connectors.landing import land_days
from orchestration.settings import Settings
from spark_jobs.lake import Lake

D1 = date(2026, 3, 1)
DAYS = [D1 + timedelta(n) for n in range(4)]


def settings(home: Path, **others: object) -> Settings:
    return Settings(_env_file=None, home=str(home), sample_people=80, **others)  # type: ignore[arg-type]


def tables(lake: Lake, day: date) -> dict[str, pa.Table]:
    manifest = lake.manifest("raw/sample", day)
    assert manifest is not None
    folder = Path(lake.day_path("raw/sample", day))
    return {str(f.extra["table"]): pq.ParquetFile(folder / f.name).read() for f in manifest.files}


def contents(lake: Lake) -> dict[date, list[tuple[str, str]]]:
    manifests = lake.manifests("raw/sample")
    return {day: [(f.name, f.extra["sha256"]) for f in m.files] for day, m in manifests.items()}


def test_what_lands_is_what_the_community_delivers(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    reports = land_days(settings(tmp_path), lake, DAYS, "run")
    community = CommunitySettings(people=80, seed=7, first_day=D1)
    for day, report in zip(DAYS, reports, strict=True):
        delivered = simulate_day(community, day)
        landed = tables(lake, day)
        assert set(landed) == set(delivered) <= input_tables()
        for name, table in delivered.items():
            assert landed[name].cast(table.schema).equals(table)
        assert report.rows == sum(table.num_rows for table in delivered.values())


def test_a_day_is_the_same_alone_and_in_a_range(tmp_path: Path) -> None:
    whole, alone = Lake(str(tmp_path / "whole")), Lake(str(tmp_path / "alone"))
    land_days(settings(tmp_path / "whole"), whole, DAYS, "run")
    land_days(settings(tmp_path / "alone", first_day=D1), alone, DAYS[2:3], "run")
    assert contents(alone)[DAYS[2]] == contents(whole)[DAYS[2]]


def test_the_community_begins_on_the_declared_first_day(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    lake.declare_first_day(D1)
    land_days(settings(tmp_path), lake, DAYS[1:], "run")
    community = CommunitySettings(people=80, seed=7, first_day=D1)
    assert (
        tables(lake, DAYS[1])["activities"].num_rows
        == simulate_day(community, DAYS[1])["activities"].num_rows
    )


def test_size_and_seed_are_settings(tmp_path: Path) -> None:
    rows = []
    for name, people, seed in (("a", 80, 7), ("b", 80, 8), ("c", 160, 7)):
        chosen = Settings(_env_file=None, home=str(tmp_path / name), sample_people=people, sample_seed=seed)
        (report,) = land_days(chosen, Lake(chosen.home), [D1], "run")
        rows.append(report.rows or 0)
    assert rows[0] != rows[1]
    assert rows[2] > 1.5 * rows[0]


def test_simulated_people_beside_an_inbox_are_warned_of_unless_asked_for(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    warning = "simulated people beside your inbox: STATURE_NETWORKS=inbox leaves them out"
    for others, expected in (({}, [(warning,), ()]), ({"networks": ("sample",)}, [(), ()])):
        home = tmp_path / f"home{len(others)}"
        chosen = settings(home, inbox=str(tmp_path / "inbox"), **others)
        reports = land_days(chosen, Lake(str(home)), DAYS[:2], "run")
        assert [report.notes for report in reports if report.source == "sample"] == expected


LAND = """
import sys
from datetime import date, timedelta
from orchestration.connectors.landing import land_days
from orchestration.settings import Settings
from spark_jobs.lake import Lake

settings = Settings(_env_file=None, home=sys.argv[1], sample_people=80)
days = [date(2026, 3, 1) + timedelta(n) for n in range(40)]
land_days(settings, Lake(settings.home), days, "killed", lambda text: print(text, flush=True))
"""


def test_a_landing_killed_at_any_moment_is_finished_by_the_next(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    run = subprocess.Popen(
        [sys.executable, "-c", LAND, str(tmp_path / "killed")],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(root)}, cwd=tmp_path,
    )  # fmt: skip
    assert run.stdout is not None
    for _ in range(2):
        assert run.stdout.readline().startswith("sample 2026-03-0")
    run.send_signal(signal.SIGKILL)
    run.wait(10)
    run.stdout.close()
    killed, whole = Lake(str(tmp_path / "killed")), Lake(str(tmp_path / "whole"))
    landed = len(killed.days("raw/sample"))
    assert 2 <= landed < 40
    days = [D1 + timedelta(n) for n in range(landed + 2)]
    land_days(settings(tmp_path / "killed"), killed, days, "after")
    land_days(settings(tmp_path / "whole"), whole, days, "run")
    assert contents(killed) == contents(whole)
    named = {f"{day}/{name}" for day, files in contents(killed).items() for name, _ in files}
    stored = {str(path.relative_to(killed.table_path("raw/sample"))).removeprefix("day=")
              for path in Path(killed.table_path("raw/sample")).rglob("*.parquet")}  # fmt: skip
    assert stored == named
    assert not any((tmp_path / "killed/dlt").iterdir())


def test_ten_days_of_two_thousand_people_land_in_time(tmp_path: Path) -> None:
    chosen = Settings(_env_file=None, home=str(tmp_path))
    started = time.process_time()
    land_days(chosen, Lake(chosen.home), [D1 + timedelta(n) for n in range(10)], "run")
    assert time.process_time() - started < 5  # a third of what a month may cost
