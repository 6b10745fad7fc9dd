"""One day of one network through dlt: its source is run, and what it yields becomes files of the raw lake.

dlt extracts and loads; a destination of our own copies each file it made into the day's folder. dlt keeps no
state between runs: the raw manifests say what was received, so its working folder may vanish at any time.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.parquet as pq
from dlt.common.configuration.container import Container
from dlt.common.configuration.providers import CustomLoaderDocProvider
from dlt.common.configuration.providers.provider import ConfigProvider
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.runtime.run_context import RunContext
from dlt.common.schema import TTableSchema
from dlt.extract import DltSource

from orchestration.connectors.registry import ConnectorError
from spark_jobs.lake import Lake, LakeFile

_OPTIONS = {
    "runtime": {
        "dlthub_telemetry": False,
        "intercept_signals": False,  # Ctrl-C belongs to whoever called us
        "log_level": "CRITICAL",  # what fails is raised, and told once
    },
    "enable_runtime_trace": False,
    "restore_from_destination": False,
    "normalize": {"workers": 1},  # a pool of processes would cost more than the work it shares
    "load": {"workers": 1, "delete_completed_jobs": True, "raise_on_max_retries": 1},
    "data_writer": {"compression": "zstd", "arrow_concat_promote_options": "default"},
}


class _Isolated(RunContext):
    """dlt's surroundings, with nothing from this machine: no ~/.dlt, no dlt variables, no telemetry."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self._folder = str(folder)

    @property
    def global_dir(self) -> str:
        return self._folder

    @property
    def data_dir(self) -> str:
        return self._folder

    @property
    def local_dir(self) -> str:
        return self._folder

    @property
    def run_dir(self) -> str:
        return self._folder

    def initial_providers(self) -> list[ConfigProvider]:
        return [CustomLoaderDocProvider("stature", lambda: _OPTIONS, supports_secrets=False)]


@contextmanager
def workspace(lake: Lake, source: str) -> Iterator[Path]:
    """An empty working folder for dlt, gone afterwards: `<home>/dlt/<source>`, or a temporary one if remote.

    It holds copies of what was received, which must not outlive an erasure: what a killed run left goes too.
    """
    home = lake.local_root
    if home is None:
        folder = Path(tempfile.mkdtemp(prefix="stature-dlt-"))
    else:
        folder = home / "dlt" / source
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    # The container makes a context of its own, with telemetry and ~/.dlt, for whoever asks before this.
    Container()[PluggableRunContext] = PluggableRunContext(_Isolated(folder))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def pull_day(name: str, source: DltSource, lake: Lake, day: date, folder: Path) -> list[LakeFile]:
    """Run a day's source; its files, in the raw day's folder and named by no manifest yet.

    ConnectorError, with dlt's wrapping taken off, where the source or the copying failed.
    """
    files: list[LakeFile] = []
    failures: list[Exception] = []

    def keep(path: Any, table: TTableSchema) -> None:
        try:
            bare = _without_dlt(Path(path), folder / "bare.parquet")
            files.append(_keep(name, lake, day, bare, str(table["name"]), {file.name for file in files}))
        except Exception as error:
            failures.append(error)  # dlt hands on the text of it alone
            raise

    destination = dlt.destination(
        keep, name="lake", loader_file_format="parquet", batch_size=0, max_parallel_load_jobs=1
    )
    pipeline = dlt.pipeline(name, destination=destination, pipelines_dir=str(folder), dataset_name="raw")
    try:
        pipeline.run(source, loader_file_format="parquet")
    except Exception as error:
        cause = failures[0] if failures else _first_cause(error)
        raise ConnectorError(f"{name} could not be landed for {day}: {_text(cause)}") from error
    return sorted(files, key=lambda file: file.name)


def _keep(source: str, lake: Lake, day: date, path: Path, table: str, taken: set[str]) -> LakeFile:
    """Copy one of dlt's files. Its name is its content's: dlt hands a table's files over in any order."""
    with path.open("rb") as handle:
        content = hashlib.file_digest(handle, "sha256").hexdigest()
    names = (f"{table}/part-{content[:12]}-{copy}.parquet" for copy in count(1))
    name = next(name for name in names if name not in taken)
    with path.open("rb") as handle:
        file, sha256 = lake.put_stream(handle, f"raw/{source}", day, name)
    extra = {
        "table": table,
        "format": "parquet",
        "sha256": sha256,
        "delivered": day.isoformat(),
        "origin": f"{source}/{day}/{file.name}",
    }
    return LakeFile(file.name, pq.ParquetFile(path).metadata.num_rows, file.bytes, extra)


def _without_dlt(path: Path, bare: Path) -> Path:
    """The file, or where dlt added columns to it (to rows, never to Arrow tables) a copy without, at `bare`.

    The raw lake holds what was received, and ids that dlt draws would make every pull another one.
    """
    read = pq.ParquetFile(path)
    received = [name for name in read.schema_arrow.names if not name.startswith("_dlt_")]
    if received == read.schema_arrow.names:
        return path
    schema = pa.schema([read.schema_arrow.field(name) for name in received])
    with pq.ParquetWriter(bare, schema, compression="zstd") as writer:
        for batch in read.iter_batches(columns=received):
            writer.write_batch(batch)
    return bare


def _first_cause(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _text(error: BaseException) -> str:
    return str(error) if isinstance(error, ConnectorError) else f"{type(error).__name__}: {error}"
