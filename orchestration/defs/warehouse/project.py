"""The dbt project for Dagster: where its files go, and its manifest, parsed again when a file changed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from dagster_dbt import DbtProject

from orchestration.dbt_command import LOCK, PARENT
from orchestration.home import lock_path, machine_folder
from orchestration.settings import PROJECT_ROOT, Settings

PROJECT = PROJECT_ROOT / "dbt_project"
EXECUTABLE = Path(sys.executable).with_name("stature-dbt")
_STAMP = "parsed"


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
    if not (target / "manifest.json").exists() or not stamp.exists() or stamp.read_text() != fingerprint:
        _parse(settings, target)
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


def _fingerprint(settings: Settings) -> str:
    digest = hashlib.sha256(f"{settings.home}\n{sys.version}\n".encode())
    for path in sorted(PROJECT.rglob("*")):
        if path.is_file() and path.suffix in {".sql", ".yml", ".csv", ".md"}:
            digest.update(f"{path.relative_to(PROJECT)}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
