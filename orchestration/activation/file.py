"""A CRM that takes files: what a sync sends is written out as JSON lines, for whoever loads them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from orchestration.activation.deliveries import OUTBOX
from orchestration.activation.destination import Outcome, Record, Work
from orchestration.activation.journal import AREA
from orchestration.activation.mapping import Values
from spark_jobs.lake import Lake


class FileDestination:
    """One file a batch in `<home>/activation/<crm>/outbox`, there whole or not at all."""

    batch_size = at_once = 50_000
    writable: frozenset[str] | None = None

    def __init__(self, home: str, crm: str, run_id: str) -> None:
        self.calls = 0
        self._lake = Lake(home, AREA)
        self._name = f"{self._lake.table_path(crm)}/{OUTBOX}/{run_id}"

    def send(self, records: Sequence[Record], work: Work) -> list[Outcome]:
        self.calls += 1
        lines = [{"contact_id": record.contact_id, "values": dict(record.values)} for record in records]
        text = "".join(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in lines)
        self._lake.write_bytes(f"{self._name}-{self.calls:04d}.jsonl", text.encode())
        return [Outcome(record.contact_id, "confirmed") for record in records]

    def settle(self, handle: str) -> None:
        """Nothing goes on after a call."""

    def read(self, contact_ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Values] | None:
        return None

    def close(self) -> None:
        """Nothing is open."""
