"""A warehouse that other models built is built anew, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.defs.warehouse.project import is_built_by_another, mark_built
from orchestration.settings import Settings


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project" / "models"
    folder.mkdir(parents=True)
    (folder / "a.sql").write_text("select 1 as a")
    (folder / "_unit_tests.yml").write_text("unit_tests: []")
    return folder.parent


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "warehouse").mkdir()
    return Settings(_env_file=None, home=str(tmp_path))


def test_a_home_without_a_warehouse_has_nothing_to_build_anew(settings: Settings, project: Path) -> None:
    assert not is_built_by_another(settings, project)


def test_a_change_of_the_models_counts_and_one_of_their_tests_does_not(
    settings: Settings, project: Path
) -> None:
    warehouse = Path(settings.home, "warehouse", "stature.duckdb")
    warehouse.touch()
    assert is_built_by_another(settings, project), "nobody knows by which"
    mark_built(settings, project)
    assert not is_built_by_another(settings, project)
    (project / "models" / "_unit_tests.yml").write_text("unit_tests: [{}]")
    assert not is_built_by_another(settings, project)
    (project / "models" / "a.sql").write_text("select 1 as a, 2 as b")
    assert is_built_by_another(settings, project)
