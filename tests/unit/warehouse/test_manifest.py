"""What dbt makes of the project is read once, however many homes there are, and again when a file changes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

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

    # Another project, here another version of dbt, has a manifest of its own.
    monkeypatch.setattr(project, "version", lambda package: f"{package} of tomorrow")
    monkeypatch.setattr(project, "_keep", lambda manifest, place: None)
    project.prepared(third)
    assert parsed == [project.target_path(third)]
