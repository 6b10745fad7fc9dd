"""The journal of a sync that is going on: numbered files, each there whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from fsspec.core import url_to_fs

from spark_jobs.lake import Lake

AREA = "activation"
"""Folder of the home with a folder a CRM."""


class Journal:
    """Numbered files of one sync that is going on, in their order."""

    def __init__(self, home: str, crm: str) -> None:
        self._crm = crm
        self._lake = Lake(home, AREA)
        self._folder = f"{self._lake.table_path(crm)}/journal"
        self._open = f"{self._lake.table_path(crm)}/open.json"
        self._next: int | None = None

    def add(self, entry: Mapping[str, Any]) -> None:
        if self._next is None:
            self._next = len(self._entries())
        self._lake.write_json(self._path(self._next), entry)
        self._next += 1

    def rows(self) -> list[dict[str, Any]]:
        """One row a record, with its last known fate; `sent` where no answer came."""
        rows: dict[str, dict[str, Any]] = {}
        for entry in self._entries():
            if entry["kind"] == "intents":
                for record in entry["records"]:
                    rows[record["contact_id"]] = {
                        **record,
                        "run_id": entry["run_id"],
                        "as_of": date.fromisoformat(entry["as_of"]) if entry["as_of"] else None,
                        "attempted_at": datetime.fromisoformat(entry["at"]),
                        "answered_at": None,
                        "status": "sent",
                        "message": None,
                        "sequence": len(rows),
                    }
            elif entry["kind"] == "answers":
                for record in entry["records"]:
                    row = rows[record["contact_id"]]
                    row["status"], row["message"] = record["status"], record["message"] or None
                    row["answered_at"] = datetime.fromisoformat(entry["at"])
                    if record["status"] in ("refused", "given_up"):
                        row["refusals"] += 1
        return list(rows.values())

    def open_handles(self) -> list[str]:
        """Beside the numbered files, because it outlives the sync that wrote it."""
        try:
            with self._lake.open(self._open, "rb") as handle:
                found: list[str] = json.load(handle)["handles"]
                return found
        except FileNotFoundError:
            return []

    def keep_open(self, handles: Sequence[str]) -> None:
        self._lake.write_json(self._open, {"handles": list(handles)})

    def clear(self) -> None:
        count = len(self._entries())
        fs, _ = url_to_fs(self._lake.root, use_listings_cache=False)
        # The last first: what a kill leaves is a whole beginning, and its run is in the lake already.
        for number in reversed(range(count)):
            fs.rm_file(self._path(number))
        self._next = None

    def _path(self, number: int) -> str:
        return f"{self._folder}/{number:06d}.json"

    def _entries(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            try:
                with self._lake.open(self._path(len(found)), "rb") as handle:
                    found.append(json.load(handle))
            except FileNotFoundError:
                return found
