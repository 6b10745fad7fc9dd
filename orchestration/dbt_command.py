"""The command `stature-dbt`: dbt itself, but it ends when the process that started it ends.

A killed run would otherwise leave a dbt behind that still holds the warehouse, which has one writer.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version

from spark_jobs.jobs.process import die_with_parent

LOCK, PARENT = "STATURE_DBT_LOCK", "STATURE_DBT_PARENT"
"""Names in the environment: the home's lock file, and the process that dbt belongs to."""


def main() -> None:
    """Run dbt with this command line."""
    if sys.argv[1:] == ["--version"]:
        # dbt would ask the package index for newer versions of itself.
        sys.stdout.write(f"Core:\n  - installed: {version('dbt-core')}\n")
        return
    parent = os.environ.get(PARENT)
    die_with_parent(os.environ.get(LOCK), int(parent) if parent else None)
    from dbt.cli.main import cli

    cli(prog_name="dbt")


if __name__ == "__main__":
    main()
