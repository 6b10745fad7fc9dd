"""Archive the classes that Spark loads for a day, so that each start after this one reads them as they are.

A day of the sample community is conformed and scored once while Java writes down which classes that took
(class data sharing). Loading them from the archive takes seconds off every start. Without the archive
everything works as before, only slower: so nothing here may fail an installation.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

DAY = date(2026, 1, 1)


def train(archive: Path) -> None:
    """Conform and score a day in this process; its Java writes `archive` when it ends."""
    from orchestration.connectors.landing import land_days
    from orchestration.settings import Settings
    from spark_jobs.jobs.conform import conform
    from spark_jobs.jobs.conform_chunk import Limits
    from spark_jobs.jobs.score_day import score
    from spark_jobs.lake import Lake
    from spark_jobs.scoring_model import load_model
    from spark_jobs.session import spark_session

    with tempfile.TemporaryDirectory() as home:
        lake = Lake(home)
        lake.declare_first_day(DAY)
        settings = Settings(home=home, networks=("sample",), sample_people=60, inbox=None)
        land_days(settings, lake, [DAY], "archive")
        spark = spark_session("archive", archive_to=archive)
        # As a small day is conformed, and as a large one.
        for limits in (Limits(), Limits(interpreted=0)):
            conform(spark, lake, [DAY], "archive", lambda _: None, limits=limits)
        score(spark, lake, [DAY], load_model("v1"), "archive")
        java = spark.sparkContext._gateway.proc  # type: ignore[union-attr]
        spark.stop()
        # Java ends, and writes, once nobody holds its input any more.
        java.stdin.close()
        java.wait(timeout=120)


def main() -> None:
    from spark_jobs.session import base_archive, class_archive, find_java_home

    java_home = find_java_home()
    archive = class_archive(java_home)
    # Both or none: the second is written on top of the first, and fits no other.
    if archive is None or (archive.exists() and base_archive(archive).exists()):
        return
    print("Archiving Spark's classes, so that it starts faster (half a minute, once)", flush=True)
    archive.parent.mkdir(parents=True, exist_ok=True)
    dump = [str(Path(java_home, "bin", "java")), "-Xshare:dump"]
    try:
        with written_whole(base_archive(archive)) as base:
            run(*dump, f"-XX:SharedArchiveFile={base}")
        with written_whole(archive) as temporary:
            run(sys.executable, __file__, str(temporary))
    except (OSError, subprocess.SubprocessError) as error:
        print(f"Spark starts without an archive of its classes: {error}", flush=True)


def run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=300, capture_output=True)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary name to write to, which becomes `path` in the end or is gone."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        yield temporary
        if not temporary.exists():
            raise OSError(f"Java did not write {path.name}")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        train(Path(sys.argv[1]))
    else:
        main()
