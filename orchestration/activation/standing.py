"""What the deliveries of past days come to: of each record the rows that a plan still needs, in one file.

A plan would otherwise read more with each day, for ever. The file is made of the lake and can be lost; it
counts only as long as the days that it covers are what they were.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from datetime import date

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orchestration.activation.journal import AREA
from orchestration.activation.plan import UNCERTAIN
from spark_jobs.lake import Lake

FILE = "standing.parquet"

_TABLE = "deliveries"
_COLUMNS = (
    "crm", "contact_id", "attempted_at", "status", "sent_values", "left_alone", "refusals", "causes", "as_of",
)  # fmt: skip

# No call is carried out later than so many days after it was sent.
_LATE_DAYS = 3

_STILL_NEEDED = """
    select * exclude (confirmed_at, sure_again_at, was_unsure)
    from (
        select
            *,
            max(attempted_at) filter (where status in ('confirmed', 'emptied'))
                over (partition by contact_id) as confirmed_at,
            max(attempted_at) filter (where status in ('confirmed', 'emptied') and was_unsure)
                over (partition by contact_id) as sure_again_at
        from (select *, list_contains(causes, $unsure) as was_unsure from sent where crm = $crm)
    )
    where confirmed_at is null
        or attempted_at >= confirmed_at
        or (
            sure_again_at = confirmed_at
            and status in ('sent', 'failed')
            and attempted_at >= confirmed_at - to_days($days)
        )
    order by attempted_at
"""


class Standing:
    """The deliveries of one CRM, as far as a plan needs them."""

    def __init__(self, home: str, crm: str) -> None:
        self._lake, self._area, self._crm = Lake(home), Lake(home, AREA), crm
        self._path = f"{self._area.table_path(crm)}/{FILE}"

    def rows(self) -> pa.Table | None:
        """Of each record the last row that was confirmed, what was tried since, and what it followed."""
        covers, before, _ = self._kept()
        return self._reduced(
            [before, *self._read(day for day in self._lake.days(_TABLE) if day not in covers)]
        )

    def through(self) -> date | None:
        """The newest day whose values were sent; None where nothing was."""
        covers, _, through = self._kept()
        found = [through]
        for day in self._lake.days(_TABLE):
            table = None if day in covers else self._lake.read_arrow(_TABLE, day, ["crm", "as_of"])
            if table is not None and table.num_rows:
                found.append(pc.max(table.filter(pc.equal(table["crm"], self._crm))["as_of"]).as_py())
        return max((day for day in found if day is not None), default=None)

    def renew(self, today: date) -> None:
        """Cover every day before `today`: of today there is more to come."""
        covers, before, _ = self._kept()
        past = self._lake.manifests(_TABLE, [day for day in self._lake.days(_TABLE) if day < today])
        if covers.keys() == past.keys():
            return
        found = self._reduced([before, *self._read(day for day in past if day not in covers)])
        if found is None:
            return
        through = self.through()
        notes = {
            "covers": json.dumps(
                {day.isoformat(): entry.written_at.isoformat() for day, entry in past.items()}
            ),
            "through": through.isoformat() if through else "",
        }
        sink = io.BytesIO()
        pq.write_table(found.replace_schema_metadata(notes), sink)
        self._area.write_bytes(self._path, sink.getvalue())

    def _kept(self) -> tuple[Mapping[date, str], pa.Table | None, date | None]:
        """The days that the file covers, its rows, the newest day sent; nothing where it is out of date."""
        try:
            with self._area.open(self._path, "rb") as handle:
                table = pq.read_table(handle)
        except FileNotFoundError:
            return {}, None, None
        notes = table.schema.metadata or {}
        covers = {date.fromisoformat(day): at for day, at in json.loads(notes[b"covers"]).items()}
        now = self._lake.manifests(_TABLE, covers)
        if {day: entry.written_at.isoformat() for day, entry in now.items()} != covers:
            return {}, None, None
        through = notes[b"through"].decode()
        return covers, table.replace_schema_metadata(None), date.fromisoformat(through) if through else None

    def _read(self, days: Iterable[date]) -> list[pa.Table | None]:
        return [self._lake.read_arrow(_TABLE, day, _COLUMNS) for day in days]

    def _reduced(self, tables: Iterable[pa.Table | None]) -> pa.Table | None:
        full = [table for table in tables if table is not None and table.num_rows]
        if not full:
            return None
        with duckdb.connect() as connection:
            connection.execute("set timezone = 'UTC'")
            connection.register("sent", pa.concat_tables(full, promote_options="permissive"))
            given = {"crm": self._crm, "unsure": UNCERTAIN, "days": _LATE_DAYS}
            return connection.execute(_STILL_NEEDED, given).to_arrow_table()
