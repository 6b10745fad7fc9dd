"""One snapshot of an account a day, from all that the day's answers say of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as time_of_day
from typing import Any, Generic, TypeVar

from orchestration.connectors.answers import Refused, Row

_OBSERVED = ("observed_at", "deleted_at")
_Place = TypeVar("_Place")


def settled(
    found: Iterator[tuple[_Place, Row | Refused]], day: date
) -> Iterator[tuple[_Place, Row | Refused]]:
    """The rows of a day's answers; snapshots come last, one an account, what was said later over the earlier.

    A list names many accounts and says little of each: what it leaves out does not take back what a profile
    said. What was seen after the day, as a pull does that runs in the night or fills a gap, is dated at the
    day's last moment, because to a day all that comes later is the future.
    """
    end = datetime.combine(day, time_of_day.max)
    snapshots: dict[tuple[Any, Any], _Snapshot[_Place]] = {}
    for place, row in found:
        if isinstance(row, Refused):
            yield place, row
            continue
        values = dict(row.values)
        seen = values.get("observed_at")
        for name in _OBSERVED:
            moment = values.get(name)
            if isinstance(moment, datetime):
                values[name] = min(moment, end.replace(tzinfo=moment.tzinfo))
        key = values.get("network"), values.get("account_id")
        if row.table == "accounts" and isinstance(seen, datetime) and all(isinstance(k, str) for k in key):
            snapshot = _Snapshot(place, seen, values)
            known = snapshots.pop(key, None)
            snapshots[key] = snapshot if known is None else known.and_then(snapshot)
        else:
            yield place, Row(row.table, values)
    yield from ((snapshot.place, Row("accounts", snapshot.values)) for snapshot in snapshots.values())


@dataclass(frozen=True)
class _Snapshot(Generic[_Place]):
    place: _Place
    seen: datetime
    values: dict[str, Any]

    def and_then(self, other: _Snapshot[_Place]) -> _Snapshot[_Place]:
        """Both as one: what the later of the two says stands, and what it leaves open the earlier says."""
        first, last = (self, other) if self.seen <= other.seen else (other, self)
        said = {name: value for name, value in last.values.items() if value is not None}
        return _Snapshot(last.place, last.seen, {**last.values, **first.values, **said})
