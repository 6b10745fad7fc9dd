"""What became of every record ever sent: the lake's table `deliveries`, and a journal while a sync runs.

Before a call its records are written down as intents, after it the CRM's answers, each as one small file that
is there whole or not at all. So a crash at any moment leaves either an answer or an intent, and an intent
without an answer means: nobody knows, so send it again. When the sync ends, or when the next one begins, the
journal is folded into the lake.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from fsspec.core import url_to_fs

from orchestration.activation.journal import AREA, Journal
from orchestration.activation.mapping import Value, Values
from orchestration.activation.plan import AGAIN, UNCERTAIN, Change, Known
from orchestration.activation.standing import FILE, Standing
from orchestration.activation.unfinished import FILE as LEFT
from orchestration.activation.unfinished import Unfinished
from spark_jobs.arrow_schemas import arrow_schema
from spark_jobs.lake import Lake

TABLE, RUNS = "deliveries", "crm_sync"
COUNTS = (
    "planned", "confirmed", "emptied", "refused", "given_up", "failed", "unsent", "unchanged", "known",
    "resting",
)  # fmt: skip
"""What a run counts, in records."""

OUTBOX = "outbox"

# A CRM's reason is kept as text and nothing more: it is theirs, and may quote what was sent.
_LONGEST_MESSAGE = 500


_TICK = timedelta(microseconds=1)

_NEEDED = ("contact_id", "status", "sent_values", "left_alone", "refusals", "causes")


@dataclass(frozen=True, slots=True)
class Answer:
    """The fate of one record of a run. `status` is one of the contract's."""

    contact_id: str
    status: str
    message: str | None = None


@dataclass
class SyncRun:
    """One run of a sync as a row of `crm_sync`. Counts are records."""

    crm: str
    run_id: str
    as_of: date | None
    started_at: datetime
    status: str = "done"
    reason: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    batch_size: int = 0


class Deliveries:
    """The deliveries of one CRM."""

    def __init__(self, home: str, crm: str) -> None:
        self.crm = crm
        self._lake = Lake(home)
        self._journal = Journal(home, crm)
        self._standing = Standing(home, crm)
        self.unfinished = Unfinished(home, crm)
        self._latest: datetime | None = None

    # --- reading ------------------------------------------------------------------------------

    def known(self, record_of: Callable[[str], str] = str) -> dict[str, Known]:
        """What is known of each record, from the lake and from a journal that was not folded yet.

        `record_of`: what is the same for ids that mean one record, which is named by the last of them.
        """
        found: dict[str, Known] = {}
        ids: dict[str, str] = {}
        # What is in the journal was sent after all that is in the lake.
        for row in [*self._lake_rows(), *self._journal.rows()]:
            record = record_of(row["contact_id"])
            found[record], ids[record] = _after(found.get(record, Known()), row), row["contact_id"]
        return {ids[record]: known for record, known in found.items()}

    def through(self) -> date | None:
        """The newest day whose values were sent to this CRM; None where nothing was sent."""
        newest = [row["as_of"] for row in self._journal.rows()]
        newest.append(self._standing.through())
        return max((day for day in newest if day is not None), default=None)

    def unsettled(self) -> list[str]:
        """Handles of work that the CRM may still be doing for a run that ended early."""
        return self._journal.open_handles()

    def _lake_rows(self) -> list[dict[str, Any]]:
        sent = self._standing.rows()
        if sent is None:
            return []
        return [{**row, "values": _decoded(row["sent_values"])} for row in sent.select(_NEEDED).to_pylist()]

    # --- writing ------------------------------------------------------------------------------

    def intend(self, run: SyncRun, changes: Sequence[Change], theirs: Mapping[str, Iterable[str]]) -> None:
        """Write down what is about to be sent; `theirs` are fields left out, by contact."""
        # What is sent later is later here too, also where the clock was set back.
        self._latest = max(datetime.now(UTC), self._last_attempt() + _TICK)
        self._journal.add(
            {
                "kind": "intents",
                "run_id": run.run_id,
                "as_of": run.as_of,
                "at": self._latest,
                "records": [
                    {
                        "contact_id": change.contact_id,
                        "person_id": change.person_id,
                        "action": change.action,
                        "causes": list(change.causes),
                        "values": dict(change.values),
                        "refusals": change.refusals,
                        "left_alone": sorted(theirs.get(change.contact_id, ())),
                    }
                    for change in changes
                ],
            }
        )

    def _last_attempt(self) -> datetime:
        if self._latest is None:
            days = self._lake.days(TABLE)
            newest = self._lake.read_arrow(TABLE, days[-1], ["attempted_at"]) if days else None
            found = pc.max(newest["attempted_at"]).as_py() if newest is not None and newest.num_rows else None
            self._latest = found.replace(tzinfo=UTC) if found else datetime.min.replace(tzinfo=UTC)
        return self._latest

    def own_id(self, run_id: str) -> str:
        """This id, or where a sync of this CRM has it already, the same with a number."""
        days = self._lake.days(RUNS)[-2:]
        found = [self._lake.read_arrow(RUNS, day, ["crm", "run_id"]) for day in days]
        rows = [row for table in found if table is not None and table.num_rows for row in table.to_pylist()]
        taken = {row["run_id"] for row in rows if row["crm"] == self.crm}
        numbers = (f"{run_id}-{number}" for number in itertools.count(2))
        return next(one for one in itertools.chain([run_id], numbers) if one not in taken)

    def answer(self, answers: Iterable[Answer]) -> None:
        """Write down what the CRM said. A later answer about the same record replaces an earlier one."""
        records = [
            {"contact_id": a.contact_id, "status": a.status, "message": (a.message or "")[:_LONGEST_MESSAGE]}
            for a in answers
        ]
        self._journal.add({"kind": "answers", "at": datetime.now(UTC), "records": records})

    def begun(self, handle: str) -> None:
        """Write down that the CRM has begun something that outlives the call."""
        self._journal.keep_open([*self._journal.open_handles(), handle])

    def ended(self, handles: Collection[str]) -> None:
        """Write down that this goes on no more."""
        before = self._journal.open_handles()
        left = [handle for handle in before if handle not in handles]
        if left != before:
            self._journal.keep_open(left)

    def fold(self) -> int:
        """Move the journal into the lake; the rows moved. A journal that was moved before is only removed."""
        rows = self._journal.rows()
        by_day: dict[date, list[dict[str, Any]]] = {}
        for row in rows:
            by_day.setdefault(row["attempted_at"].date(), []).append(row)
        for day, found in by_day.items():
            run_id = found[0]["run_id"]
            # The moment tells two syncs of one run apart.
            mark = f"{self.crm}/{run_id}/{min(row['attempted_at'] for row in found).isoformat()}"
            manifest = self._lake.manifest(TABLE, day)
            files = list(manifest.files) if manifest else []
            if any(file.extra.get("sync") == mark for file in files):
                continue
            file = self._lake.put_parquet(TABLE, day, _arrow(TABLE, [_lake_row(self.crm, r) for r in found]))
            marked = type(file)(file.name, file.rows, file.bytes, {"sync": mark})
            self._lake.commit(TABLE, day, [*files, marked], run_id)
        self._journal.clear()
        return len(rows)

    def record(self, run: SyncRun) -> None:
        """Write the run itself, whatever became of it."""
        ended = datetime.now(UTC)
        row = {
            "crm": run.crm,
            "run_id": run.run_id,
            "as_of": run.as_of,
            "started_at": run.started_at,
            "ended_at": ended,
            "status": run.status,
            "reason": run.reason,
            "calls": run.calls,
            "batch_size": run.batch_size,
            **dict.fromkeys(COUNTS, 0),
            **run.counts,
        }
        day = run.started_at.date()
        manifest = self._lake.manifest(RUNS, day)
        file = self._lake.put_parquet(RUNS, day, _arrow(RUNS, [row]))
        self._lake.commit(RUNS, day, [*(manifest.files if manifest else ()), file], run.run_id)
        self._standing.renew(day)


Note = Callable[[str, str, str, int], None]
"""Takes down what is about to be done: place, what is rewritten there as it is now, deed, rows."""


def forget(
    home: str, contacts: Iterable[tuple[str, str]], run_id: str, note: Note = lambda *about: None
) -> int:
    """Remove what was sent about erased contacts, given as (crm, contact_id); the rows changed.

    The contact's id stays: a record without values is what tells the next sync to empty it in the CRM,
    before anything else and whatever the guards say. Files with a plan or with what a sync wrote out go or
    are written anew.
    """
    lake, wanted, changed = Lake(home), set(contacts), 0
    for crm in sorted({crm for crm, _ in wanted}):
        Deliveries(home, crm).fold()
        _forget_files(home, crm, {contact_id for name, contact_id in wanted if name == crm}, note)
    for day in lake.days(TABLE):
        manifest, sent = lake.manifest(TABLE, day), lake.read_arrow(TABLE, day)
        if manifest is None or sent is None or not sent.num_rows:
            continue
        ours = pc.is_in(sent["contact_id"], pa.array([contact_id for _, contact_id in wanted], pa.string()))
        if not pc.any(ours).as_py():
            continue
        rows = sent.to_pylist()
        hit = [row for row in rows if (row["crm"], row["contact_id"]) in wanted and _tells(row)]
        if not hit:
            continue
        for row in hit:
            values = _decoded(row["sent_values"]) or {}
            emptied = bool(values) and all(value is None for value in values.values())
            row["sent_values"] = row["sent_values"] if emptied else None
            row["person_id"] = row["message"] = None
        note(f"lake/{TABLE}", f"{day} {' '.join(f.name for f in manifest.files)}", "emptied", len(hit))
        # Of several runs this is one file now; their journals cannot come again, they were folded above.
        file = lake.put_parquet(TABLE, day, _arrow(TABLE, rows))
        lake.commit(TABLE, day, [file], run_id, manifest.notes)
        changed += len(hit)
    return changed


def _forget_files(home: str, crm: str, contact_ids: Collection[str], note: Note) -> None:
    """Remove what can be made again, as the CRM's plan, and these contacts' lines in its outbox."""
    lake = Lake(home, AREA)
    fs, _ = url_to_fs(lake.root, use_listings_cache=False)
    folder = lake.table_path(crm)
    for path in [*fs.glob(f"{folder}/plan.*"), *fs.glob(f"{folder}/{FILE}"), *fs.glob(f"{folder}/{LEFT}")]:
        note(f"{AREA}/{crm}/plan", str(path), "rebuilt", 0)
        fs.rm_file(path)
    for path in fs.glob(f"{folder}/{OUTBOX}/*.jsonl"):
        with lake.open(path, "rb") as handle:
            lines = handle.read().splitlines(keepends=True)
        kept = [line for line in lines if json.loads(line)["contact_id"] not in contact_ids]
        if len(kept) < len(lines):
            note(f"{AREA}/{crm}/{OUTBOX}", f"{path} {len(lines)}", "removed", len(lines) - len(kept))
            lake.write_bytes(str(path), b"".join(kept))


def _tells(row: Mapping[str, Any]) -> bool:
    """Whether a row says more about its contact than that there was something to send."""
    return any(row[name] is not None for name in ("sent_values", "person_id", "message"))


def _after(known: Known, row: Mapping[str, Any]) -> Known:
    """What is known of a record after one more delivery."""
    values, status = row["values"], row["status"]
    if status in ("confirmed", "emptied"):
        if values is None:
            return Known(forgotten=True)
        # What got no answer right before may have been under way still, and have come after this.
        unanswered = known.unanswered if UNCERTAIN in (row["causes"] or ()) else ()
        return Known(confirmed=values, theirs=frozenset(row["left_alone"] or ()), unanswered=unanswered)
    if status in ("refused", "given_up"):
        refusals = 0 if values is None else row["refusals"] or 0
        # Who was sent for being unsure and refused is as unsure as before.
        uncertain = known.uncertain or not {UNCERTAIN, AGAIN}.isdisjoint(row["causes"] or ())
        return replace(known, refused=values, refusals=refusals, uncertain=uncertain)
    unanswered = known.unanswered if values is None else (*known.unanswered, values)
    return replace(known, uncertain=True, unanswered=unanswered)


def _lake_row(crm: str, row: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Value] | None = row["values"]
    encoded = None if values is None else json.dumps(values, ensure_ascii=False, sort_keys=True)
    return {**row, "crm": crm, "sent_values": encoded}


def _decoded(text: str | None) -> Values | None:
    found: Values | None = None if text is None else json.loads(text)
    return found


def _arrow(table: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    schema = arrow_schema(table)
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema)
