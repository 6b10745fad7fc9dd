"""A lake that reads one home's deliveries and keeps all that is made of them elsewhere.

So a model can be tried out on a history without a trace in it: the home sees nothing that is written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import pyarrow as pa

from spark_jobs.contracts import contracts
from spark_jobs.lake import Lake, LakeError, LakeFile, Manifest

CONFORMED = frozenset(
    {"conform_count", "quarantine", "follow_state", "privacy_extension", "erased_mark"}
    | {name for name, dataset in contracts().items() if dataset.layer == "input"}
)
"""What conform and the privacy step leave behind; the same whatever the model."""


class ScratchLake(Lake):
    """The conformed tables of `source`, everything else under `root`, which is on the same file system."""

    def __init__(self, source: Lake, root: str) -> None:
        super().__init__(root)
        self._source = source

    def table_path(self, table: str) -> str:
        return self._source.table_path(table) if table in CONFORMED else super().table_path(table)

    def day_path(self, table: str, day: date) -> str:
        return self._source.day_path(table, day) if table in CONFORMED else super().day_path(table, day)

    def commit(
        self,
        table: str,
        day: date,
        files: Iterable[LakeFile],
        run_id: str,
        notes: Mapping[str, Any] | None = None,
    ) -> Manifest:
        self._refuse(table)
        return super().commit(table, day, files, run_id, notes)

    def put_parquet(self, table: str, day: date, rows: pa.Table, folder: str = "") -> LakeFile:
        self._refuse(table)
        return super().put_parquet(table, day, rows, folder)

    def drop_day(self, table: str, day: date) -> None:
        self._refuse(table)
        super().drop_day(table, day)

    def discard_uncommitted(self, table: str, days: Iterable[date]) -> None:
        self._refuse(table)
        super().discard_uncommitted(table, days)

    def _refuse(self, table: str) -> None:
        if table in CONFORMED:
            raise LakeError(f"{table} belongs to {self._source.root}, which is only read here.")

    def remove(self) -> None:
        """Delete everything under `root`."""
        folder = self._base.rsplit("/", 1)[0]
        if self._fs.exists(folder):
            self._fs.rm(folder, recursive=True)
