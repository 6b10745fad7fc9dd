"""Which files of the inbox enter a day, and their copying into the raw lake, as they are.

A file is known by its place in the inbox and its content. The raw manifests remember both, with size and time
of change, so that a year of folders is looked through each day without opening what did not change.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import PurePosixPath
from typing import Any, cast

from orchestration.connectors.inbox import Delivery, Inbox, stamp_now
from spark_jobs.lake import Lake, LakeFile, Manifest

RAW = "raw/inbox"


@dataclass
class Landed:
    """What the raw days hold already: the versions of each origin, by its content and by size and stamp."""

    contents: dict[str, set[str]] = field(default_factory=dict)
    marks: dict[str, set[tuple[int, str]]] = field(default_factory=dict)

    @classmethod
    def read(cls, manifests: Iterable[Manifest]) -> Landed:
        landed = cls()
        for manifest in manifests:
            landed.learn(manifest)
        return landed

    def learn(self, manifest: Manifest) -> None:
        """Know what a raw day holds, too."""
        for file in manifest.files:
            origin = file.extra["origin"]
            self.contents.setdefault(origin, set()).add(file.extra["sha256"])
            self.marks.setdefault(origin, set()).add((file.bytes, file.extra["stamp"]))
        for origin, (size, mark) in manifest.notes.get("touched", {}).items():
            self.marks.setdefault(origin, set()).add((size, mark))

    def unchanged(self, delivery: Delivery) -> bool:
        """True where this very file is known, as far as its size and stamp tell."""
        return (delivery.bytes, delivery.stamp) in self.marks.get(delivery.origin, ())


def due(
    inbox: Inbox, day: date, *, first_day: date, published: Collection[date], landed: Landed
) -> list[Delivery]:
    """The files that enter a day: those of its folder, and those added to a folder whose day is published.

    A folder whose day is not yet published keeps its files for that day; folders before the first day are
    left alone. Unchanged files are not due again.
    """
    return [
        delivery
        for delivery in inbox.deliveries
        if (
            delivery.delivered == day
            or (first_day <= delivery.delivered < day and delivery.delivered in published)
        )
        and not landed.unchanged(delivery)
    ]


@dataclass
class Taken:
    """What came of taking a day's files: new ones, known ones that were only touched, and what went wrong."""

    files: list[LakeFile] = field(default_factory=list)
    touched: dict[str, tuple[int, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def take(lake: Lake, day: date, inbox: Inbox, deliveries: Iterable[Delivery], landed: Landed) -> Taken:
    """Copy files into the raw day's folder, where they count once its manifest names them.

    A file that cannot be read, or changes while it is copied, is left for the next run and noted.
    """
    taken = Taken()
    for delivery in deliveries:
        known = landed.contents.get(delivery.origin, set())
        try:
            if known and _sha256(inbox, delivery) in known:
                taken.touched[delivery.origin] = (delivery.bytes, delivery.stamp)
                continue
            file = _copy(lake, day, inbox, delivery, len(known))
        except _UnreadableError as error:
            taken.notes.append(f"{delivery.origin} {error}; the next run tries again")
            continue
        if known:
            taken.notes.append(f"{delivery.origin} changed since it was landed; both versions count")
        taken.files.append(file)
    return taken


class _UnreadableError(Exception):
    """The inbox did not give a file whole. Failures of the lake are another matter and stop the run."""


class _Reading:
    """An open file of the inbox, whose failures are told from those of the lake it is copied to."""

    def __init__(self, inbox: Inbox, delivery: Delivery) -> None:
        self._handle = self._guarded(inbox.fs.open, delivery.path, "rb")

    def read(self, size: int) -> bytes:
        return cast(bytes, self._guarded(self._handle.read, size))

    def __enter__(self) -> _Reading:
        return self

    def __exit__(self, *_: object) -> None:
        self._handle.close()

    @staticmethod
    def _guarded(action: Callable[..., Any], *arguments: object) -> Any:
        try:
            return action(*arguments)
        except OSError as error:
            raise _UnreadableError(f"cannot be read ({error.strerror or type(error).__name__})") from error


def _copy(lake: Lake, day: date, inbox: Inbox, delivery: Delivery, version: int) -> LakeFile:
    # Not the stamp of the look: some object stores tell it otherwise in a listing than for one file.
    before = stamp_now(inbox, delivery.path)
    with _Reading(inbox, delivery) as incoming:
        file, sha256 = lake.put_stream(incoming, RAW, day, _raw_name(delivery, version))
    if (file.bytes, stamp_now(inbox, delivery.path)) != (delivery.bytes, before):
        raise _UnreadableError("changed while it was copied")
    extra = {
        "table": delivery.table,
        "format": delivery.format,
        "sha256": sha256,
        "delivered": delivery.delivered.isoformat(),
        "origin": delivery.origin,
        "stamp": delivery.stamp,
    }
    return LakeFile(file.name, None, file.bytes, extra)


def _sha256(inbox: Inbox, delivery: Delivery) -> str:
    digest = hashlib.sha256()
    with _Reading(inbox, delivery) as incoming:
        while piece := incoming.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _raw_name(delivery: Delivery, version: int) -> str:
    """A name no reader stumbles over, the same for the same deliveries: folder, name, mark of the origin."""
    stem, dot, endings = PurePosixPath(delivery.origin).name.partition(".")
    safe = re.sub(r"[^A-Za-z0-9-]+", "_", stem)[:80]
    ending = re.sub(r"[^a-z0-9.]+", "_", f"{dot}{endings}".lower())[-40:]
    mark = hashlib.sha256(f"{delivery.origin}#{version}".encode()).hexdigest()[:8]
    return f"{delivery.table}/{delivery.delivered}-{safe}-{mark}{ending}"
