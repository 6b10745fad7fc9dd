"""Checks after conform: contracts, volume, filled columns, refused rows, and that nothing was lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb

from orchestration.quality.bounds import Bounds
from orchestration.quality.measure import Table, aggregate, group, quoted
from orchestration.quality.panel import NONE_MAY, Check, Panel, Reading, contract_panel, optional_fields
from orchestration.quality.profile import filled, recent, volume
from orchestration.quality.results import History
from spark_jobs.contracts import contracts
from spark_jobs.lake import Lake

# The other inputs come when something changes, and so have no usual volume.
VOLUME_TABLE = "activities"

_Key = tuple[str, str]  # source, table


def conform_panels(
    con: duckdb.DuckDBPyConnection, lake: Lake, days: Sequence[date], past: History, bounds: Bounds
) -> list[Panel]:
    """The panels of `conform_count`, and of every input and the quarantine where they have rows."""
    inputs = [Table.of(lake, d.name, days) for d in contracts().values() if d.layer == "input"]
    panels = []
    for table in inputs:
        if any(table.rows.values()):
            panel = contract_panel(con, table, days)
            _add_filled(con, panel, table, days, past, bounds)
            if table.name == VOLUME_TABLE:
                _add_volume(con, panel, table, days, past, bounds)
            panels.append(panel)
    quarantine = Table.of(lake, "quarantine", days)
    if any(quarantine.rows.values()):
        panels.append(contract_panel(con, quarantine, days))
    counts = Table.of(lake, "conform_count", days)
    panel = contract_panel(con, counts, days)
    _add_counts(con, panel, counts, inputs, quarantine, days, bounds)
    panels.append(panel)
    return panels


def _add_volume(
    con: duckdb.DuckDBPyConnection,
    panel: Panel,
    table: Table,
    days: Sequence[date],
    past: History,
    bounds: Bounds,
) -> None:
    by_day = group(con, table, ["network"])
    prefix = "volume."
    networks = {str(key[0]) for counts in by_day.values() for key in counts if key[0] is not None}
    networks |= {
        name.removeprefix(prefix)
        for (table_name, name), seen in past.items()
        if table_name == table.name and name.startswith(prefix) and any(seen.values())
    }
    for network in sorted(networks):
        says = (
            f"Rows of {network} are {bounds.volume_low:g} to {bounds.volume_high:g} times the mean of the "
            f"{bounds.history_days} days before, or like those of a day before."
        )
        check = Check(prefix + network, says, bounds.volume_low, bounds.volume_high)
        known = dict(past.get((table.name, check.name), {}))
        for day in days:
            known[day] = float(by_day.get(day, {}).get((network,), 0))
            panel.add(check, day, volume(known[day], recent(known, day, bounds.history_days), bounds))


def _add_filled(
    con: duckdb.DuckDBPyConnection,
    panel: Panel,
    table: Table,
    days: Sequence[date],
    past: History,
    bounds: Bounds,
) -> None:
    optional = optional_fields(table.dataset)
    filled_rows = {f.name: f"count({quoted(f.name)})" for f in optional}
    counts = aggregate(con, table, {"rows": "count(*)"} | filled_rows)
    for column in optional:
        says = (
            f"{column.name}, where it was mostly filled on the {bounds.history_days} days before, "
            f"is filled at least {bounds.filled_kept:g} times as often."
        )
        check = Check(f"filled.{column.name}", says, minimum=bounds.filled_kept)
        known = dict(past.get((table.name, check.name), {}))
        for day in days:
            found = counts.get(day, {})
            rows = found.get("rows", 0)
            share = found[column.name] / rows if rows >= bounds.filled_min_rows else None
            panel.add(check, day, filled(share, recent(known, day, bounds.history_days), bounds))
            if share is not None:
                known[day] = share


def _add_counts(
    con: duckdb.DuckDBPyConnection,
    panel: Panel,
    counts: Table,
    inputs: Sequence[Table],
    quarantine: Table,
    days: Sequence[date],
    bounds: Bounds,
) -> None:
    """What `conform_count` says of itself, and whether the tables hold what it says."""
    listed = group(con, counts, _Count.__slots__)
    refused = group(con, quarantine, ["source", "table_name"])
    accepted = {table.name: group(con, table, ["source"]) for table in inputs}
    written = Check("written", "The day was conformed.", minimum=1)
    balanced = Check("balanced", "received = accepted + quarantined + duplicates + suppressed.", **NONE_MAY)
    kept = Check("accepted_kept", "The lake holds as many rows as were accepted.", **NONE_MAY)
    named = Check("quarantined_kept", "The quarantine holds as many rows as were refused.", **NONE_MAY)
    for day in days:
        rows = [_Count(*key) for key in listed.get(day, {})]
        exists = float(day in counts.rows)
        panel.add(written, day, Reading(exists, exists))
        panel.add(balanced, day, _differences({row.key: row.lost for row in rows}))
        in_lake = {
            (source, table): number
            for table, by_day in accepted.items()
            for (source,), number in by_day.get(day, {}).items()
        }
        panel.add(kept, day, _against(in_lake, {row.key: row.accepted for row in rows}))
        in_quarantine = {(source, table): n for (source, table), n in refused.get(day, {}).items()}
        panel.add(named, day, _against(in_quarantine, {row.key: row.quarantined for row in rows}))
        for source in sorted({row.source for row in rows}):
            _add_refused(panel, day, source, [row for row in rows if row.source == source], bounds)


@dataclass(frozen=True, slots=True)
class _Count:
    """A row of `conform_count`, in the order of its columns."""

    source: str
    table_name: str
    received: int
    accepted: int
    quarantined: int
    duplicates: int
    suppressed: int

    @property
    def key(self) -> _Key:
        return self.source, self.table_name

    @property
    def lost(self) -> int:
        """Rows that nobody accounts for; negative where more came out than went in."""
        return self.received - self.accepted - self.quarantined - self.duplicates - self.suppressed


def _add_refused(panel: Panel, day: date, source: str, rows: Sequence[_Count], bounds: Bounds) -> None:
    says = f"At most {bounds.quarantined_share:.0%} of a table's rows from {source} are quarantined."
    check = Check(f"quarantined.{source}", says, maximum=bounds.quarantined_share)
    many = [row for row in rows if row.received >= bounds.quarantined_min_rows]
    if many:
        share, table = max((row.quarantined / row.received, row.table_name) for row in many)
        panel.add(check, day, Reading(share, share, f"{table}: {share:.1%}"))
    else:
        few = f"not judged: no table with {bounds.quarantined_min_rows:,} rows"
        panel.add(check, day, Reading(None, None, few))


def _against(found: Mapping[_Key, int], said: Mapping[_Key, int]) -> Reading:
    """How far the rows found in the tables are from what `conform_count` says."""
    return _differences({key: found.get(key, 0) - said.get(key, 0) for key in found.keys() | said.keys()})


def _differences(off: Mapping[_Key, int]) -> Reading:
    wrong = [f"{table} from {source}: {off[source, table]:+,}" for source, table in off if off[source, table]]
    total = float(sum(map(abs, off.values())))
    return Reading(total, total, "; ".join(sorted(wrong)[:5]) or None)
