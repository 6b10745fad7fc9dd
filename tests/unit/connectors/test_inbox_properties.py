"""Whatever comes into the inbox in whatever order: every version of a file lands once, nothing is undone."""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import date
from pathlib import Path

import pyarrow as pa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from orchestration.connectors.landing import land_days
from orchestration.settings import Settings
from spark_jobs.lake import Lake

DAYS = [date(2026, 1, n) for n in range(1, 6)]
NAMES = ["activities.csv", "Activities-2.csv", "budget.xlsx"]
FOLDERS = st.sampled_from([date(2025, 12, 31), *DAYS])


class InboxMachine(RuleBasedStateMachine):
    """Files come, change and go; days are landed and published in order."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.inbox = self.root / "inbox"
        self.inbox.mkdir()
        self.settings = Settings(
            _env_file=None, home=str(self.root / "home"), inbox=str(self.inbox), networks=("inbox",)
        )
        self.lake = Lake(self.settings.home)
        self.published = 0
        self.clock = 1_000
        self.seen: dict[date, list[tuple[str, str]]] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    @initialize()
    def begin(self) -> None:
        self.lake.declare_first_day(DAYS[0])

    @rule(folder=FOLDERS, name=st.sampled_from(NAMES), content=st.sampled_from(["a", "bb", "ccc"]))
    def drop(self, folder: date, name: str, content: str) -> None:
        path = self.inbox / str(folder) / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        self.clock += 1
        os.utime(path, (self.clock, self.clock))

    @rule(folder=FOLDERS, name=st.sampled_from(NAMES))
    def remove(self, folder: date, name: str) -> None:
        (self.inbox / str(folder) / name).unlink(missing_ok=True)

    @rule(count=st.integers(1, 3))
    def land(self, count: int) -> None:
        there = self.there()
        upto = DAYS[self.published : self.published + count]
        reports = land_days(self.settings, self.lake, upto, "run")
        assert [report.day for report in reports] == upto
        if upto:
            landed = {version for day in self.lake.days("raw/inbox") for version in self.day(day)}
            expected = {v for folder, v in there if DAYS[0] <= folder <= upto[-1]}
            assert expected <= landed

    @rule()
    def publish(self) -> None:
        if self.published < len(DAYS) and self.lake.exists("raw/inbox", DAYS[self.published]):
            self.lake.write_arrow("ledger_digest", DAYS[self.published], pa.table({"sequence": [1]}), "run")
            self.published += 1

    @rule(day=st.sampled_from(DAYS))
    def land_a_published_day(self, day: date) -> None:
        if day in DAYS[: self.published]:
            before = self.lake.manifest("raw/inbox", day)
            land_days(self.settings, self.lake, [day], "run")
            assert self.lake.manifest("raw/inbox", day) == before

    def there(self) -> list[tuple[date, tuple[str, str]]]:
        return [
            (date.fromisoformat(path.parent.name), (f"{path.parent.name}/{path.name}", path.read_text()))
            for path in self.inbox.glob("*/*")
        ]

    def day(self, day: date) -> list[tuple[str, str]]:
        """Origin and content of a raw day's files, in its order."""
        manifest = self.lake.manifest("raw/inbox", day)
        folder = Path(self.lake.day_path("raw/inbox", day))
        files = manifest.files if manifest else ()
        return [(file.extra["origin"], (folder / file.name).read_text()) for file in files]

    @invariant()
    def raw_days_only_gain(self) -> None:
        for day in DAYS:
            now = self.day(day)
            before = self.seen.get(day, [])
            assert now[: len(before)] == before
            self.seen[day] = now

    @invariant()
    def no_version_lands_twice_and_none_from_before_the_first_day(self) -> None:
        landed = [version for day in DAYS for version in self.day(day)]
        assert len(landed) == len(set(landed))
        assert all(origin >= str(DAYS[0]) for origin, _ in landed)

    @invariant()
    def every_file_is_named_by_its_manifest(self) -> None:
        for day in DAYS:
            folder = Path(self.lake.day_path("raw/inbox", day))
            stored = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
            manifest = self.lake.manifest("raw/inbox", day)
            named = {file.name for file in manifest.files} if manifest else set()
            assert stored - {"_manifest.json"} == named


InboxMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestInbox = InboxMachine.TestCase
