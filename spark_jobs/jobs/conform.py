"""Conform: the raw files of a range of days become the lake's tables, and no row is lost on the way.

Every raw file is looked at, Spark reads those that can be read, and each row ends as accepted, quarantined
(with one reason), duplicate or suppressed; `conform_count` says how many of which, and the run fails if that
does not add up. Published days are left alone. Any other is written anew, whatever an earlier run left there.

A range is worked on in chunks of at most 31 days, so that a day costs little more than its rows: Spark plans
and starts each job once a chunk and table, not once a day.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from urllib.parse import unquote

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from spark_jobs.jobs.conform_chunk import Chunk, Limits
from spark_jobs.jobs.conform_files import REFUSED, RawFile, Readable, Unreadable, inspect_all, raw_files
from spark_jobs.jobs.conform_reading import conform_session
from spark_jobs.jobs.process import Job, run_by_hand
from spark_jobs.lake import Lake
from spark_jobs.transforms.conform.counting import ConformReport, TableCount

CHUNK_DAYS = 31  # must stay under the 90 days that duplicates look back
CHUNK_BYTES = 4 << 30  # raw bytes; Spark keeps what is used twice, on disk where memory ends
_FAILED_FILE = re.compile(r"(?:while reading|reading) file:? ?(\S+)")


def days_to_conform(lake: Lake, days: Iterable[date]) -> list[date]:
    """Those of the days that are not published, in order."""
    published = set(lake.days("ledger_digest"))
    return sorted(set(days) - published)


def conform(
    spark: SparkSession,
    lake: Lake,
    days: Iterable[date],
    run_id: str,
    progress: Callable[[str], None] = print,
    *,
    restate: bool = False,
    limits: Limits | None = None,
) -> ConformReport:
    """Write the lake's tables of those days that are not published yet, from all files delivered on them.

    Days without raw files get empty tables. `restate`: published days are written again as well, for a new
    revision. `limits`: where one way of working ends and another begins.

    Raises UnbalancedError where rows were lost or made up, and LakeError for a lake that contradicts itself;
    the next run writes the days again.
    """
    began = time.monotonic()
    wanted = sorted(set(days))
    to_do = wanted if restate else days_to_conform(lake, wanted)
    files = raw_files(lake, to_do)
    session = conform_session(spark)
    counts: list[TableCount] = []
    for chunk in chunks(to_do, files):
        of_chunk = [file for file in files if chunk[0] <= file.day <= chunk[-1]]
        progress(f"Conforming {_span(chunk)}: {len(of_chunk)} files, {_megabytes(of_chunk)}")
        whole = Chunk(session, lake, chunk, run_id, progress, limits or Limits())
        counts += _conform_chunk(whole, of_chunk)
    skipped = tuple(day for day in wanted if day not in set(to_do))
    return ConformReport(run_id, tuple(to_do), skipped, tuple(counts), time.monotonic() - began)


def chunks(days: Sequence[date], files: Iterable[RawFile]) -> list[list[date]]:
    """Runs of days, in order, each within CHUNK_DAYS of its first and, of more than one day, CHUNK_BYTES."""
    size: dict[date, int] = dict.fromkeys(days, 0)
    for file in files:
        size[file.day] += file.bytes
    found: list[list[date]] = []
    held = 0
    for day in days:
        if found and (day - found[-1][0]).days < CHUNK_DAYS and held + size[day] <= CHUNK_BYTES:
            found[-1].append(day)
            held += size[day]
        else:
            found.append([day])
            held = size[day]
    return found


def _conform_chunk(chunk: Chunk, files: Sequence[RawFile]) -> list[TableCount]:
    """Conform a chunk. A file over which Spark stumbles is set aside, and the chunk begins again without it.

    A damaged page inside a whole Parquet file shows only when it is read.
    """
    chunk.refused = [file for file in files if file.format == REFUSED]
    looked_at = inspect_all(chunk.lake, [file for file in files if file.format != REFUSED])
    readable = [found for found in looked_at if isinstance(found, Readable)]
    unreadable = [found for found in looked_at if isinstance(found, Unreadable)]
    while True:
        try:
            return chunk.run(readable, unreadable)
        except (PySparkException, Py4JJavaError) as error:
            broken = _stumbled_over(str(error), readable)
            if broken is None:
                raise
            chunk.say(f"{broken.file.name} of {broken.file.day} cannot be read; beginning again without it")
            readable = [found for found in readable if found.file != broken.file]
            unreadable.append(broken)


def _stumbled_over(message: str, files: Iterable[Readable]) -> Unreadable | None:
    """The raw file that Spark's error names, if it names one."""
    named = [unquote(path).rstrip(".") for path in _FAILED_FILE.findall(message)]
    for readable in files:
        if any(path.endswith(readable.file.path) for path in named):
            return Unreadable(readable.file, f"Spark cannot read it: {_cause(message)}")
    return None


def _cause(message: str) -> str:
    causes = re.findall(r"Caused by: ([^\n]{1,300})", message)
    return str(causes[-1]) if causes else message.strip().split("\n", 1)[0][:300]


def _span(days: Sequence[date]) -> str:
    return f"{days[0]}" if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _megabytes(files: Iterable[RawFile]) -> str:
    return f"{sum(file.bytes for file in files) / 1e6:.1f} MB"


def run(job: Job) -> None:
    """The job: options `home`, `days`, `run_id`, `master`, and `restate` to write published days again."""
    lake, restate = Lake(job.home), bool(job.options.get("restate", False))
    if restate or days_to_conform(lake, job.days):
        report = conform(job.spark(), lake, job.days, job.run_id, job.say, restate=restate)
    else:
        job.say("Every one of these days is published already; nothing to do.")
        report = ConformReport(job.run_id, (), tuple(job.days), (), 0.0)
    job.report(report.as_json())


if __name__ == "__main__":
    run_by_hand("conform", run)
