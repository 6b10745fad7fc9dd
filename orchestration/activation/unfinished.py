"""What a plan that was let pass was about to write, until its run has come to its end.

Where a run is killed or an outage ends it, the next plan has its leftovers again. Nobody is asked twice about
them, and the records that it did not come to count among those that the CRM knows.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.core import url_to_fs

from orchestration.activation.journal import AREA
from orchestration.activation.mapping import CrmMapping, Values
from orchestration.activation.plan import Change
from spark_jobs.lake import Lake

FILE = "unfinished.parquet"

_SCHEMA = pa.schema([("contact_id", pa.string()), ("values", pa.string())])


class Unfinished:
    """The plan of one CRM that was let pass last. Without the file somebody may be asked once more."""

    def __init__(self, home: str, crm: str) -> None:
        self._area = Lake(home, AREA)
        self._path = f"{self._area.table_path(crm)}/{FILE}"

    def values(self) -> Mapping[str, Values]:
        """By contact what would have been written; nothing where the last run came to its end."""
        try:
            with self._area.open(self._path, "rb") as handle:
                rows = pq.read_table(handle).to_pylist()
        except FileNotFoundError:
            return {}
        return {row["contact_id"]: json.loads(row["values"]) for row in rows}

    def begun(self, changes: Iterable[Change], mapping: CrmMapping) -> None:
        """Write down a plan before its first call. Privacy is never asked about, so it is left out."""
        causing = [field.field for field in mapping.fields if not field.travels]
        rows = [
            {
                "contact_id": change.contact_id,
                "values": json.dumps(
                    {name: change.values[name] for name in causing if name in change.values},
                    ensure_ascii=False,
                ),
            }
            for change in changes
            if not change.privacy
        ]
        if not rows:
            self.ended()
            return
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, _SCHEMA), sink)
        self._area.write_bytes(self._path, sink.getvalue())

    def ended(self) -> None:
        """All of it was sent, whatever the CRM said to it."""
        fs, _ = url_to_fs(self._area.root, use_listings_cache=False)
        if fs.exists(self._path):
            fs.rm_file(self._path)
