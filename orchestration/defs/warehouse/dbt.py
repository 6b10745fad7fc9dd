"""staging, intermediate and marts: dbt on DuckDB. Each model is an asset, each data test a check."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Any

import dagster as dg
import duckdb
from dagster_dbt import DagsterDbtTranslator, DbtCliInvocation, DbtCliResource, dbt_assets
from dagster_dbt.errors import DagsterDbtCliRuntimeError
from packaging.version import Version

from orchestration.dbt_command import PARSED
from orchestration.defs.partitions import SINGLE_RUN, daily
from orchestration.defs.resources import POOL, Home, refused
from orchestration.defs.tables import TOP_ROWS, markdown
from orchestration.defs.warehouse.project import (
    EXECUTABLE,
    PROJECT,
    environment,
    is_built_by_another,
    mark_built,
    parsed,
    prepared,
    target_path,
)
from orchestration.settings import settings
from spark_jobs.contracts import contracts


class Translator(DagsterDbtTranslator):
    """Keys are schema and table, as SQL says them; groups are the folders of the project."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "model":
            schema = dbt_resource_props["config"].get("schema") or dbt_resource_props["schema"]
            return dg.AssetKey([schema, dbt_resource_props.get("alias") or dbt_resource_props["name"]])
        return super().get_asset_key(dbt_resource_props)

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        folders = [part for part in dbt_resource_props["fqn"][1:-1] if part != "marts"]
        return folders[0] if folders else None


class Dbt(DbtCliResource):
    """dbt in a process of its own, and in no other."""

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        # A handle here would open the file that dbt's process writes; and loading dbt costs seconds.
        return None

    @cached_property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))  # without asking it: its process is of this environment


project = prepared(settings())
manifest = project.manifest_path
dbt = Dbt(project_dir=str(PROJECT), profiles_dir=str(PROJECT), dbt_executable=str(EXECUTABLE))


@dbt_assets(
    manifest=manifest,
    name="dbt",
    project=project,
    partitions_def=daily,
    backfill_policy=SINGLE_RUN,
    dagster_dbt_translator=Translator(),
    pool=POOL,
)
def warehouse(context: dg.AssetExecutionContext, home: Home, dbt: Dbt) -> Iterator[Any]:
    started = time.perf_counter()
    # Unit tests check the code, not the data: the project's test suite runs them.
    command = ["build", "--exclude-resource-type", "unit_test"]
    if not context.is_subset and is_built_by_another(home.settings):
        command.append("--full-refresh")
        context.log.info("The project's models have changed: the warehouse is built anew")
    # dagster-dbt hands its own environment on.
    os.environ.pop(PARSED, None)
    os.environ.update({**environment(home.settings), **parsed(home.settings)})
    target = target_path(home.settings)
    (target / "run_results.json").unlink(missing_ok=True)  # an older run's results explain nothing
    invocation = dbt.cli(command, context=context, target_path=target)
    events: list[Any] = []
    failure: DagsterDbtCliRuntimeError | None = None
    try:
        for event in invocation.stream():
            events.append(event)
            if isinstance(event, dg.Output):
                built = sum(isinstance(e, dg.Output) for e in events)
                context.log.info(f"{built} of {len(context.selected_output_names)} models")
    except DagsterDbtCliRuntimeError as error:
        failure = error
    seconds = time.perf_counter() - started
    described = _describe(home) if failure is None else {}
    for event in events:
        if isinstance(event, dg.Output):
            asset = context.asset_key_for_output(event.output_name)
            context.add_output_metadata(described.get(tuple(asset.path), {}), output_name=event.output_name)
        yield event
    if failure is not None:
        raise refused(_reason(invocation, failure)) from failure
    if not context.is_subset:
        mark_built(home.settings)
    checks = [event for event in events if isinstance(event, dg.AssetCheckResult)]
    models = sum(isinstance(event, dg.Output) for event in events)
    context.log.info(f"{models} models, {len(checks)} checks in {seconds:.1f} s")


def _describe(home: Home) -> dict[tuple[str, ...], dict[str, Any]]:
    """Rows of every table, and the top of those that have a contract, which says what is personal."""
    path = f"{home.settings.home}/warehouse/stature.duckdb"
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    with duckdb.connect(path, read_only=True) as connection:
        tables = connection.execute(
            "select schema_name, table_name, estimated_size from duckdb_tables() where not temporary"
        ).fetchall()
        for schema, table, rows in tables:
            metadata: dict[str, Any] = {"rows": rows}
            dataset = contracts().get(f"{schema}.{table}")
            if dataset is not None:
                hidden = {field.name for field in dataset.fields if field.classification == "personal"}
                top = connection.table(f'"{schema}"."{table}"').limit(TOP_ROWS)
                rows_shown = [dict(zip(top.columns, row, strict=True)) for row in top.fetchall()]
                metadata["top"] = dg.MetadataValue.md(markdown(top.columns, rows_shown, hidden))
            found[schema, table] = metadata
    return found


def _reason(invocation: DbtCliInvocation, failure: Exception) -> str:
    """What failed, by name; dbt's own words where it came to no results at all."""
    results = invocation.target_path / "run_results.json"
    found = invocation.get_artifact("run_results.json")["results"] if results.exists() else []
    bad = [result for result in found if result["status"] in ("error", "fail")]
    if not bad:
        words = str(failure).partition("Errors parsed from dbt logs:")[2] or str(failure)
        return f"dbt failed: {_one_line(words)} ({invocation.target_path / 'dbt.log'})"
    lines = [f"{result['unique_id'].split('.', 2)[-1]}: {_one_line(result['message'])}" for result in bad[:5]]
    more = f" (and {len(bad) - 5} more)" if len(bad) > 5 else ""
    return "dbt: " + "; ".join(lines) + more


def _one_line(message: str | None) -> str:
    return " ".join((message or "failed").split())[:300]
