"""received = accepted + quarantined + duplicates + suppressed, by day, source and table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.transforms.conform.judging import ACCEPTED, BLANK, DUPLICATE, QUARANTINED, SUPPRESSED

Place = tuple[date, str]  # day and source
MOST_UNKNOWN_COLUMNS = 100  # names kept a day, source and table


class UnbalancedError(Exception):
    """Rows were lost or made up on the way: a fault of the program, never of the data."""


@dataclass(frozen=True, slots=True)
class TableCount:
    """What became of a table's rows of one day and source."""

    day: date
    source: str
    table: str
    received: int = 0
    accepted: int = 0
    quarantined: int = 0
    duplicates: int = 0
    suppressed: int = 0
    unknown_columns: tuple[str, ...] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def balanced(self) -> bool:
        return self.received == self.accepted + self.quarantined + self.duplicates + self.suppressed

    def as_json(self) -> dict[str, Any]:
        return {
            "day": self.day.isoformat(),
            "source": self.source,
            "table": self.table,
            "received": self.received,
            "accepted": self.accepted,
            "quarantined": self.quarantined,
            "duplicates": self.duplicates,
            "suppressed": self.suppressed,
            "unknown_columns": list(self.unknown_columns),
            "reasons": dict(self.reasons),
        }


@dataclass(frozen=True, slots=True)
class ConformReport:
    """What a run of conform did: `days` were written, `skipped` were published already."""

    run_id: str
    days: tuple[date, ...]
    skipped: tuple[date, ...]
    counts: tuple[TableCount, ...]
    seconds: float

    def totals(self) -> dict[str, Any]:
        """Rows over all days and tables, and how many were refused for which reason."""
        reasons: Counter[str] = Counter()
        for count in self.counts:
            reasons.update(count.reasons)
        names = ("received", "accepted", "quarantined", "duplicates", "suppressed")
        return {name: sum(getattr(c, name) for c in self.counts) for name in names} | {
            "reasons": dict(sorted(reasons.items()))
        }

    def as_json(self) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "days": [day.isoformat() for day in self.days],
            "skipped": [day.isoformat() for day in self.skipped],
            "seconds": round(self.seconds, 1),
            "totals": self.totals(),
            "counts": [count.as_json() for count in self.counts],
        }


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows with one fate, of one day and source."""

    day: date
    source: str
    fate: str
    reason: str | None
    rows: int
    unknown: int  # the most unknown columns that one of them has


def tally(fated: DataFrame) -> DataFrame:
    """Rows by fate, in the columns of `Tally`."""
    groups = ["day", "source", "fate", "reason"]
    rows = fated.selectExpr(*groups, "coalesce(size(unknown), 0) AS names")
    return rows.groupBy(*groups).agg(F.count("*").alias("rows"), F.max("names").alias("unknown"))


def unknown_names(fated: DataFrame) -> DataFrame:
    """`day`, `source` and the names in `unknown`, the first hundred of each day and source."""
    names = fated.where("unknown IS NOT NULL").selectExpr("day", "source", "explode(unknown) AS name")
    names = names.distinct()
    rank = "row_number() OVER (PARTITION BY day, source ORDER BY name)"
    return names.selectExpr("*", f"{rank} AS place").where(f"place <= {MOST_UNKNOWN_COLUMNS}").drop("place")


def count(
    table: str,
    tallies: Iterable[Tally],
    received: Mapping[Place, int],
    unreadable: Mapping[Place, int],
    unknown: Mapping[Place, Iterable[str]],
) -> list[TableCount]:
    """The counts of a table by day and source; UnbalancedError where they do not add up.

    `received`: the rows of each day and source that delivered a file, as the footers of Parquet and the lines
    of text count them, blank ones included; so they are known apart from what became of each row.
    `unreadable`: files that count as one row received and refused.
    """
    rows: Counter[tuple[date, str, str]] = Counter()
    reasons: dict[Place, Counter[str]] = {place: Counter() for place in received}
    for place, number in received.items():
        rows[*place, "received"] += number
    for found in tallies:
        place = (found.day, found.source)
        if found.fate == BLANK:
            rows[*place, "received"] -= found.rows
            continue
        rows[*place, found.fate] += found.rows
        if found.fate == QUARANTINED:
            reasons[place][str(found.reason)] += found.rows
    for place, files in unreadable.items():
        reasons.setdefault(place, Counter())
        rows[*place, "received"] += files
        rows[*place, QUARANTINED] += files
        reasons[place]["unreadable_file"] += files
    counts = [
        TableCount(
            *place,
            table,
            received=rows[*place, "received"],
            accepted=rows[*place, ACCEPTED],
            quarantined=rows[*place, QUARANTINED],
            duplicates=rows[*place, DUPLICATE],
            suppressed=rows[*place, SUPPRESSED],
            unknown_columns=tuple(sorted(set(unknown.get(place, ())))[:MOST_UNKNOWN_COLUMNS]),
            reasons=dict(sorted(of_place.items())),
        )
        for place, of_place in sorted(reasons.items())
    ]
    check_balance(counts)
    return counts


def check_balance(counts: Sequence[TableCount]) -> None:
    """UnbalancedError for the first count that does not add up."""
    for each in counts:
        if not each.balanced:
            raise UnbalancedError(
                f"{each.table} of {each.source} on {each.day}: {each.received} received is not"
                f" {each.accepted} accepted + {each.quarantined} quarantined"
                f" + {each.duplicates} duplicates + {each.suppressed} suppressed"
            )
