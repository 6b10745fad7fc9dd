"""The lake's tables as Dagster assets: their specs, and what a run notes about them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from orchestration.defs.partitions import YESTERDAY, daily
from spark_jobs.contracts import ContractError, Dataset, contract
from spark_jobs.lake import Lake, Manifest

TOP_ROWS = 5
MOST_DAYS_NOTED = 31


def key(name: str, area: str = "lake") -> dg.AssetKey:
    """`lake/daily_score` for a lake table; other areas are raw, pending, published."""
    return dg.AssetKey([area, name])


def table_spec(
    name: str,
    group: str,
    deps: Iterable[dg.AssetKey],
    *,
    area: str = "lake",
    carried_on: bool = False,
    kinds: Iterable[str] = ("parquet",),
    description: str | None = None,
) -> dg.AssetSpec:
    """A lake table's spec. `carried_on`: each day is made from its own yesterday."""
    described = _contract(name)
    asset = key(name, area)
    needs = [dg.AssetDep(dep) for dep in deps]
    if carried_on:
        needs.append(dg.AssetDep(asset, partition_mapping=YESTERDAY))
    return dg.AssetSpec(
        asset,
        deps=needs,
        group_name=group,
        kinds=set(kinds),
        partitions_def=daily,
        description=description or (described.description if described else None),
    )


def _contract(name: str) -> Dataset | None:
    try:
        return contract(name)
    except ContractError:
        return None


def noted(
    context: dg.AssetExecutionContext,
    lake: Lake,
    keys: Sequence[dg.AssetKey],
    days: Sequence[date],
    seconds: float,
) -> Iterator[dg.MaterializeResult[Any]]:
    """Results for these tables: rows a day (up to a month of them), rows and seconds, the last day's top.

    What a day holds is what its manifest says, whoever wrote it.
    """
    for asset in keys:
        place, table = _area(lake, asset)
        manifests = list(place.manifests(table, days).values())
        # Dagster copies all that it has at each addition: a year's days would take minutes.
        for manifest in manifests if len(days) <= MOST_DAYS_NOTED else ():
            context.add_asset_metadata(
                {"dagster/partition_row_count": manifest.rows, "files": len(manifest.files)},
                asset_key=asset,
                partition_key=manifest.day.isoformat(),
            )
        metadata: dict[str, Any] = {
            "rows": sum(manifest.rows for manifest in manifests),
            "seconds": round(seconds, 2),
            "days": len(manifests),
        }
        if top := _top(lake, asset, manifests):
            metadata["top"] = dg.MetadataValue.md(top)
        yield dg.MaterializeResult(asset_key=asset, metadata=metadata)


def _area(lake: Lake, asset: dg.AssetKey) -> tuple[Lake, str]:
    area, name = asset.path
    if area == "pending":
        return lake.pending, name
    return lake, f"raw/{name}" if area == "raw" else name


def _top(lake: Lake, asset: dg.AssetKey, manifests: Sequence[Manifest]) -> str | None:
    place, table = _area(lake, asset)
    described = _contract(table)
    if described is None:
        return None
    # Dagster keeps what it is told, and an erased person must be gone from there too.
    hidden = {field.name for field in described.fields if field.classification == "personal"}
    for manifest in reversed(manifests):
        for file in manifest.files:
            if file.rows and file.name.endswith(".parquet"):
                with place.open(f"{place.day_path(table, manifest.day)}/{file.name}") as handle:
                    batch = next(pq.ParquetFile(handle).iter_batches(batch_size=TOP_ROWS))
                return markdown(batch.schema.names, batch.to_pylist(), hidden)
    return None


def markdown(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], hidden: Collection[str] = ()) -> str:
    """A Markdown table; the cells of `hidden` columns are dots."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        cells = ("•" if column in hidden else _cell(row[column]) for column in columns)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).replace("|", "\\|").replace("\n", " ")[:80]
