"""The command `stature-dbt`: dbt itself, but it ends when the process that started it ends.

A killed run would otherwise leave a dbt behind that still holds the warehouse, which has one writer.

Reading the project's files costs dbt three seconds, and they are the same for every home. Where the
environment names what an earlier reading came to (`PARSED`), dbt takes that over and reads nothing.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from spark_jobs.jobs.process import die_with_parent

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

LOCK, PARENT = "STATURE_DBT_LOCK", "STATURE_DBT_PARENT"
"""Names in the environment: the home's lock file, and the process that dbt belongs to."""

PARSED = "STATURE_DBT_PARSED"
"""Name in the environment: a `partial_parse.msgpack` that dbt wrote of this very project."""


def main() -> None:
    """Run dbt with this command line."""
    if sys.argv[1:] == ["--version"]:
        # dbt would ask the package index for newer versions of itself.
        sys.stdout.write(f"Core:\n  - installed: {version('dbt-core')}\n")
        return
    parent = os.environ.get(PARENT)
    die_with_parent(os.environ.get(LOCK), int(parent) if parent else None)
    from dbt.cli.main import cli, dbtRunner

    manifest = _parsed()
    if manifest is None:
        cli(prog_name="dbt")  # ends the process
    result = dbtRunner(manifest=manifest).invoke(sys.argv[1:])
    # dbt's own codes: 1 where a model or a test failed, 2 where it could not work at all.
    sys.exit(0 if result.success else 2 if result.exception else 1)


def _parsed() -> Manifest | None:
    """The project as an earlier dbt read it; None where nothing is kept that this dbt understands."""
    path = os.environ.get(PARSED)
    if not path:
        return None
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder

    try:
        manifest: Manifest = Manifest.from_msgpack(
            Path(path).read_bytes(), decoder=extended_mashumuro_decoder
        )
    except Exception:  # noqa: BLE001  whatever is wrong with it: dbt can always read the project itself
        return None
    manifest.build_flat_graph()  # type: ignore[no-untyped-call]  # dbt's parser ends with it
    return manifest


if __name__ == "__main__":
    main()
