"""Spark reads the raw files: groups of one source, table and shape, each into cells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession

from spark_jobs.contracts import Dataset
from spark_jobs.jobs.conform_files import Readable, Shape
from spark_jobs.lake import Lake
from spark_jobs.transforms.conform.cells import CORRUPT, Cells, csv_cells, json_cells, parquet_cells

_SPARK_TYPES = {
    "string": "STRING", "binary": "BINARY", "uuid": "BINARY", "int": "INT", "long": "BIGINT",
    "float": "FLOAT", "double": "DOUBLE", "boolean": "BOOLEAN", "date": "DATE", "timestamp": "TIMESTAMP",
    # As plain integers: any value can be read so, also one that is no time that Spark could hold.
    "millis": "BIGINT", "micros": "BIGINT", "nanos": "BIGINT",
}  # fmt: skip
# Read as written, whatever the calendar of the writer's time: an old date must not end the run.
_PARQUET = {"datetimeRebaseMode": "CORRECTED", "int96RebaseMode": "CORRECTED"}
_CSV = {
    "header": "true", "enforceSchema": "true", "mode": "PERMISSIVE", "quote": '"', "escape": '"',
    "columnNameOfCorruptRecord": CORRUPT, "maxCharsPerColumn": "-1",
}  # fmt: skip
_LINES = "_metadata.file_block_start AS block", "monotonically_increasing_id() AS position"


def conform_session(spark: SparkSession) -> SparkSession:
    """A session of its own on the same Spark, for what reading others' files takes.

    Column names are exact, as the contract says them; a Parquet time in nanoseconds is its integer; no old
    date is an error.
    """
    session = spark.newSession()
    for key, value in {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.caseSensitive": "true",
        "spark.sql.legacy.parquet.nanosAsLong": "true",
        "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "512",  # a job to list fewer costs more
    }.items():
        session.conf.set(key, value)
    return session


def compile_rules(session: SparkSession, wanted: bool) -> None:
    """Whether Spark makes Java code of each plan, or interprets it: the rows are the same.

    The contracts' rules are thousands of lines of Java, which cost a small day two seconds to compile.
    """
    session.conf.set("spark.sql.codegen.wholeStage", str(wanted).lower())
    session.conf.set("spark.sql.codegen.factoryMode", "FALLBACK" if wanted else "NO_CODEGEN")


@dataclass(frozen=True, slots=True)
class Group:
    """Files that are read in one go: they lie in one folder a day (`folder`, below the day's) of a source."""

    area: str
    source: str
    folder: str
    shape: Shape
    uris: tuple[str, ...]


def groups(files: Iterable[Readable]) -> list[Group]:
    """Files by source, folder and shape, in a fixed order."""
    found: dict[tuple[str, str, str, Shape], list[str]] = defaultdict(list)
    for readable in files:
        folder = readable.file.name.rpartition("/")[0]
        file = readable.file
        found[file.area, file.source, folder, readable.shape].append(file.uri)
    return [Group(*key, tuple(sorted(uris))) for key, uris in sorted(found.items(), key=repr)]


def read_cells(session: SparkSession, lake: Lake, group: Group, dataset: Dataset) -> Cells:
    """The cells of a group's files. `file` is still as Spark writes it (`readable_name`)."""
    shape = group.shape
    # Every name is a file's own: brackets and stars are not patterns. The day comes from the folder.
    reader = session.read.options(
        basePath=lake.uri(lake.table_path(f"{group.area}/{group.source}")), __globPaths__="false"
    )
    if shape.format == "jsonl":
        lines = reader.schema("value STRING, day DATE").text(list(group.uris))
        return json_cells(_with_meta(lines, group, ["value"], *_LINES), dataset)
    if shape.format == "csv":
        names = [f"_c{i}" for i in range(len(shape.columns))]
        schema = ", ".join([*(f"{name} STRING" for name in [*names, CORRUPT]), "day DATE"])
        csv = reader.options(**_CSV, multiLine=shape.multiline, maxColumns=shape.widest).schema(schema)
        raw = _with_meta(csv.csv(list(group.uris)), group, [CORRUPT, *names], *_LINES)
        return csv_cells(raw, dataset, [name for name, _ in shape.columns], shape.utf8)
    kinds = {name: kind.partition(":")[0] for name, kind in shape.columns}
    read = {name: _spark_type(kind) for name, kind in shape.columns if kind not in ("absent", "foreign")}
    schema = ", ".join([*(f"{name} {kind}" for name, kind in read.items()), "day DATE"])
    rows = reader.options(**_PARQUET).schema(schema).parquet(*group.uris)
    numbered = ("CAST(NULL AS BIGINT) AS block", "_metadata.row_index + 1 AS position")
    return parquet_cells(_with_meta(rows, group, list(read), *numbered), dataset, kinds)


def readable_name(file: str) -> str:
    """SQL of a file's name in the raw folder, from the form that Spark gives it."""
    return f"url_decode(replace({file}, '+', '%2B'))"


def _with_meta(rows: DataFrame, group: Group, columns: Sequence[str], block: str, position: str) -> DataFrame:
    folder = f"{group.folder}/" if group.folder else ""
    return rows.selectExpr(
        "day",
        f"'{group.source}' AS source",
        f"concat('{folder}', _metadata.file_name) AS file",
        block,
        position,
        *columns,
    )


def _spark_type(kind: str) -> str:
    name, _, detail = kind.partition(":")
    if name == "decimal":
        return f"DECIMAL({detail})"
    if name == "list":
        return f"ARRAY<{_SPARK_TYPES[detail]}>"
    return _SPARK_TYPES[name]
