"""Recompute the ledger from the rows and keys that are there, and say what does not agree."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.ledger.book import Book, Digest, read_keys
from orchestration.ledger.form import (
    MARK_DIGITS,
    UNHASHED,
    LedgerError,
    canonical_rows,
    leaf_of,
    mark_of,
    salt_of,
)
from spark_jobs.lake import Lake, LakeError

_BATCH_ROWS = 1 << 16
_NAMED = 3
_UNREADABLE = (OSError, LakeError, LedgerError, pa.ArrowException, KeyError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Problem:
    """What does not agree; `day` is None where it is not one day's."""

    day: date | None
    what: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was verified. `head` is the last digest: kept elsewhere, it shows whether the end was cut off."""

    days: int
    publications: int
    rows: int
    erased: int
    head: str | None
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        return not self.problems


@dataclass(slots=True)
class _Findings:
    rows: int = 0
    erased: int = 0
    problems: list[Problem] = field(default_factory=list)
    people: dict[tuple[date, str], list[str]] = field(default_factory=dict)

    def add(self, day: date | None, what: str) -> None:
        self.problems.append(Problem(day, what))

    def add_person(self, day: date, what: str, person: str) -> None:
        self.people.setdefault((day, what), []).append(person)

    def close(self) -> tuple[Problem, ...]:
        """All problems by day. People are named up to a few: a lost key file would name everybody."""
        for (day, what), people in self.people.items():
            named = ", ".join(people[:_NAMED]) + (", …" if len(people) > _NAMED else "")
            self.add(day, f"{what} ({len(people)}): {named}")
        self.people.clear()
        return tuple(sorted(self.problems, key=lambda problem: (problem.day or date.min, problem.what)))


def verify(lake: Lake, on_day: Callable[[date], None] | None = None) -> VerifyReport:
    """Check chain, leaves and rows of every published day. Changes nothing, and does not raise on damage."""
    findings = _Findings()
    try:
        book, keys = Book.read(lake), read_keys(lake)
    except _UNREADABLE as error:
        return VerifyReport(0, 0, 0, 0, None, (Problem(None, f"the ledger cannot be read: {error}"),))
    _check_chain(lake, book, findings)
    by_day: dict[date, list[Digest]] = {}
    for entry in book.entries:
        by_day.setdefault(entry.day, []).append(entry)
    for day in sorted({*by_day, *lake.days("daily_score"), *lake.days("ledger_leaf")}):
        if on_day:
            on_day(day)
        try:
            _check_day(lake, day, by_day.get(day, []), keys, findings)
        except _UNREADABLE as error:
            findings.add(day, f"cannot be read: {error}")
    head = book.head.digest if book.head else None
    return VerifyReport(
        len(by_day), len(book.entries), findings.rows, findings.erased, head, findings.close()
    )


def _check_chain(lake: Lake, book: Book, findings: _Findings) -> None:
    previous: Digest | None = None
    revisions: Counter[date] = Counter()
    for entry in book.entries:
        follows = previous.sequence + 1 if previous else 1
        if entry.sequence != follows:
            findings.add(entry.day, f"publication {entry.sequence} stands where {follows} should")
        if entry.previous_digest != (previous.digest if previous else None):
            findings.add(entry.day, f"publication {entry.sequence} does not follow the one before it")
        revisions[entry.day] += 1
        if entry.revision != revisions[entry.day]:
            findings.add(entry.day, f"revision {entry.revision} stands where {revisions[entry.day]} should")
        previous = entry
    days = book.days()
    first = lake.first_day()
    if days and first and days[0] != first:
        findings.add(first, "the declared first day is not in the ledger")
    for yesterday, day in itertools.pairwise(days):
        for gap in range(1, (day - yesterday).days):
            findings.add(yesterday + timedelta(days=gap), "the day is missing from the ledger")


def _check_day(
    lake: Lake, day: date, entries: list[Digest], keys: Mapping[str, bytes], findings: _Findings
) -> None:
    leaves = _leaves(lake, day)
    published = {entry.revision for entry in entries}
    for revision in sorted(leaves.keys() - published):
        findings.add(day, f"leaves of revision {revision} that no digest covers")
    for entry in entries:
        held = leaves.get(entry.revision, [])
        if len(held) != entry.rows:
            findings.add(
                day, f"revision {entry.revision} has {len(held)} leaves, its digest says {entry.rows}"
            )
        if entry.expected(held) != entry.digest:
            findings.add(day, f"the digest of revision {entry.revision} does not match its leaves and header")
    _check_rows(lake, day, {r: leaves.get(r, []) for r in published}, keys, findings)


def _check_rows(
    lake: Lake, day: date, leaves: Mapping[int, list[str]], keys: Mapping[str, bytes], findings: _Findings
) -> None:
    """Match every row with its leaf; what is left over on either side must be explained by an erasure."""
    unmatched = {revision: set(held) for revision, held in leaves.items()}
    marks: dict[int, set[str]] = {}
    seen: dict[int, set[str]] = {revision: set() for revision in leaves}
    for batch in _score_batches(lake, day):
        for person, revision, form in canonical_rows(batch, day):
            findings.rows += 1
            if revision not in unmatched:
                findings.add_person(day, f"row of revision {revision} that no digest covers", person)
            elif person not in keys:
                findings.add_person(day, "row whose key is missing", person)
            else:
                seen[revision].add(person)
                salt = salt_of(keys[person], day, revision)
                leaf = leaf_of(salt, form)
                if leaf in unmatched[revision]:
                    unmatched[revision].remove(leaf)
                    continue
                known = marks.setdefault(revision, {held[:MARK_DIGITS] for held in leaves[revision]})
                what = "changed or repeated row" if mark_of(salt) in known else "row that was never published"
                findings.add_person(day, f"{what} in revision {revision}", person)
    for revision, left in unmatched.items():
        if left:
            _explain(day, revision, left, seen[revision], keys, findings)


def _explain(
    day: date,
    revision: int,
    left: set[str],
    seen: set[str],
    keys: Mapping[str, bytes],
    findings: _Findings,
) -> None:
    """Leaves without a row: an erased person's, unless somebody whose key is there made the leaf's mark."""
    by_mark = {leaf[:MARK_DIGITS]: leaf for leaf in left}
    kept = 0
    for person, key in keys.items():
        if mark_of(salt_of(key, day, revision)) in by_mark:
            kept += 1
            if person not in seen:
                findings.add_person(day, f"published row missing from revision {revision}", person)
    findings.erased += len(left) - kept


def _leaves(lake: Lake, day: date) -> dict[int, list[str]]:
    """The day's leaves by revision."""
    table = lake.read_arrow("ledger_leaf", day)
    found: dict[int, list[str]] = {}
    if table is not None and table.num_rows:
        pairs = zip(table["revision"].to_pylist(), table["leaf"].to_pylist(), strict=True)
        for revision, leaf in pairs:
            found.setdefault(revision, []).append(leaf)
    return found


def _score_batches(lake: Lake, day: date) -> Iterator[pa.RecordBatch]:
    manifest = lake.manifest("daily_score", day)
    for file in manifest.files if manifest else ():
        with lake.open(f"{lake.day_path('daily_score', day)}/{file.name}") as handle:
            parquet = pq.ParquetFile(handle)
            columns = [name for name in parquet.schema_arrow.names if name not in UNHASHED]
            yield from parquet.iter_batches(_BATCH_ROWS, columns=columns)
