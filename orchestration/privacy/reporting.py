"""What an erasure did, place by place, over all its attempts.

A step that was killed has cleaned some places already, and the next finds nothing there. So what is about to
go is written down before it goes: one small file for each version of a day, file or list that is rewritten.
Whoever rewrites the same version again writes the same record again, and nothing counts twice. When the
report is in the lake, the records go.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pyarrow as pa
from fsspec.core import url_to_fs

from orchestration.privacy.marks import ErasedMark
from spark_jobs.arrow_schemas import arrow_schema
from spark_jobs.lake import Lake

REPORT, AREA = "privacy_report", "erasing"
NOT_SEARCHED, NOTHING_FOUND, REBUILT = "not_searched", "nothing_found", "rebuilt"

Deeds = Mapping[tuple[str, str], int]  # rows by request and deed


class Records:
    """What is about to be done, in `<home>/erasing`, until the report has it."""

    def __init__(self, home: str) -> None:
        self._lake = Lake(home, AREA)

    def write(self, place: str, version: str, deeds: Deeds) -> None:
        """Write down what the rewriting of one version of something in a place takes out."""
        name = hashlib.sha256(f"{place}\x1f{version}".encode()).hexdigest()[:32]
        rows = [[request, deed, count] for (request, deed), count in sorted(deeds.items())]
        self._lake.write_json(self._lake.table_path(f"{name}.json"), {"place": place, "deeds": rows})

    def deeds(self) -> Counter[tuple[str, str, str]]:
        """Rows by request, place and deed, of every attempt since the last report."""
        found: Counter[tuple[str, str, str]] = Counter()
        for path in self._paths():
            with self._lake.open(path) as handle:
                record = json.loads(handle.read())
            for request, deed, count in record["deeds"]:
                found[request, record["place"], deed] += count
        return found

    def clear(self) -> None:
        """Remove them all."""
        fs, _ = url_to_fs(self._lake.root)
        for path in self._paths():
            fs.rm_file(path)

    def _paths(self) -> list[str]:
        fs, folder = url_to_fs(self._lake.uri(self._lake.table_path("")), use_listings_cache=False)
        try:
            return sorted(
                str(path) for path in fs.ls(folder.rstrip("/"), detail=False) if path.endswith(".json")
            )
        except FileNotFoundError:
            return []


@dataclass
class Report:
    """What was done: rows by (request, place, deed), the places searched, and files nobody can read.

    With `records`, whatever is noted is written down at once.
    """

    records: Records | None = None
    deeds: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    places: set[str] = field(default_factory=set)
    unread: set[tuple[str, str]] = field(default_factory=set)  # place and file

    def note(self, place: str, version: str, deeds: Deeds) -> None:
        """Note what is about to be done, before it is: `version` names what is rewritten, as it is now."""
        if self.records is not None:
            self.records.write(place, version, deeds)
        for (request, deed), rows in deeds.items():
            self.deeds[request, place, deed] += rows

    @property
    def rows(self) -> int:
        return sum(self.deeds.values())


def write_report(
    lake: Lake, day: date, todo: Iterable[ErasedMark], report: Report, at: datetime, run_id: str
) -> None:
    """Write the rows of these requests: what was done in each place, and where nothing was found."""
    requests = sorted({row.request for row in todo})
    rows: list[dict[str, Any]] = []

    def add(request: str, place: str, deed: str, count: int, detail: str | None = None) -> None:
        told = {"request": request, "place": place, "deed": deed, "rows": count, "detail": detail}
        rows.append(told | {"cleaned_at": at})

    found = set()
    for (request, place, deed), count in report.deeds.items():
        add(request, place, deed, count)
        found.add((request, place))
    for request in requests:
        for place in sorted(report.places):
            if (request, place) not in found:
                add(request, place, NOTHING_FOUND, 0)
        for place in sorted({place for place, _ in report.unread}):
            files = sorted(file for of, file in report.unread if of == place)
            add(request, place, NOT_SEARCHED, len(files), ", ".join(files[:5]))
    before = lake.read_arrow(REPORT, day)
    known = before.to_pylist() if before is not None and before.num_rows else []
    # A run that is begun again tells the whole of it again.
    kept = [row for row in known if row["request"] not in requests]
    table = pa.Table.from_pylist([*kept, *rows], arrow_schema(REPORT))
    lake.write_arrow(REPORT, day, table, run_id)
