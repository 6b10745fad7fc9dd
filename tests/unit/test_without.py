"""Optional companions of a library are not found for a moment, and nothing else changes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from orchestration.without import without


def test_a_package_is_not_found_in_the_block_and_found_after_it():
    sys.modules.pop("tabnanny", None)
    with without("tabnanny"), pytest.raises(ImportError):
        import tabnanny
    import tabnanny

    assert tabnanny.check


def test_a_package_that_is_loaded_stays():
    with without("json"):
        import json as again
    assert again is json


def test_a_failure_in_the_block_hides_nothing_for_long():
    sys.modules.pop("tabnanny", None)
    with pytest.raises(KeyError), without("tabnanny"):
        raise KeyError
    assert "tabnanny" not in sys.modules


def test_dagster_is_loaded_without_dbt_and_the_command_without_either():
    """Both cost each start seconds; dbt has a process of its own."""
    heavy = "dagster dbt dlt pyspark great_expectations pandas scipy"
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, orchestration.cli\n"
            f"print(*[name for name in '{heavy}'.split() if name in sys.modules])\n"
            "import orchestration.defs.warehouse, dagster_dbt\n"
            f"print(*[name for name in '{heavy}'.split() if name in sys.modules])",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.splitlines() == ["", "dagster"]
