"""One chunk of days through conform: each table's rows judged, deduplicated, counted and written."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import partial, reduce

import pyarrow as pa
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark import StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from spark_jobs.contracts import Dataset, contract, contracts
from spark_jobs.erasure import erasure_salt, mark
from spark_jobs.jobs.conform_files import ANSWERS, RawFile, Readable, Unreadable
from spark_jobs.jobs.conform_finish import Finished, collect, finish_in_memory, finish_in_spark, write_refused
from spark_jobs.jobs.conform_lake import (
    commit_days,
    history,
    last_seen_at_hand,
    manifests_before,
    past_follows,
    past_follows_at_hand,
    privacy_requests,
    refusals,
    refused_rows,
    unreadable_rows,
    write_counts,
    write_days,
)
from spark_jobs.jobs.conform_reading import compile_rules, groups, read_cells
from spark_jobs.lake import Lake
from spark_jobs.transforms.conform import follows, local, topics
from spark_jobs.transforms.conform.counting import Place, TableCount, Tally, UnbalancedError, count
from spark_jobs.transforms.conform.duplicates import LOOK_BACK_DAYS, last_seen, mark_duplicates, sought
from spark_jobs.transforms.conform.judging import ACCEPTED, QUARANTINED, SUPPRESSED, judge
from spark_jobs.transforms.conform.suppression import (
    ERASED,
    erased_periods,
    subjects,
    suppress,
)

ACTIVITIES, PRIVACY, FOLLOW_STATE, QUARANTINE = "activities", "privacy_requests", "follow_state", "quarantine"
_TEXT_ROW_BYTES = 128  # a guess at a line, to tell rows by bytes
_AT_ONCE = 3  # tables under way: each waits for the driver much of the time


@dataclass(frozen=True, slots=True)
class Limits:
    """Rows up to which a way of working is the quicker one, and no more."""

    # Of a whole chunk.
    interpreted: int = 5_000  # compiling the contracts' rules to Java takes longer than interpreting them
    # Of a table in a chunk.
    one_task: int = 25_000  # one task does them sooner than a shuffle
    in_memory: int = 500_000  # the driver counts and writes them, and their keys go to every executor


def input_tables() -> list[Dataset]:
    """The datasets that are delivered, each a table of the lake as well."""
    return [dataset for dataset in contracts().values() if dataset.layer == "input"]


def written_tables() -> list[str]:
    """Every table that conform writes; the last one marks a day as conformed."""
    return [*(d.name for d in input_tables()), QUARANTINE, FOLLOW_STATE, "conform_count"]


@dataclass
class Chunk:
    """Days that go through together."""

    session: SparkSession
    lake: Lake
    days: Sequence[date]
    run_id: str
    say: Callable[[str], None]
    limits: Limits
    files: Sequence[Readable] = ()
    refused: Sequence[RawFile] = ()
    erased: DataFrame | None = None
    erased_from: follows.ErasedFrom = field(default_factory=follows.ErasedFrom)
    salt: str = ""
    finished: dict[str, Finished] = field(default_factory=dict)
    tallies_of_answers: list[Tally] = field(default_factory=list)
    _held: list[DataFrame] = field(default_factory=list)

    def run(self, files: Sequence[Readable], unreadable: Sequence[Unreadable]) -> list[TableCount]:
        """Write every table of these days out of the files delivered on them; their counts.

        It may be run again, with other files: what it wrote is replaced.
        """
        self.files, self.erased, self.erased_from, self.finished = files, None, follows.ErasedFrom(), {}
        self.salt = erasure_salt(self.lake)
        compile_rules(self.session, sum(map(self._rows, input_tables())) > self.limits.interpreted)
        for table in written_tables():
            self.lake.discard_uncommitted(table, self.days)
        try:
            self._table(contract(PRIVACY))
            self._find_erased()
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                # The largest first, so that the others run beside it.
                rest = sorted((d for d in input_tables() if d.name != PRIVACY), key=self._rows, reverse=True)
                list(pool.map(self._table, rest))
            self._quarantine(unreadable)
        finally:
            while self._held:
                self._held.pop().unpersist()
        counts = self._counts(unreadable)
        write_counts(self.lake, self.days, counts, self.run_id)
        return counts

    # --- one table ----------------------------------------------------------------------------

    def _table(self, dataset: Dataset) -> None:
        """Take a table's files through, if there are any, and commit its days."""
        done = Finished()
        if self._files(dataset):
            done = self._finished(dataset)
            received = sum(found.rows for found in done.tallies)
            self.say(f"{dataset.name}: {done.rows(ACCEPTED):,} of {received:,} rows accepted")
        elif dataset.name == ACTIVITIES:
            self._follow_state(None)
        self.finished[dataset.name] = done
        written = sum(commit_days(self.lake, dataset.name, self.days, self.run_id).values())
        if written != done.rows(ACCEPTED):
            raise UnbalancedError(f"{dataset.name}: {done.rows(ACCEPTED)} rows accepted, {written} written")

    def _finished(self, dataset: Dataset) -> Finished:
        if not self._few(dataset):
            return self._in_spark(dataset)
        try:
            return self._in_memory(dataset)
        except (PySparkException, Py4JJavaError) as error:
            # Few rows, but each of them large: a small file can unpack to far more than it weighs.
            if "maxResultSize" not in str(error):
                raise
            return self._in_spark(dataset)

    def _in_memory(self, dataset: Dataset) -> Finished:
        """A table whose rows come into this process once each has its fate."""
        fated = self._fated(dataset)
        if dataset.name != ACTIVITIES:
            return finish_in_memory(collect(fated, dataset), self.lake, dataset)
        rows = collect(self._with_topics(self._hold(fated, dataset), dataset), dataset)
        rows = local.mark_standing(rows, past_follows_at_hand(self.lake, self.days[0]), self.erased_from)
        self._follow_state(local.accepted_events(rows))
        return finish_in_memory(rows, self.lake, dataset)

    def _in_spark(self, dataset: Dataset) -> Finished:
        """A table of any size."""
        fated = self._hold(self._fated(dataset), dataset)
        if dataset.name == ACTIVITIES:
            past = past_follows(self.session, self.lake, self.days[0])
            if past is not None:
                past = follows.of_pairs(past, follows.accepted_events(fated))
            events = fated.where(follows.IS_EVENT)
            marked = self._hold(follows.mark_standing(events, past, self.erased_from), dataset)
            self._follow_state(follows.accepted_events(marked))
            fated = fated.where(f"NOT {follows.IS_EVENT}").unionByName(marked)
            fated = self._hold(self._with_topics(fated, dataset), dataset)
        from_text = any(readable.rows is None for readable in self._files(dataset))
        return finish_in_spark(fated, self.session, self.lake, dataset, from_text=from_text)

    def _fated(self, dataset: Dataset) -> DataFrame:
        """The rows of a table, judged and compared with one another and with those of 90 days."""
        before = manifests_before(self.lake, dataset.name, self.days[0], LOOK_BACK_DAYS)
        judged, seen = self._judged(dataset), None
        if sum(manifest.rows for manifest in before) <= self.limits.one_task:
            if before:
                seen = last_seen_at_hand(self.session, self.lake, dataset.key, before)
        elif (past := history(self.session, self.lake, dataset.key, before)) is not None:
            judged = self._hold(judged, dataset)
            past = sought(past, judged, dataset, few=self._few(dataset))
            seen = last_seen(past.coalesce(1) if self._one_task(dataset) else past, dataset)
        same_event = follows.SAME_EVENT if dataset.name == ACTIVITIES else "NULL"
        return mark_duplicates(judged, dataset, seen, same_event)

    def _with_topics(self, fated: DataFrame, dataset: Dataset) -> DataFrame:
        """Activities with the topics that they inherit."""
        before = manifests_before(self.lake, dataset.name, self.days[0], LOOK_BACK_DAYS)
        columns = [*(name for name in topics.CONTENT if name != "day"), "kind"]
        stored = history(self.session, self.lake, columns, before)
        if stored is not None:
            stored = stored.where(topics.IS_CONTENT)
        return topics.inherit(fated, stored, few=self._few(dataset))

    def _judged(self, dataset: Dataset) -> DataFrame:
        people = subjects(dataset, self.salt) if self.erased is not None else []
        frames = [
            judge(read_cells(self.session, self.lake, group, dataset), dataset, people)
            for group in groups(self._files(dataset))
        ]
        judged = reduce(DataFrame.unionByName, frames)
        if self.erased is not None and people:
            judged = suppress(judged, self.erased)
        return judged.coalesce(1) if self._one_task(dataset) else judged

    def _follow_state(self, accepted: DataFrame | pa.Table | None) -> None:
        """Write follow_state whole on its days; the notes of each day say whether it is."""
        whole = [day for day in self.days if follows.is_snapshot_day(day)]
        if whole:
            if isinstance(accepted, pa.Table):
                accepted = self.session.createDataFrame(accepted)
            past = past_follows(self.session, self.lake, self.days[0])
            events = [frame.select(*follows.EVENT) for frame in (accepted, past) if frame is not None]
            if events:
                state = follows.standing(reduce(DataFrame.unionByName, events), whole, self.erased, self.salt)
                write_days(state, self.lake, FOLLOW_STATE, follows.PAIR)
        notes = {day: {"whole": day in whole} for day in self.days}
        commit_days(self.lake, FOLLOW_STATE, self.days, self.run_id, notes)

    # --- all tables ---------------------------------------------------------------------------

    def _find_erased(self) -> None:
        periods = erased_periods(privacy_requests(self.lake, self.days[-1], self.salt))
        days: dict[str, list[date]] = defaultdict(list)
        for period in periods:
            days[period.subject].append(period.first_day)
        if periods:
            self.erased_from = follows.ErasedFrom(dict(days), partial(mark, self.salt))
            # From Arrow it is part of every plan; from Python objects it would be a job in each.
            rows = pa.Table.from_pylist([asdict(period) for period in periods], schema=ERASED)
            self.erased = self.session.createDataFrame(rows)

    def _quarantine(self, unreadable: Sequence[Unreadable]) -> None:
        every = list(self.finished.values())
        of_answers = refused_rows(self.lake, self.refused)
        self.tallies_of_answers = refusals(of_answers)
        at_hand = pa.concat_tables([unreadable_rows(unreadable), of_answers])
        write_refused(every, at_hand, self.lake, contract(QUARANTINE))
        expected = at_hand.num_rows + sum(done.rows(QUARANTINED) for done in every)
        written = sum(commit_days(self.lake, QUARANTINE, self.days, self.run_id).values())
        if written != expected:
            raise UnbalancedError(f"quarantine: {expected} rows refused, {written} written")

    def _counts(self, unreadable: Sequence[Unreadable]) -> list[TableCount]:
        received: dict[str, Counter[Place]] = defaultdict(Counter)
        files: dict[str, Counter[Place]] = defaultdict(Counter)
        unknown: dict[str, dict[Place, set[str]]] = defaultdict(lambda: defaultdict(set))
        erased: dict[str, Counter[Place]] = defaultdict(Counter)
        for readable in self.files:
            place = (readable.file.day, readable.file.source)
            received[readable.file.table][place] += readable.rows or 0
            erased[readable.file.table][place] += readable.file.erased
            unknown[readable.file.table][place].update(readable.unknown)
        for broken in unreadable:
            files[broken.file.table][broken.file.day, broken.file.source] += 1
        for table, done in self.finished.items():
            received[table].update(done.lines)
            for place, names in done.unknown.items():
                unknown[table][place] |= names
        counts = []
        for table in sorted({*received, *files}):
            tallies = self.finished[table].tallies if table in self.finished else []
            # Rows that an erasure has taken out of the raw files since they came.
            tallies = tallies + [
                Tally(*place, SUPPRESSED, None, rows, 0) for place, rows in erased[table].items() if rows
            ]
            received[table].update(erased[table])
            counts += count(table, tallies, received[table], files[table], unknown[table])
        of_answers: Counter[Place] = Counter()
        for refused in self.tallies_of_answers:
            of_answers[refused.day, refused.source] += refused.rows
        return counts + count(ANSWERS, self.tallies_of_answers, of_answers, {}, {})

    def _files(self, dataset: Dataset) -> list[Readable]:
        return [readable for readable in self.files if readable.file.table == dataset.name]

    def _rows(self, dataset: Dataset) -> int:
        """Rows of a table, as footers count them or as the size of texts suggests."""
        of_table = self._files(dataset)
        return sum(f.file.bytes // _TEXT_ROW_BYTES if f.rows is None else f.rows for f in of_table)

    def _one_task(self, dataset: Dataset) -> bool:
        return self._rows(dataset) <= self.limits.one_task

    def _few(self, dataset: Dataset) -> bool:
        return self._rows(dataset) <= self.limits.in_memory

    def _hold(self, frame: DataFrame, dataset: Dataset) -> DataFrame:
        """Keep a frame that is used more than once, until the chunk is done."""
        if self._few(dataset):
            # The frame forgets how it was made, which makes every plan built on it a short one.
            return frame.localCheckpoint()
        self._held.append(frame.persist(StorageLevel.MEMORY_AND_DISK))
        return frame
