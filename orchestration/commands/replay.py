"""`stature replay`: a network's stored answers mapped again, without asking the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from orchestration.commands.warehouse import CommandError
from orchestration.connectors.mapped import map_day, table_of
from orchestration.connectors.network_landing import MISSED
from orchestration.connectors.registry import CONNECTORS, connector, is_asked
from orchestration.home import home_lock
from orchestration.settings import Settings
from spark_jobs.lake import Lake, Manifest


@dataclass(frozen=True)
class Replayed:
    """One day mapped again. `before` and `after` count rows by table, `refused` what could not be read."""

    day: date
    before: dict[str, int]
    after: dict[str, int]
    refused: int
    differs: bool
    published: bool


def replay(
    settings: Settings,
    network: str,
    start: date,
    end: date,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Replayed]:
    """Map the stored days from start to end again; published ones too, which changes nothing published.

    CommandError where the network has no stored answers in these days.
    """
    if network not in CONNECTORS:
        raise CommandError(f"There is no network {network!r}. There are: {', '.join(sorted(CONNECTORS))}.")
    module = connector(network)
    if not is_asked(module):
        raise CommandError(f"{network} is not asked for anything, so it has no answers to map again.")
    if start > end:
        raise CommandError(f"The days end before they begin: from {start} to {end}.")
    lake = Lake(settings.home)
    with home_lock(settings, "stature replay"):
        days = [day for day in lake.days(f"raw/{network}") if start <= day <= end]
        stored = lake.manifests(f"raw/{network}", days)
        whole = [day for day, manifest in stored.items() if MISSED not in manifest.notes]
        if not whole:
            raise CommandError(f"No answers of {network} are stored from {start} to {end}.")
        published = set(lake.days("ledger_digest"))
        done = []
        for day in whole:
            progress(f"{network} {day}")
            before = lake.manifest(table_of(network), day)
            after = map_day(settings, lake, module, day, "replay")
            done.append(
                Replayed(
                    day,
                    dict(before.notes.get("rows", {})) if before else {},
                    dict(after.notes["rows"]),
                    sum(after.notes["refused"].values()),
                    _content(before) != _content(after),
                    day in published,
                )
            )
    return done


def told(network: str, days: list[Replayed]) -> list[str]:
    """What there is to say, a line each; the last one says what to do."""
    differing = [day for day in days if day.differs]
    lines = [
        f"{day.day}: {_rows(day.after)}, before: {_rows(day.before)}; {day.refused:,} things refused"
        for day in differing
    ]
    lines.append(f"{len(days)} days of {network} mapped again, {len(differing)} of them differ.")
    published = [day.day for day in differing if day.published]
    if published:
        lines.append(
            f"{published[0]} is published. To publish what changed, as a new revision: "
            f'stature restate --day {published[0]} --reason "…"'
        )
    if any(not day.published for day in differing):
        lines.append("Days not yet published take it up with the next stature run.")
    return lines


def _content(manifest: Manifest | None) -> list[tuple[str, str]]:
    return sorted((str(f.extra["table"]), str(f.extra["sha256"])) for f in manifest.files) if manifest else []


def _rows(counts: dict[str, int]) -> str:
    return ", ".join(f"{rows:,} {table}" for table, rows in sorted(counts.items())) or "no rows"
