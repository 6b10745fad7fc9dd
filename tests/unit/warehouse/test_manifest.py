"""What dbt makes of the project is read once, however many homes there are, and again when a file changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from orchestration.dbt_command import PARSED, _parsed
from orchestration.defs.warehouse import project
from orchestration.settings import Settings


def test_a_second_home_takes_the_manifest_of_the_first(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    first, second, third = (Settings(home=str(tmp_path / name)) for name in ("a", "b", "c"))
    made = project.prepared(first).manifest_path
    assert json.loads(made.read_text())["nodes"]

    parsed: list[Path] = []
    monkeypatch.setattr(project, "_parse", lambda _, target: parsed.append(target))
    assert project.prepared(second).manifest_path.read_bytes() == made.read_bytes()
    assert parsed == []
    _builds_without_reading(second)

    # Another project, here another version of dbt, has a manifest of its own.
    monkeypatch.setattr(project, "version", lambda package: f"{package} of tomorrow")
    monkeypatch.setattr(project, "_keep", lambda manifest, place: None)
    project.prepared(third)
    assert parsed == [project.target_path(third)]
    assert project.parsed(third) == {}


def _builds_without_reading(home: Settings) -> None:
    """dbt knows the models from what is kept; where it reads the project it leaves what it read."""
    target = project.target_path(home)
    paths = {"DBT_TARGET_PATH": str(target), "DBT_LOG_PATH": str(target)}
    listed = subprocess.run(
        [str(project.EXECUTABLE), "--quiet", "ls", "--select", "stg_lake_manifest", "--output", "name"],
        cwd=project.PROJECT,
        env={**os.environ, **project.environment(home), **project.parsed(home), **paths},
        capture_output=True,
        text=True,
        check=True,
    )
    assert listed.stdout.splitlines()[0] == "stg_lake_manifest"
    assert not (target / "partial_parse.msgpack").exists()


def test_what_is_kept_and_cannot_be_read_is_read_anew(tmp_path, monkeypatch):
    kept = tmp_path / "partial_parse.msgpack"
    monkeypatch.setenv(PARSED, str(kept))
    for content in (b"", b"half a file", b"\x81\xa5nodes\xc0"):
        kept.write_bytes(content)
        assert _parsed() is None
