"""The home on this machine: its folders, Dagster's configuration, and the lock of whoever writes."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from orchestration.runs import RunError
from orchestration.settings import Settings

LOCK_WAIT_SECONDS = 20.0
_POLL_SECONDS = 0.2


def machine_folder(settings: Settings) -> Path:
    """Where this machine keeps its lock, Dagster's storage and dbt's files: the home, if it is a folder."""
    if "://" not in settings.home:
        return Path(settings.home)
    name = hashlib.sha256(settings.home.encode()).hexdigest()[:12]
    return Path.cwd() / ".stature" / name


def dagster_home(settings: Settings) -> Path:
    """DAGSTER_HOME, made and configured where it is new."""
    if configured := os.environ.get("DAGSTER_HOME"):
        return Path(configured)  # a company's own storage; nothing of it is ours to write
    folder = machine_folder(settings) / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "dagster.yaml"
    content = _dagster_yaml(folder)
    if not file.exists() or file.read_text() != content:
        file.write_text(content)
    return folder


def _dagster_yaml(folder: Path) -> str:
    path = json.dumps(str(folder / "history"))
    logs = json.dumps(str(folder / "logs"))
    return f"""\
# Written by stature at every start. To differ, set DAGSTER_HOME to a folder with a dagster.yaml of your own.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  pools:
    # One run at a time writes the home. Counted by run, so that a killed one leaves no slot behind.
    granularity: run
    default_limit: 1
event_log_storage:
  module: orchestration.defs.instance
  class: EventLog
  config:
    base_dir: {path}
compute_logs:
  module: orchestration.defs.instance
  class: LogFiles
  config:
    base_dir: {logs}
"""


# --- the lock -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Holder:
    """Who holds the lock, as it wrote itself down."""

    pid: int
    started: float
    command: str
    since: str

    @property
    def alive(self) -> bool:
        return is_alive(self.pid, self.started)


def is_alive(pid: int, started: float) -> bool:
    """Whether the process that began at `started` (seconds since 1970) still is the one with this id."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - started) < 2
    except psutil.NoSuchProcess:
        return False


def lock_path(settings: Settings) -> Path:
    return machine_folder(settings) / ".lock"


_held: dict[Path, int] = {}


@contextlib.contextmanager
def home_lock(settings: Settings, command: str) -> Iterator[None]:
    """Be the only one that writes the home.

    To begin, the lock is taken alone; then it is shared with the jobs of this run, which hold it
    until they end. So a killed run's last job keeps everybody out for the moment that it still lives.
    Where this process holds it already, nothing happens. RunError says who holds it.
    """
    path = lock_path(settings)
    if path in _held:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _take(descriptor, path)
        process = psutil.Process()
        entry = Holder(
            process.pid, process.create_time(), command, datetime.now(UTC).isoformat(timespec="seconds")
        )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(entry.__dict__).encode(), 0)
        _share(descriptor, path)
        _held[path] = descriptor
        yield
    finally:
        _held.pop(path, None)
        os.close(descriptor)


def _take(descriptor: int, path: Path) -> None:
    pause = threading.Event()
    waited = 0.0
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            holder = read_holder(path)
            # A dead holder's jobs end within a second; a living one may take hours.
            if (holder and holder.alive) or waited >= LOCK_WAIT_SECONDS:
                raise _locked(path) from None
        pause.wait(_POLL_SECONDS)
        waited += _POLL_SECONDS


def _share(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:  # between the two calls, somebody else was faster
        raise _locked(path) from None


def _locked(path: Path) -> RunError:
    holder = read_holder(path)
    if holder is None:
        return RunError(f"Another process is writing in {path.parent}; its name is not in {path.name}.")
    if not holder.alive:
        return RunError(
            f"{holder.command} (process {holder.pid}) was stopped, and a job of it still runs in "
            f"{path.parent}. Try again in a moment."
        )
    return RunError(
        f"{holder.command} (process {holder.pid}, since {holder.since}) is writing in {path.parent}. "
        "Wait until it ends, or stop it."
    )


def read_holder(path: Path) -> Holder | None:
    """Who wrote itself into the lock file last; it need not live any more."""
    try:
        return Holder(**json.loads(path.read_text()))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None
