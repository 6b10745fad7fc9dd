"""Which Java Spark gets: the machine's own where it is new enough, else the packaged one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from spark_jobs.session import MINIMUM_JAVA, base_archive, class_archive, find_java_home, java_version


def fake_java(folder: Path, version: str) -> Path:
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    java.chmod(0o755)
    return java


def test_a_new_enough_java_home_is_taken(tmp_path, monkeypatch):
    fake_java(tmp_path, "21.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert find_java_home() == str(tmp_path)


@pytest.mark.parametrize("version", ["1.8.0_402", "11.0.2"])
def test_an_old_java_is_passed_over_for_the_packaged_one(version, tmp_path, monkeypatch):
    old = fake_java(tmp_path, version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(old.parent))
    home = find_java_home()
    assert home != str(tmp_path)
    monkeypatch.undo()
    found = java_version(f"{home}/bin/java")
    assert found is not None
    assert found >= MINIMUM_JAVA


def test_without_any_java_the_packaged_one_starts_as_sparks_launcher_calls_it(monkeypatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    home = find_java_home()
    monkeypatch.undo()
    # The packaged runtime lacks this module; with the argument passed on, it would refuse to start.
    done = subprocess.run(
        [f"{home}/bin/java", "--add-modules=jdk.incubator.vector", "-Xmx64m", "-version"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_archive_of_classes_is_one_for_each_java_and_there_is_none_without(tmp_path):
    names = []
    for version in ("17.0.1", "21.0.1"):
        home = tmp_path / version
        fake_java(home, version)
        names.append(class_archive(str(home)))
    assert None not in names
    assert len(set(names)) == 2
    assert class_archive(str(tmp_path / "nothing")) is None


def test_spark_starts_from_the_archive_that_was_installed(spark):
    archive = class_archive()
    assert archive is not None
    assert archive.exists(), "none was installed: .ci/class_archive.py says why"
    base = base_archive(archive)
    given = spark._jvm.java.lang.management.ManagementFactory.getRuntimeMXBean().getInputArguments()
    assert f"-XX:SharedArchiveFile={base}:{archive}" in [argument.replace('"', "") for argument in given]
    maps = Path(f"/proc/{pid(spark)}/maps")
    if not maps.exists():
        pytest.skip("this system does not show what a process has in memory")
    # That Java took the file, and did not leave it alone as one that does not fit, shows in its memory.
    mapped = maps.read_text()
    assert all(str(path.resolve()) in mapped for path in (base, archive))


def pid(spark) -> int:
    return int(spark._jvm.java.lang.ProcessHandle.current().pid())
