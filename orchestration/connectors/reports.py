"""What a landing is asked for, and what it tells of each day."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from orchestration.settings import Settings
from spark_jobs.lake import Lake, LakeFile

Progress = Callable[[str], None]

_NAMED = 5  # things that a note names before it only counts


def silent(_: str) -> None:
    """Progress that nobody watches."""


def named(things: Sequence[str]) -> str:
    """The first few by name, the others by number."""
    more = f" and {len(things) - _NAMED} more" if len(things) > _NAMED else ""
    return ", ".join(things[:_NAMED]) + more


@dataclass(frozen=True)
class LandingReport:
    """What one call brought for one source and day. `rows` is None where nobody has counted them yet."""

    day: date
    source: str
    files: int = 0
    bytes: int = 0
    rows: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Landing:
    """One source's landing over some days, in order. `first_day` is where the history begins."""

    settings: Settings
    lake: Lake
    source: str
    days: tuple[date, ...]
    first_day: date
    run_id: str
    progress: Progress = silent

    @property
    def raw(self) -> str:
        """The source's table in the lake."""
        return f"raw/{self.source}"

    def published(self) -> set[date]:
        """The days that nobody may change any more."""
        return set(self.lake.days("ledger_digest"))

    def report(
        self, day: date, landed: Sequence[LakeFile], rows: int | None, notes: Iterable[str]
    ) -> LandingReport:
        """The report of a day that was worked on; also said as progress."""
        size = sum(file.bytes for file in landed)
        report = LandingReport(day, self.source, len(landed), size, rows, tuple(notes))
        place = f"{self.days.index(day) + 1} of {len(self.days)}"
        counted = f", {rows:,} rows" if rows is not None else ""
        what = f"{len(landed)} files{counted}, {size / 1e6:,.1f} MB"
        self.progress(f"{self.source} {day} ({place}): {'; '.join([what, *report.notes])}")
        return report
