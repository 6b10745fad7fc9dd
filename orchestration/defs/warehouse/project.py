"""The dbt project for Dagster: where its files go, and its manifest, parsed again when a file changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from dagster_dbt import DbtProject

from orchestration.dbt_command import LOCK, PARENT, PARSED
from orchestration.home import lock_path, machine_folder
from orchestration.settings import PROJECT_ROOT, Settings

PROJECT = PROJECT_ROOT / "dbt_project"
EXECUTABLE = Path(sys.executable).with_name("stature-dbt")
_MANIFEST, _PARSED = "manifest.json", "partial_parse.msgpack"
_STAMP = "parsed"
_BUILT_BY = "built_by"


def target_path(settings: Settings) -> Path:
    """Where dbt writes: never into the project, which several homes share."""
    return machine_folder(settings) / "dbt" / "target"


def environment(settings: Settings) -> Mapping[str, str]:
    """What dbt's process needs to know, wherever it is started."""
    return {
        "STATURE_HOME": settings.home,
        "STATURE_REQUIRE_LEGAL_BASIS": str(settings.require_legal_basis).lower(),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
        LOCK: str(lock_path(settings)),
        PARENT: str(os.getpid()),
    }


def prepared(settings: Settings) -> DbtProject:
    """The project with a manifest that fits its files. RuntimeError where it does not parse."""
    target = target_path(settings)
    target.mkdir(parents=True, exist_ok=True)
    if "://" not in settings.home:
        Path(settings.home, "warehouse").mkdir(parents=True, exist_ok=True)
    stamp, fingerprint = target / _STAMP, _fingerprint(settings)
    if not (target / _MANIFEST).exists() or not stamp.exists() or stamp.read_text() != fingerprint:
        shared = _shared(settings)
        if (shared / _MANIFEST).exists() and (shared / _PARSED).exists():
            shutil.copyfile(shared / _MANIFEST, target / _MANIFEST)
        else:
            _parse(settings, target)
            with suppress(OSError):  # an environment that is read only keeps nothing
                _keep(target / _PARSED, shared / _PARSED)
                _keep(target / _MANIFEST, shared / _MANIFEST)
        stamp.write_text(fingerprint)
    return DbtProject(project_dir=PROJECT, profiles_dir=PROJECT, target_path=target)


def _parse(settings: Settings, target: Path) -> None:
    paths = {"DBT_TARGET_PATH": str(target), "DBT_LOG_PATH": str(target)}
    done = subprocess.run(
        [str(EXECUTABLE), "parse", "--quiet"],
        cwd=PROJECT,
        env={**os.environ, **environment(settings), **paths},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"The dbt project in {PROJECT} does not parse:\n{done.stdout}{done.stderr}")


def _keep(made: Path, place: Path) -> None:
    """Keep what dbt read of the project, for every build and home: it is the same whatever the home.

    Where a home lies goes into a model when it is built, and into nothing that is read before.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f"{place.name}.{os.getpid()}")
    shutil.copyfile(made, temporary)
    temporary.replace(place)


def parsed(settings: Settings) -> Mapping[str, str]:
    """For dbt's environment: what it need not read again, if that is kept."""
    kept = _shared(settings) / _PARSED
    return {PARSED: str(kept)} if kept.exists() else {}


def _shared(settings: Settings) -> Path:
    """The folder for what dbt read of the project as it is now."""
    fingerprint = _digest(
        f"{PROJECT}\n{version('dbt-core')}\n{version('dbt-duckdb')}\n{settings.require_legal_basis}\n",
        PROJECT,
        (".sql", ".yml", ".csv", ".md"),
    )
    return Path(sys.prefix, "share", "stature-dbt", fingerprint)


def _fingerprint(settings: Settings) -> str:
    return _digest(f"{settings.home}\n{sys.version}\n", PROJECT, (".sql", ".yml", ".csv", ".md"))


def _digest(begin: str, folder: Path, suffixes: tuple[str, ...], without: str = "") -> str:
    digest = hashlib.sha256(begin.encode())
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in suffixes and path.name != without:
            digest.update(f"{path.relative_to(folder)}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


# --- which project a warehouse was built by ---------------------------------------------------------


def is_built_by_another(settings: Settings, project: Path = PROJECT) -> bool:
    """Whether there is a warehouse whose models were others: then it is made anew, from the lake.

    What an incremental model has kept of earlier days is what it said then, in the columns that it had.
    """
    warehouse = Path(settings.home, "warehouse", "stature.duckdb")
    mark = warehouse.with_name(_BUILT_BY)
    return warehouse.exists() and not (mark.exists() and mark.read_text() == _models(project))


def mark_built(settings: Settings, project: Path = PROJECT) -> None:
    """Note that the whole warehouse is built by this project. To be called after a build without failures."""
    Path(settings.home, "warehouse", _BUILT_BY).write_text(_models(project))


def _models(project: Path) -> str:
    # Unit tests are no part of what a warehouse is.
    return _digest("", project, (".sql", ".yml"), without="_unit_tests.yml")
