"""A plan as a file: what would be sent, for people and for other programs to look at."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from orchestration.activation.mapping import CrmMapping, Value
from orchestration.activation.plan import Change, Plan

SUMMARY = ".summary.json"

# A spreadsheet takes a cell that begins so for a formula, and topics are other people's text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class PlanFileError(Exception):
    """A plan file that cannot be written or read; says which and why."""


def write_plan(plan: Plan, mapping: CrmMapping, out: Path) -> Path:
    """Write the records as JSON lines or CSV, by the ending, and their counts beside; the file of the counts.

    PlanFileError for another ending and for a folder that is not there.
    """
    if out.suffix not in (".jsonl", ".csv"):
        raise PlanFileError(f"{out} ends in neither .jsonl nor .csv, so the form is not known.")
    if not out.parent.is_dir():
        raise PlanFileError(f"The folder {out.parent} does not exist.")
    summary = {
        "crm": plan.crm,
        "as_of": plan.as_of.isoformat() if plan.as_of else None,
        "digest": plan.digest,
        "counts": asdict(plan.counts),
        "guards": [
            {"name": guard.name, "asks": guard.asks, "message": guard.message} for guard in plan.guards
        ],
    }
    lines = _csv(plan.changes, mapping) if out.suffix == ".csv" else _json_lines(plan.changes)
    beside = out.with_name(out.name + SUMMARY)
    _write(out, "".join(lines))
    _write(beside, json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
    return beside


def read_digest(path: Path, crm: str) -> str:
    """What tells the plan in this file from any other. PlanFileError."""
    beside = path if path.name.endswith(SUMMARY) else path.with_name(path.name + SUMMARY)
    try:
        summary = json.loads(beside.read_text())
        found, digest = summary["crm"], str(summary["digest"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PlanFileError(f"{beside} is no summary of a plan: {error!r}") from error
    if found != crm:
        raise PlanFileError(f"{path} is a plan for {found}, not for {crm}.")
    return digest


def _json_lines(changes: Iterable[Change]) -> Iterable[str]:
    for change in changes:
        line = {
            "contact_id": change.contact_id,
            "action": change.action,
            "first_time": change.first_time,
            "privacy": change.privacy,
            "causes": list(change.causes),
            "before": dict(change.before),
            "values": dict(change.values),
        }
        yield json.dumps(line, ensure_ascii=False) + "\n"


def _csv(changes: Iterable[Change], mapping: CrmMapping) -> Iterable[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["contact_id", "action", "causes", *mapping.names])
    for change in changes:
        cells: list[Value] = [change.contact_id, change.action, ", ".join(change.causes)]
        writer.writerow([_cell(cell) for cell in [*cells, *(change.values.get(n) for n in mapping.names)]])
    return [buffer.getvalue()]


def _cell(value: Value) -> Value:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
