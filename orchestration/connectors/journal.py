"""The journal of a pull: every answer on the disk as it arrives, so that a stopped pull asks nothing twice.

One line an answer, `<home>/pulls/<network>/<day>.jsonl`. It holds answers as they may be stored (texts
reduced) and goes when the day is in the lake. A line that a crash tore is the last one, and is dropped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from orchestration.connectors.answers import Answer

_VERSION = 1


@dataclass(frozen=True)
class Entry:
    """An answer, and what the pull made of it.

    `key` tells the request. `failed` says why the answer is none that was hoped for, `again` whether asking
    once more may help. `paging` is where the list stood after this page; None where it is no page.
    """

    key: str
    answer: Answer
    failed: str | None = None
    again: bool = False
    paging: Mapping[str, Any] | None = None


class Journal:
    """The answers of one network's day. Use it as a context; `started` is when the pull first began, UTC."""

    def __init__(self, path: Path, now: datetime) -> None:
        self.path = path
        self.started = now
        self._places: dict[str, int] = {}
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Journal:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a+b")
        whole = self._index()
        self._file.truncate(whole)
        if whole == 0:
            self._write({"version": _VERSION, "started": self.started.isoformat()})
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def __len__(self) -> int:
        return len(self._places)

    def find(self, key: str) -> Entry | None:
        """What the journal holds for a request."""
        at = self._places.get(key)
        return None if at is None else self._read(at)

    def add(self, entry: Entry) -> None:
        """Write an answer down; it is on the disk afterwards. Of one request the last answer counts."""
        answer = asdict(entry.answer) | {"received_at": entry.answer.received_at.isoformat()}
        line = {"key": entry.key, "failed": entry.failed, "again": entry.again, "paging": entry.paging}
        self._places[entry.key] = self._write(line | {"answer": answer})

    def entries(self) -> Iterator[Entry]:
        """Every request's last answer, in the order in which they came."""
        for at in sorted(self._places.values()):
            yield self._read(at)

    def remove(self) -> None:
        """Delete the file: what it held is in the lake, or nobody waits for it any more."""
        self.__exit__()
        self.path.unlink(missing_ok=True)

    def _index(self) -> int:
        """Find the places of all whole lines; where they end."""
        file = self._opened()
        file.seek(0)
        end = 0
        for line in file:
            try:
                content = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                content = None
            if not isinstance(content, dict):
                break  # torn by a crash; nothing was written after it
            if end == 0:
                if content.get("version") != _VERSION:
                    break  # written by another release: the pull begins again
                self.started = datetime.fromisoformat(content["started"])
            else:
                self._places[content["key"]] = end
            end += len(line)
        return end

    def _write(self, content: Mapping[str, Any]) -> int:
        file = self._opened()
        at = file.seek(0, os.SEEK_END)
        file.write(json.dumps(content).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
        return at

    def _read(self, at: int) -> Entry:
        file = self._opened()
        file.seek(at)
        content = json.loads(file.readline())
        received = datetime.fromisoformat(content["answer"]["received_at"]).astimezone(UTC)
        answer = Answer(**content["answer"] | {"received_at": received})
        return Entry(content["key"], answer, content["failed"], content["again"], content["paging"])

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            raise ValueError("the journal is not open")
        return self._file
