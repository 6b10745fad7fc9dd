"""Whatever is written, committed, lost and dropped in whatever order: readers see whole days only."""

from __future__ import annotations

import shutil
import tempfile
from datetime import date

import pyarrow as pa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from spark_jobs.lake import MANIFEST, Lake, LakeFile

TABLE = "accounts"
DAYS = st.sampled_from([date(2026, 1, 1), date(2026, 1, 2)])


class LakeMachine(RuleBasedStateMachine):
    """A lake beside what it must show: the values each day holds, or None where the day is not."""

    def __init__(self) -> None:
        super().__init__()
        self.root = tempfile.mkdtemp()
        self.lake = Lake(self.root)
        self.shown: dict[date, set[int]] = {}
        self.on_disk: dict[date, dict[LakeFile, int]] = {}
        self.next_value = 0

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    @initialize()
    def start(self) -> None:
        self.on_disk = {date(2026, 1, 1): {}, date(2026, 1, 2): {}}

    @rule(day=DAYS, folder=st.sampled_from(["", "inner/"]))
    def write_and_be_killed(self, day: date, folder: str) -> None:
        file = self.lake.put_parquet(TABLE, day, pa.table({"id": [self.next_value]}), folder)
        self.on_disk[day][LakeFile(file.name, file.rows, file.bytes)] = self.next_value
        self.next_value += 1

    @rule(day=DAYS, data=st.data())
    def commit_some(self, day: date, data: st.DataObject) -> None:
        there = sorted(self.on_disk[day], key=lambda file: file.name)
        chosen = [file for file in there if data.draw(st.booleans())]
        self.lake.commit(TABLE, day, chosen, "run")
        self.on_disk[day] = {file: self.on_disk[day][file] for file in chosen}
        self.shown[day] = set(self.on_disk[day].values())

    @rule(day=DAYS)
    def adopt_all(self, day: date) -> None:
        manifest = self.lake.manifest(TABLE, day)
        files = [*(manifest.files if manifest else ()), *self.lake.adopt(TABLE, day)]
        self.lake.commit(TABLE, day, files, "run")
        names = {file.name for file in files}
        self.on_disk[day] = {file: v for file, v in self.on_disk[day].items() if file.name in names}
        self.shown[day] = set(self.on_disk[day].values())

    @rule(day=DAYS)
    def clear_leftovers(self, day: date) -> None:
        self.lake.discard_uncommitted(TABLE, [day])
        named = self.shown.get(day, set())
        self.on_disk[day] = {file: v for file, v in self.on_disk[day].items() if v in named}

    @rule(day=DAYS)
    def drop(self, day: date) -> None:
        self.lake.drop_day(TABLE, day)
        self.on_disk[day] = {}
        self.shown.pop(day, None)

    @invariant()
    def readers_see_what_was_committed(self) -> None:
        assert self.lake.days(TABLE) == sorted(self.shown)
        for day, values in self.shown.items():
            read = self.lake.read_arrow(TABLE, day)
            assert read is not None
            assert (set(read["id"].to_pylist()) if read.num_columns else set()) == values
            manifest = self.lake.manifest(TABLE, day)
            assert manifest is not None
            assert manifest.rows == len(values)

    @invariant()
    def the_disk_holds_what_it_should(self) -> None:
        for day, files in self.on_disk.items():
            folder = self.lake.day_path(TABLE, day)
            found = {path[len(folder) + 1 :] for path in self.lake._find(folder)} - {MANIFEST}
            assert found == {file.name for file in files}


LakeMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestLake = LakeMachine.TestCase
