"""One chunk of days through conform: each table's rows judged, deduplicated, counted and written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import reduce

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession

from spark_jobs.contracts import Dataset, contract, contracts
from spark_jobs.jobs.conform_files import Readable, Unreadable
from spark_jobs.jobs.conform_lake import (
    commit_days,
    days_before,
    history,
    lake_columns,
    past_follows,
    privacy_requests,
    put_unreadable,
    write_counts,
    write_days,
)
from spark_jobs.jobs.conform_reading import groups, read_cells, readable_name
from spark_jobs.lake import Lake
from spark_jobs.schemas import lake_schema
from spark_jobs.transforms.conform import follows, topics
from spark_jobs.transforms.conform.counting import (
    TableCount,
    Tally,
    UnbalancedError,
    count,
    tally,
    unknown_names,
)
from spark_jobs.transforms.conform.duplicates import LOOK_BACK_DAYS, last_seen, mark_duplicates
from spark_jobs.transforms.conform.judging import QUARANTINED, good_rows, judge, refused_rows
from spark_jobs.transforms.conform.positions import blocks, number_rows
from spark_jobs.transforms.conform.suppression import (
    ERASED_SCHEMA,
    erased_periods,
    subjects,
    suppress,
    without_erased,
)

ACTIVITIES, PRIVACY, FOLLOW_STATE, QUARANTINE = "activities", "privacy_requests", "follow_state", "quarantine"
_TINY_BYTES = 8 << 20  # raw bytes of a table that one task does sooner than a shuffle
_FEW_BYTES = 64 << 20  # raw bytes of a table whose keys every executor can hold
_AT_ONCE = 3  # tables under way: each waits for the driver much of the time


def input_tables() -> list[Dataset]:
    """The datasets that are delivered, each a table of the lake as well."""
    return [dataset for dataset in contracts().values() if dataset.layer == "input"]


def written_tables() -> list[str]:
    """Every table that conform writes; the last one marks a day as conformed."""
    return [*(d.name for d in input_tables()), QUARANTINE, FOLLOW_STATE, "conform_count"]


@dataclass
class Judged:
    """A table's rows with their fate, and what was counted of them."""

    frame: DataFrame
    tallies: list[Tally]

    @property
    def refused(self) -> bool:
        return any(t.fate == QUARANTINED and t.step == "judged" for t in self.tallies)

    @property
    def refused_lines(self) -> bool:
        return any(t.fate == QUARANTINED and t.from_text for t in self.tallies)


@dataclass
class Chunk:
    """Days that go through together, and the files delivered on them."""

    session: SparkSession
    lake: Lake
    days: Sequence[date]
    files: Sequence[Readable]
    unreadable: Sequence[Unreadable]
    run_id: str
    say: Callable[[str], None]
    erased: DataFrame | None = None
    judged: dict[str, Judged] = field(default_factory=dict)
    _held: list[DataFrame] = field(default_factory=list)

    def run(self) -> list[TableCount]:
        """Write every table of these days; their counts."""
        for table in written_tables():
            self.lake.discard_uncommitted(table, self.days)
        try:
            self._table(contract(PRIVACY))
            self._find_erased()
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                # The largest first, so that the others run beside it.
                rest = sorted((d for d in input_tables() if d.name != PRIVACY), key=self._bytes, reverse=True)
                list(pool.map(self._table, rest))
            self._quarantine()
            counts = self._counts()
        finally:
            for frame in self._held:
                frame.unpersist()
        write_counts(self.lake, self.days, counts, self.run_id)
        return counts

    # --- one table ----------------------------------------------------------------------------

    def _table(self, dataset: Dataset) -> None:
        files = [readable for readable in self.files if readable.file.table == dataset.name]
        accepted = 0
        if files:
            accepted = self._rows(dataset, files)
        elif dataset.name == ACTIVITIES:
            self._follow_state(None, None, one_part=True)
        written = commit_days(self.lake, dataset.name, self.days, self.run_id)
        if sum(written.values()) != accepted:
            raise UnbalancedError(
                f"{dataset.name}: {accepted} rows accepted, {sum(written.values())} written"
            )

    def _rows(self, dataset: Dataset, files: Sequence[Readable]) -> int:
        """Judge, count and write the rows of a table; how many were accepted."""
        size = self._bytes(dataset)
        one_part, few = size <= _TINY_BYTES, size <= _FEW_BYTES
        judged = self._hold(self._judge(dataset, files, one_part))
        rows = good_rows(judged, dataset)
        kept = self._hold(mark_duplicates(rows, dataset, self._seen(dataset, rows, few)))
        if dataset.name != ACTIVITIES:
            tallies = self._tally(dataset, files, judged, kept)
            accepted = kept
        else:
            past = past_follows(self.session, self.lake, self.days[0])
            events = kept.where(f"NOT duplicate AND {follows.IS_FOLLOW}").drop("duplicate")
            recent = None if past is None else follows.of_pairs(past, events, few=few)
            marked = self._hold(follows.mark_standing(events, recent))
            others = kept.where(f"duplicate OR NOT ({follows.IS_FOLLOW})")
            tallies = self._tally(dataset, files, judged, others.unionByName(marked))
            self._follow_state(marked.where("NOT duplicate"), past, one_part=one_part)
            filled = topics.inherit(
                others.where("NOT duplicate"), self._stored_content(), few=few, settle=_settle
            )
            accepted = filled.unionByName(marked)
        self.judged[dataset.name] = Judged(judged, tallies)
        number = sum(t.rows for t in tallies if t.fate == "accepted")
        if number:
            final = accepted.where("NOT duplicate").selectExpr(*lake_columns(dataset))
            one = one_part and dataset.name != ACTIVITIES
            write_days(final, self.lake, dataset.name, dataset.key, one_part=one)
        self.say(
            f"{dataset.name}: {number} of {sum(t.rows for t in tallies if t.step == 'judged')} rows accepted"
        )
        return number

    def _judge(self, dataset: Dataset, files: Iterable[Readable], one_part: bool) -> DataFrame:
        people = subjects(dataset) if self.erased is not None else []
        frames = [
            judge(read_cells(self.session, self.lake, group, dataset), dataset, people)
            for group in groups(files)
        ]
        judged = reduce(DataFrame.unionByName, frames)
        if self.erased is not None and people:
            judged = suppress(judged, self.erased)
        return judged.coalesce(1) if one_part else judged

    def _seen(self, dataset: Dataset, rows: DataFrame, few: bool) -> DataFrame | None:
        before = days_before(self.days[0], LOOK_BACK_DAYS)
        past = history(self.session, self.lake, dataset.name, dataset.key, before)
        return None if past is None else last_seen(past, rows, dataset, few=few)

    def _tally(
        self, dataset: Dataset, files: Iterable[Readable], judged: DataFrame, kept: DataFrame
    ) -> list[Tally]:
        tallies = [Tally(**row.asDict()) for row in tally(judged, kept).collect()]
        footers = sum(readable.rows or 0 for readable in files)
        read = sum(t.rows for t in tallies if t.step == "judged" and not t.from_text)
        if read != footers:
            raise UnbalancedError(
                f"{dataset.name}: the Parquet footers count {footers} rows, {read} were read"
            )
        return tallies

    def _stored_content(self) -> DataFrame | None:
        columns = [*(name for name in topics.CONTENT if name != "day"), "kind"]
        before = days_before(self.days[0], LOOK_BACK_DAYS)
        stored = history(self.session, self.lake, ACTIVITIES, columns, before)
        return None if stored is None else stored.where(topics.IS_CONTENT)

    def _follow_state(self, accepted: DataFrame | None, past: DataFrame | None, *, one_part: bool) -> None:
        """Write follow_state whole on its days, and say on the others which day is whole."""
        whole = [day for day in self.days if follows.is_snapshot_day(day)]
        if whole:
            if past is None and accepted is None:
                past = past_follows(self.session, self.lake, self.days[0])
            frames = [frame.select(*follows.EVENT) for frame in (accepted, past) if frame is not None]
            if frames:
                state = follows.standing(reduce(DataFrame.unionByName, frames), whole)
                if self.erased is not None:
                    people = subjects(contract(ACTIVITIES))
                    state = without_erased(state, self.erased, people)
                write_days(state, self.lake, FOLLOW_STATE, follows.STATE[:3], one_part=False)
        notes = {day: {"whole": day in whole} for day in self.days}
        commit_days(self.lake, FOLLOW_STATE, self.days, self.run_id, notes)

    # --- all tables ---------------------------------------------------------------------------

    def _find_erased(self) -> None:
        periods = erased_periods(privacy_requests(self.lake, self.days[-1]))
        if periods:
            rows = [(p.subject, p.first_day, p.end_day) for p in periods]
            self.erased = self.session.createDataFrame(rows, ERASED_SCHEMA)

    def _quarantine(self) -> None:
        put_unreadable(self.lake, self.unreadable)
        refused = [refused_rows(j.frame, table) for table, j in self.judged.items() if j.refused]
        if refused:
            lines = [blocks(j.frame, table) for table, j in self.judged.items() if j.refused_lines]
            all_lines = reduce(DataFrame.unionByName, lines) if lines else None
            rows = number_rows(reduce(DataFrame.unionByName, refused), all_lines)
            columns = [
                f"{readable_name('file')} AS file" if n == "file" else n
                for n in lake_schema(QUARANTINE).names
            ]
            order = ["source", "table_name", "file", "row_number"]
            write_days(rows.selectExpr(*columns, "day"), self.lake, QUARANTINE, order, one_part=False)
        written = commit_days(self.lake, QUARANTINE, self.days, self.run_id)
        expected = len(self.unreadable) + sum(
            t.rows for j in self.judged.values() for t in j.tallies if t.fate == QUARANTINED
        )
        if sum(written.values()) != expected:
            raise UnbalancedError(f"quarantine: {expected} rows refused, {sum(written.values())} written")

    def _counts(self) -> list[TableCount]:
        unreadable: dict[str, dict[tuple[date, str], int]] = defaultdict(lambda: defaultdict(int))
        unknown: dict[str, dict[tuple[date, str], set[str]]] = defaultdict(lambda: defaultdict(set))
        delivered: dict[str, set[tuple[date, str]]] = defaultdict(set)
        for file in [each.file for each in self.files] + [each.file for each in self.unreadable]:
            delivered[file.table].add((file.day, file.source))
        for broken in self.unreadable:
            unreadable[broken.file.table][broken.file.day, broken.file.source] += 1
        for readable in self.files:
            unknown[readable.file.table][readable.file.day, readable.file.source].update(readable.unknown)
        for table, names in self._unknown_keys().items():
            for place, found in names.items():
                unknown[table][place] |= found
        counts = []
        for table, places in sorted(delivered.items()):
            tallies = self.judged[table].tallies if table in self.judged else []
            counts += count(table, tallies, unreadable[table], unknown[table], places)
        return counts

    def _unknown_keys(self) -> Mapping[str, Mapping[tuple[date, str], set[str]]]:
        """Keys of JSON lines that the contracts do not know, by table, day and source."""
        found: dict[str, dict[tuple[date, str], set[str]]] = {}
        for table, judged in self.judged.items():
            if any(t.unknown for t in judged.tallies):
                places: dict[tuple[date, str], set[str]] = defaultdict(set)
                for day, source, name in unknown_names(judged.frame).collect():
                    places[day, source].add(name)
                found[table] = places
        return found

    def _bytes(self, dataset: Dataset) -> int:
        return sum(readable.file.bytes for readable in self.files if readable.file.table == dataset.name)

    def _hold(self, frame: DataFrame) -> DataFrame:
        """Keep a frame that is used more than once, until the chunk is done."""
        self._held.append(frame.persist(StorageLevel.MEMORY_AND_DISK))
        return frame


def _settle(frame: DataFrame) -> DataFrame:
    return frame.localCheckpoint()
