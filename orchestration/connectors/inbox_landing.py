"""The inbox's days: what enters each, what its manifest remembers, and what the user is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from orchestration.connectors.inbox import UNKNOWN, Inbox, look
from orchestration.connectors.inbox_taking import Landed, Taken, due, take
from orchestration.connectors.registry import ConnectorError
from orchestration.connectors.reports import Landing, LandingReport, named


def land_inbox(landing: Landing) -> list[LandingReport]:
    """Land the inbox's files of these days. ConnectorError where there is no inbox."""
    if landing.settings.inbox is None:
        raise ConnectorError("There is no inbox: set STATURE_INBOX to its folder.")
    found = look(landing.settings.inbox)
    published = landing.published()
    landed = Landed.read(landing.lake.manifests(landing.raw).values())
    reports = [
        _published_day(landing, day, found, landed)
        if day in published
        else _open_day(landing, day, found, published, landed)
        for day in landing.days
    ]
    notes = (*reports[0].notes, *_of_the_inbox(found, landing.first_day))
    return [replace(reports[0], notes=notes), *reports[1:]]


def _published_day(landing: Landing, day: date, found: Inbox, landed: Landed) -> LandingReport:
    notes = ["already published"]
    later = [d.origin for d in found.deliveries if d.delivered == day and not landed.unchanged(d)]
    if later and day >= landing.first_day:
        notes.append(f"the next day that is run takes what was added since: {named(later)}")
    return LandingReport(day, landing.source, notes=tuple(notes))


def _open_day(
    landing: Landing, day: date, found: Inbox, published: set[date], landed: Landed
) -> LandingReport:
    lake = landing.lake
    lake.discard_uncommitted(landing.raw, [day])  # what a killed run had copied
    old = lake.manifest(landing.raw, day)
    new = due(found, day, first_day=landing.first_day, published=published, landed=landed)
    taken = take(lake, day, found, new, landed)
    if old is None or taken.files or taken.touched:
        notes = dict(old.notes) if old else {}
        if taken.touched:
            notes["touched"] = {**notes.get("touched", {}), **taken.touched}
        files = [*(old.files if old else ()), *taken.files]
        landed.learn(lake.commit(landing.raw, day, files, landing.run_id, notes))
    else:
        lake.discard_uncommitted(landing.raw, [day])  # what changed while it was copied
    told = [*_of_the_day(day, found, old is not None, taken), *taken.notes]
    return landing.report(day, taken.files, None, told)


def _of_the_day(day: date, found: Inbox, again: bool, taken: Taken) -> list[str]:
    notes = []
    if day not in found.folders:
        notes.append("no folder")
    elif not taken.files:
        notes.append("already landed" if again else "nothing delivered")
    late = [f.extra["origin"] for f in taken.files if f.extra["delivered"] != day.isoformat()]
    if late:
        notes.append(f"added to days already published: {named(late)}")
    unknown = [f.extra["origin"] for f in taken.files if f.extra["table"] == UNKNOWN]
    if unknown:
        notes.append(f"no table of ours, left to quarantine: {named(unknown)}")
    left = [f"{left.origin} ({left.why})" for left in found.left_alone if left.day == day]
    if left:
        notes.append(f"left alone: {named(left)}")
    return notes


def _of_the_inbox(found: Inbox, first_day: date) -> list[str]:
    notes = []
    early = [day.isoformat() for day in sorted(found.folders) if day < first_day]
    if early:
        notes.append(f"folders before the first day, {first_day}, are left alone: {named(early)}")
    stray = [f"{left.origin} ({left.why})" for left in found.left_alone if left.day is None]
    if stray:
        notes.append(f"left alone: {named(stray)}")
    return notes
