"""`stature crm plan` and `stature crm apply`: what would change in a CRM; then do it."""

from __future__ import annotations

import uuid
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestration.activation.apply import Report
from orchestration.activation.mapping import Value, load_mapping
from orchestration.activation.plan import Change, Counts, Plan
from orchestration.activation.planfile import read_digest, write_plan
from orchestration.activation.sync import Planned, SyncError, plan_crm, sync_crm
from orchestration.commands.run import StoppedError
from orchestration.home import home_lock
from orchestration.settings import Settings

_SHOWN = 5
_COUNTED = (
    ("privacy", "emptied for privacy", "first, whatever stands against the rest"),
    ("emptied", "emptied", "their score has gone"),
    ("changed", "changed", "a field moved by more than its tolerance"),
    ("first_time", "new", "their records hold nothing of ours yet"),
    ("unchanged", "unchanged", "not sent"),
    ("given_up", "resting", "refused too often; a change of their data wakes them"),
    ("nothing", "with nothing to say", "never sent, and not now"),
)


def plan(settings: Settings, crm: str, out: Path | None) -> RenderableType:
    """Plan a sync, write it to a file, and show it."""
    planned = plan_crm(settings, crm)
    path = out or _default_file(settings, crm)
    write_plan(planned.plan, planned.mapping, path)
    return page(planned, path)


def apply(
    settings: Settings,
    crm: str,
    yes: bool,
    plan_file: Path | None,
    console: Console,
    wake: bool = False,
    same: bool = False,
) -> Report:
    """Plan and send. SyncError, with the counts, where not all that was planned arrived."""
    load_mapping(crm, settings.crm_mappings)
    digest = read_digest(plan_file, crm) if plan_file else None
    try:
        with home_lock(settings, "stature crm apply"), console.status("Planning") as status:
            report = sync_crm(
                settings,
                crm,
                str(uuid.uuid4()),
                yes=yes,
                digest=digest,
                wake=wake,
                same=same,
                progress=status.update,
            )
    except KeyboardInterrupt:
        raise StoppedError(
            "Stopped. What was sent is written down; the same command sends the rest and what got no answer."
        ) from None
    if report.failure:
        said = "".join(f"\n  {count:,} times: {reason}" for reason, count in report.reasons.items())
        raise SyncError(f"{crm}: {report.failure} ({report.text}){said}")
    return report


def page(planned: Planned, path: Path | None) -> RenderableType:
    """A plan for people: counts, the first records, and what stands against it."""
    found, counts = planned.plan, planned.plan.counts
    of = f"{counts.contacts:,} contacts, {counts.known:,} records hold something of ours"
    head = f"{found.crm}, scores of {found.as_of}: {of}"
    parts: list[RenderableType] = [Text(head, style="bold"), _counts(counts)]
    if found.changes:
        parts += [Text(), _samples(found, planned.mapping.names)]
    for guard in found.guards:
        way = " (apply --yes does it all the same)" if guard.asks else ""
        parts.append(Text(f"Stopped: {guard.message}{way}", style="yellow"))
    if path:
        parts.append(Text(f"What would be sent: {path}"))
    return Group(*parts)


def _counts(counts: Counts) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    for name, label, what in _COUNTED:
        number = getattr(counts, name)
        if number or name in ("changed", "first_time"):
            table.add_row(f"{number:,}", label, Text(what, style="dim"))
    return table


def _samples(found: Plan, names: tuple[str, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("contact")
    table.add_column("why")
    table.add_column("what would be written", overflow="fold")
    # Those of whom most is said first: they show what a record will look like.
    shown = sorted(found.changes, key=lambda change: (not change.privacy, -len(_written(change, names))))
    for change in shown[:_SHOWN]:
        table.add_row(
            Text(_printable(change.contact_id)),
            Text(_why(change)),
            Text("; ".join(_written(change, names)) or "as it is"),
        )
    more = len(found.changes) - _SHOWN
    if more > 0:
        table.add_row(Text(f"and {more:,} more", style="dim"), "", "")
    return table


def _why(change: Change) -> str:
    if change.privacy:
        return "privacy"
    return "new" if change.first_time else ", ".join(change.causes[:3])


def _written(change: Change, names: tuple[str, ...]) -> list[str]:
    """What becomes another value, field by field."""
    moves = [(name, change.before.get(name), change.values.get(name)) for name in names]
    return [
        f"{name} {_shown(now)}" if before is None else f"{name} {_shown(before)} → {_shown(now)}"
        for name, before, now in moves
        if before != now
    ]


def _shown(value: Value) -> str:
    text = "nothing" if value is None else str(value)
    return _printable(text if len(text) <= 40 else text[:39] + "…")


def _printable(text: str) -> str:
    """External text without what a terminal would obey."""
    return "".join(sign if sign.isprintable() else "·" for sign in text)


def _default_file(settings: Settings, crm: str) -> Path:
    folder = Path(settings.home, "activation", crm)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "plan.jsonl"
