"""The chain of digests as it stands in the lake, and the people's keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from orchestration.ledger.form import LedgerError, digest_of
from spark_jobs.lake import Lake, LakeFile


@dataclass(frozen=True, slots=True)
class Digest:
    """One publication of a day; `previous_digest` is None for the first of all."""

    day: date
    sequence: int
    revision: int
    rows: int
    digest: str
    previous_digest: str | None
    model_version: str
    reason: str | None
    published_at: datetime

    def expected(self, leaves: Iterable[str]) -> str:
        """The digest that these leaves should have; `digest` and `published_at` do not enter it."""
        return digest_of(
            {
                "day": self.day.isoformat(),
                "model_version": self.model_version,
                "previous_digest": self.previous_digest,
                "reason": self.reason,
                "revision": self.revision,
                "rows": self.rows,
                "sequence": self.sequence,
            },
            leaves,
        )


class Book:
    """The publications so far, in their order."""

    def __init__(self, entries: Iterable[Digest]) -> None:
        self.entries = sorted(entries, key=lambda entry: entry.sequence)
        self._revisions: dict[date, int] = defaultdict(int)
        for entry in self.entries:
            self._revisions[entry.day] = max(self._revisions[entry.day], entry.revision)

    @classmethod
    def read(cls, lake: Lake) -> Book:
        return cls(
            Digest(day=day, **row)
            for day in lake.days("ledger_digest")
            for row in _rows(lake, "ledger_digest", day)
        )

    @property
    def head(self) -> Digest | None:
        return self.entries[-1] if self.entries else None

    def days(self) -> list[date]:
        return sorted(self._revisions)

    def revision(self, day: date) -> int:
        """The highest published revision of the day; 0 where it is not published."""
        return self._revisions.get(day, 0)

    def add(self, entry: Digest) -> None:
        self.entries.append(entry)
        self._revisions[entry.day] = entry.revision

    def require_whole(self) -> None:
        """Raise LedgerError where a publication is missing: nothing may be chained to a broken chain."""
        found = [entry.sequence for entry in self.entries]
        if found != list(range(1, len(found) + 1)):
            raise LedgerError(
                "The ledger's sequence has gaps or repeats; nothing is published on top of it. "
                "`stature verify` names the days."
            )


def read_keys(lake: Lake) -> dict[str, bytes]:
    """Every person's key. A dictionary of a million people takes about 250 MB."""
    keys: dict[str, bytes] = {}
    for day in lake.days("person_key"):
        found = lake.read_arrow("person_key", day, ["person_id", "key"])
        if found is not None and found.num_rows:
            pairs = zip(found["person_id"].to_pylist(), found["key"].to_pylist(), strict=True)
            keys.update((person, bytes.fromhex(key)) for person, key in pairs)
    return keys


def file_revision(lake: Lake, table: str, day: date, file: LakeFile) -> int:
    """The revision a file holds: from its manifest entry, or from its rows where a rewrite lost that."""
    noted = file.extra.get("revision")
    if noted is not None:
        return int(noted)
    with lake.open(f"{lake.day_path(table, day)}/{file.name}") as handle:
        column = pq.read_table(handle, columns=["revision"]).column("revision")
    return int(pc.max(column).as_py() or 0)


def _rows(lake: Lake, table: str, day: date) -> list[dict[str, Any]]:
    found = lake.read_arrow(table, day)
    return found.to_pylist() if found is not None else []
