"""A day's answers made into contract rows: from lake/raw/<network> into lake/mapped/<network>.

The mapped rows have a manifest of their own, which names the mapping's version and counts answers, rows and
refusals. Mapping again needs nothing but the raw day, and for the ends of follows those before it.
"""

from __future__ import annotations

import hashlib
import inspect
import itertools
import json
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orchestration.connectors import (
    answers,
    contract_rows,
    crm,
    fields,
    follow_lists,
    graph_api,
    hypertext,
    reactions,
    replies,
    sites,
    snapshots,
)
from orchestration.connectors.answers import Answer, Reading, Refused, Row
from orchestration.connectors.network import NetworkModule
from orchestration.connectors.pulling import BODY_FAULTS, midnight, reading
from orchestration.connectors.snapshots import settled
from orchestration.connectors.texts import taxonomy
from orchestration.settings import Settings
from spark_jobs.arrow_schemas import delivered_schema
from spark_jobs.contracts import Field, contracts
from spark_jobs.jobs.conform_files import ANSWERS, REFUSED
from spark_jobs.lake import Lake, LakeError, LakeFile, Manifest

ANSWER_SCHEMA = pa.schema(
    [
        pa.field("endpoint", pa.string(), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("status", pa.int32(), nullable=False),
        pa.field("body", pa.string(), nullable=False),
        pa.field("received_at", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("about", pa.string(), nullable=False),
    ]
)
REFUSED_SCHEMA = pa.schema([("reason", pa.string()), ("detail", pa.string()), ("answer", pa.int64())])

# What mappings share: where it changes, they do.
_SHARED = (
    answers, contract_rows, crm, fields, follow_lists, graph_api, hypertext, reactions, replies, sites,
    snapshots,
)  # fmt: skip

_AT_ONCE = 20_000  # rows of a table in memory


@dataclass
class Counts:
    """What became of a day's answers: `failed` ones are kept and say nothing to a mapping."""

    answers: int = 0
    failed: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        return {
            "answers": self.answers,
            "failed": self.failed,
            "rows": dict(sorted(self.rows.items())),
            "refused": dict(sorted(self.refused.items())),
        }


def table_of(network: str) -> str:
    """The lake's table of a network's mapped rows."""
    return f"mapped/{network}"


def version_of(module: NetworkModule, settings: Settings) -> str:
    """Twelve hexadecimal digits that change when the mapping or the taxonomy does."""
    digest = hashlib.sha256(taxonomy(settings).digest.encode())
    for part in (module, *_SHARED):
        file = Path(str(inspect.getsourcefile(part)))  # type: ignore[arg-type]
        files = sorted(file.parent.glob("*.py")) if file.name == "__init__.py" else [file]
        for path in files:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def read_answers(
    lake: Lake, network: str, manifest: Manifest, endpoints: Collection[str] | None = None
) -> Iterator[Answer]:
    """The answers of a raw day, of these endpoints or of all, in the order in which they came."""
    for file in manifest.files:
        if file.extra.get("table") != ANSWERS:
            continue
        with lake.open(f"{lake.day_path(f'raw/{network}', manifest.day)}/{file.name}") as handle:
            for batch in pq.ParquetFile(handle).iter_batches(batch_size=256):
                wanted = batch if endpoints is None else batch.filter(_is_of(batch, endpoints))
                for row in wanted.to_pylist():
                    received = row["received_at"].astimezone(UTC)
                    about = json.loads(row["about"])
                    yield Answer(
                        network, row["endpoint"], row["url"], row["status"], row["body"], received, about
                    )


def _is_of(batch: pa.RecordBatch, endpoints: Collection[str]) -> pa.Array:
    return pc.is_in(batch["endpoint"], pa.array(sorted(endpoints), pa.string()))


def map_day(settings: Settings, lake: Lake, module: NetworkModule, day: date, run_id: str) -> Manifest:
    """Map a raw day's answers, and commit the day of mapped rows. LakeError where there is no raw day."""
    network = module.NETWORK
    raw = lake.manifest(f"raw/{network.name}", day)
    if raw is None:
        raise LakeError(f"raw/{network.name} has no {day} to map.")
    since, until = (
        datetime.fromisoformat(str(raw.notes[name])) if name in raw.notes else midnight(day)
        for name in ("since", "until")
    )
    table = table_of(network.name)
    counts = Counts()
    lake.discard_uncommitted(table, [day])
    with tempfile.TemporaryDirectory(prefix="stature-map-") as folder:
        sheets = _Sheets(Path(folder))
        found = _mapped(
            module, read_answers(lake, network.name, raw), reading(settings, day, since, until), counts
        )
        ended = _ended_follows(lake, module, raw, reading(settings, day, since, until))
        for at, row in settled(itertools.chain(found, ended), day):
            refused = row if isinstance(row, Refused) else sheets.add(row)
            if refused is None:
                counts.rows[str(row.table)] += 1  # type: ignore[union-attr]
            else:
                counts.refused[refused.reason] += 1
                sheets.refuse(refused, at)
        if sheets.accounts:
            counts.rows["accounts"] = len(sheets.accounts)
        files = [_keep(lake, network.name, day, name, path, rows) for name, path, rows in sheets.close()]
    notes = {"mapping": version_of(module, settings), "raw": raw.written_at.isoformat()} | counts.as_json()
    return lake.commit(table, day, sorted(files, key=lambda file: file.name), run_id, notes)


def _mapped(
    module: NetworkModule, found: Iterator[Answer], reading: Reading, counts: Counts
) -> Iterator[tuple[int, Row | Refused]]:
    """The rows of the answers, each with its answer's place. A mapping that fails loses that answer alone."""
    gone = module.NETWORK.gone
    for at, answer in enumerate(found, start=1):
        counts.answers += 1
        if not answer.ok and answer.status not in gone:
            counts.failed += 1
            continue
        try:
            for row in module.rows(answer, reading):
                yield at, row
        except BODY_FAULTS as error:
            yield at, Refused("bad_type", f"{answer.endpoint}: the mapping failed: {type(error).__name__}")


def _ended_follows(
    lake: Lake, module: NetworkModule, raw: Manifest, reading: Reading
) -> Iterator[tuple[int, Row]]:
    """The follows that today's complete lists name no more; no single answer says so."""
    network = module.NETWORK
    if not network.follow_lists:
        return
    table = f"raw/{network.name}"

    def lists_of(manifest: Manifest) -> Mapping[follow_lists.Whose, follow_lists.FollowList]:
        told = read_answers(lake, network.name, manifest, network.follow_lists)
        return follow_lists.lists_of(module, told, reading)

    days = sorted(day for day in lake.days(table) if day < raw.day)
    before = (
        lists_of(manifest)
        for day in reversed(days[-follow_lists.LOOK_BACK :])
        if (manifest := lake.manifest(table, day)) is not None
    )
    for row in follow_lists.unfollows(network.name, lists_of(raw), before, reading):
        yield 0, row


class _Sheets:
    """One Parquet file a table, written as rows come; of each account one snapshot, of all that was said.

    Services describe an account in full once and by its name alone beside each thing it did. The newest
    snapshot counts, so what a later line leaves out must not hide what an earlier one said.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._datasets = {name: d for name, d in contracts().items() if d.layer == "input"}
        self._columns: dict[str, dict[str, list[Any]]] = {}
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._rows: Counter[str] = Counter()
        self.accounts: dict[tuple[Any, str], dict[str, Any]] = {}

    def add(self, row: Row) -> Refused | None:
        """Take a row; or say why its values cannot be what its contract has there."""
        dataset = self._datasets.get(row.table)
        if dataset is None:
            return Refused("missing_column", f"there is no input table {row.table}")
        known = {f.name: f for f in dataset.input_fields}
        if strange := sorted(row.values.keys() - known.keys()):
            return Refused("missing_column", f"{row.table} has no column {strange[0]}")
        for name, value in row.values.items():
            if value is not None and (reason := _unfit(known[name], value)):
                return Refused(
                    reason, f"{row.table}.{name}: a {type(value).__name__} that is no {known[name].type}"
                )
        if row.table == "accounts" and isinstance(row.values.get("account_id"), str):
            said = {name: value for name, value in row.values.items() if value is not None}
            key = (row.values.get("network"), row.values["account_id"])
            self.accounts.setdefault(key, {}).update(said)
        else:
            self._append(row.table, delivered_schema(dataset), row.values)
        return None

    def refuse(self, refused: Refused, at: int) -> None:
        detail = refused.detail.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")[:300]
        values = {"reason": refused.reason, "detail": detail, "answer": at}
        self._append(REFUSED, REFUSED_SCHEMA, values)

    def close(self) -> Iterator[tuple[str, Path, int]]:
        """Name, path and number of rows of each file."""
        for account in self.accounts.values():
            self._append("accounts", delivered_schema(self._datasets["accounts"]), account)
        for name in sorted(self._columns):
            self._flush(name)
            self._writers[name].close()
            yield name, self._folder / f"{name}.parquet", self._rows[name]

    def _append(self, name: str, schema: pa.Schema, values: Mapping[str, Any]) -> None:
        if name not in self._writers:
            self._writers[name] = pq.ParquetWriter(
                self._folder / f"{name}.parquet", schema, compression="zstd"
            )
            self._columns[name] = {column: [] for column in schema.names}
        columns = self._columns[name]
        for column, held in columns.items():
            held.append(values.get(column))
        self._rows[name] += 1
        if self._rows[name] % _AT_ONCE == 0:
            self._flush(name)

    def _flush(self, name: str) -> None:
        writer, columns = self._writers[name], self._columns[name]
        arrays = [pa.array(columns[f.name], f.type) for f in writer.schema]
        if arrays and len(arrays[0]):
            writer.write_table(pa.Table.from_arrays(arrays, schema=writer.schema))
        for held in columns.values():
            held.clear()


def _unfit(column: Field, value: Any) -> str | None:
    """Why a value cannot be in a column at all; whether it keeps the contract's rules is conform's task."""
    if column.type == "string":
        return _no_text(value)
    if column.type == "array<string>" and isinstance(value, list):
        return next((reason for each in value if (reason := _no_text(each))), None)
    if column.type in ("bigint", "int") and isinstance(value, int) and not isinstance(value, bool):
        return None if abs(value) < 2 ** (63 if column.type == "bigint" else 31) else "out_of_range"
    fits = {
        "timestamp": isinstance(value, datetime) and value.tzinfo is not None,
        "double": isinstance(value, float | int) and not isinstance(value, bool),
        "boolean": isinstance(value, bool),
        "date": isinstance(value, date),
    }
    return None if fits.get(column.type) else "bad_type"


def _no_text(value: Any) -> str | None:
    if not isinstance(value, str):
        return "bad_type"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "bad_text"
    return None


def _keep(lake: Lake, network: str, day: date, name: str, path: Path, rows: int) -> LakeFile:
    """Copy a file into the mapped day, under its content's name."""
    with path.open("rb") as handle:
        content = hashlib.file_digest(handle, "sha256").hexdigest()
    with path.open("rb") as handle:
        file, sha256 = lake.put_stream(handle, table_of(network), day, f"{name}/part-{content[:12]}.parquet")
    refused = name == REFUSED
    extra = {
        "table": ANSWERS if refused else name,
        "format": REFUSED if refused else "parquet",
        "sha256": sha256,
        "delivered": day.isoformat(),
        "origin": f"{network}/{day}/{file.name}",
    }
    return LakeFile(file.name, rows, file.bytes, extra)
