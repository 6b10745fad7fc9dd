"""What every test may ask for: one Spark for the whole run, and an empty home."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """Spark as the jobs start it, on two threads. A test leaves its settings as it found them."""
    # Only here: most tests need no Spark, and importing it takes a second.
    from spark_jobs.session import spark_session

    session = spark_session(
        "tests",
        "local[2]",
        {
            "spark.driver.memory": "2g",
            # A test run compiles many plans, a job's process few: room for them all.
            "spark.driver.extraJavaOptions": (
                "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:ReservedCodeCacheSize=256m"
            ),
            "spark.sql.codegen.cache.maxEntries": "1000",
        },
    )
    yield session
    session.stop()


@pytest.fixture
def home(tmp_path: Path) -> str:
    """An empty STATURE_HOME."""
    return str(tmp_path / "home")
