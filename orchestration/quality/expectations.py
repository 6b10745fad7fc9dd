"""Great Expectations judges the panels and writes its Data Docs.

A panel becomes a data frame with a row a day and a column a check, a suite with an expectation a check, and
one validation. GE's cost is by expectation and hardly by row, so a range of days costs what one day does.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from fsspec.core import split_protocol, url_to_fs

from orchestration.quality.panel import Panel
from orchestration.quality.results import CheckResult, Stage
from orchestration.without import without
from spark_jobs.lake import Lake

if TYPE_CHECKING:
    from great_expectations.data_context.data_context.file_data_context import FileDataContext

SITE = "stature"
_RESULT_FORMAT = {"result_format": "COMPLETE", "unexpected_index_column_names": ["day"]}


def judge(
    lake: Lake, stage: Stage, panels: Sequence[Panel], days: Sequence[date], run_id: str
) -> list[CheckResult]:
    """Validate each panel once and return a result for each check and day that has a reading.

    Data Docs of this stage are written anew under `<home>/quality/data_docs`; the other stage's stay.
    """
    results: list[CheckResult] = []
    with _folder(lake) as folder:
        context = _context(folder, stage)
        source = context.data_sources.add_or_update_pandas(stage)
        for panel in panels:
            failed = _validate(context, source, stage, panel, days, run_id)
            results += _results(stage, panel, failed)
        context.build_data_docs()
    return results


def frame(panel: Panel, days: Sequence[date]) -> pd.DataFrame:
    """A row a day, a column a check with the judged numbers; NaN where the day cannot fail the check."""
    columns: dict[str, Any] = {"day": [day.isoformat() for day in days]}
    for name in panel.checks:
        readings = [panel.readings.get((name, day)) for day in days]
        judged = [np.nan if r is None or r.judged is None else r.judged for r in readings]
        columns[name] = np.array(judged, dtype=float)
    return pd.DataFrame(columns)


def _validate(
    context: FileDataContext, source: Any, stage: Stage, panel: Panel, days: Sequence[date], run_id: str
) -> set[tuple[str, date]]:
    """The (check, day) pairs that failed."""
    import great_expectations as gx
    from great_expectations.expectations.core.expect_column_values_to_be_between import (
        ExpectColumnValuesToBeBetween,
    )

    name = f"{stage}.{panel.table}"
    # All at once: added one by one, each is compared with all before it.
    suite = gx.ExpectationSuite(
        name=name,
        expectations=[
            ExpectColumnValuesToBeBetween(
                column=check.name, min_value=check.minimum, max_value=check.maximum, description=check.says
            )
            for check in panel.checks.values()
        ],
    )
    batch = source.add_dataframe_asset(panel.table).add_batch_definition_whole_dataframe("days")
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(name=name, data=batch, suite=context.suites.add(suite))
    )
    outcome = definition.run(
        batch_parameters={"dataframe": frame(panel, days)},
        result_format=_RESULT_FORMAT,
        run_id=gx.RunIdentifier(run_name=run_id),
    )
    failed: set[tuple[str, date]] = set()
    for result in outcome.results:
        if not result.success:
            config = result.expectation_config
            failing = str(config.kwargs["column"]) if config else "a check"
            found = result.result.get("unexpected_index_list")
            if found is None:
                raise RuntimeError(f"{name}: {failing} could not be judged: {result.exception_info}")
            failed |= {(failing, date.fromisoformat(entry["day"])) for entry in found}
    return failed


def _results(stage: Stage, panel: Panel, failed: set[tuple[str, date]]) -> list[CheckResult]:
    return [
        CheckResult(
            stage=stage,
            day=day,
            table=panel.table,
            check_name=name,
            passed=(name, day) not in failed,
            observed=_published(reading.observed),
            expected=panel.checks[name].says,
            detail=reading.detail,
        )
        for (name, day), reading in panel.readings.items()
    ]


def _published(observed: float | None) -> float | None:
    """To nine digits: DuckDB adds doubles up in any order, and what is written down must not tell which."""
    return None if observed is None else float(f"{observed:.9g}")


def _context(folder: Path, stage: Stage) -> FileDataContext:
    """A GE project in `folder` with the other stage's last validations and none of this stage's.

    Its configuration is written anew each time, so that a killed run cannot leave one that does not load.
    """
    # Before the import: GE decides about its telemetry when it is loaded.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with without("pyspark", "boto3", "botocore"):  # a second of loading for what it could also talk to
        import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    project = folder / "gx"
    for file in (project / "great_expectations.yml", project / "uncommitted" / "config_variables.yml"):
        file.unlink(missing_ok=True)
    stale = [
        project / "validation_definitions",
        project / "expectations" / stage,
        project / "uncommitted" / "validations" / stage,
        folder / "data_docs",
    ]
    for path in stale:
        shutil.rmtree(path, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    context = gx.get_context(mode="file", project_root_dir=str(folder))
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    context.variables.analytics_enabled = False
    context.variables.data_docs_sites = {
        SITE: {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {
                "class_name": "TupleFilesystemStoreBackend",
                "base_directory": str(folder / "data_docs"),
            },
        }
    }
    context.variables.save()
    return context


@contextmanager
def _folder(lake: Lake) -> Iterator[Path]:
    """`<home>/quality` as a local folder: GE writes to disks only, so an object store gets a copy after."""
    protocol = split_protocol(lake.root)[0]
    if protocol in (None, "file"):
        yield Path(url_to_fs(lake.root)[1]) / "quality"
        return
    fs, home = url_to_fs(lake.root)
    remote = f"{home}/quality"
    with tempfile.TemporaryDirectory(prefix="stature-quality-") as temporary:
        local = Path(temporary) / "quality"
        if fs.exists(remote):
            fs.get(remote, str(local), recursive=True)
        yield local
        if fs.exists(remote):
            fs.rm(remote, recursive=True)
        fs.put(str(local), remote, recursive=True)
