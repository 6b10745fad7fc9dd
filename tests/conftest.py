"""What every test may ask for: one Spark for the whole run, an empty home, and the long runs.

A run of the whole pipeline costs half a minute, so what can be compared to one is. Those that are asked for
begin with the first test, two at a time, while other tests go on; each is a process of its own in a home of
its own, and steps back for the tests beside it, which have to take turns. Tests that look at them come last.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.fixtures.long_runs import RUNS, LongRuns

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# No test fails because the machine is busy: an example takes as long as it takes.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

STEP_BACK = 10
"""By how much long runs are nicer than the tests: those go on at full speed, and these take what is left."""


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
            "spark.sql.codegen.cache.maxEntries": "1000",
        },
    )
    yield session
    session.stop()


@pytest.fixture
def home(tmp_path: Path) -> str:
    """An empty STATURE_HOME."""
    return str(tmp_path / "home")


@pytest.fixture(scope="session", autouse=True)
def _power_stays_on() -> Iterator[None]:
    """No write of this process waits until the disk has it: four milliseconds each, and there are thousands.

    That is for when the power goes, which no test does; what a killed process wrote stays. That the lake asks
    for it before it renames a file is a test of its own, and the processes that tests start wait as ever.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


def _looked_at(item: pytest.Item) -> set[str]:
    """The runs that a test asks for; a parameter of its own may have the name of one."""
    callspec = getattr(item, "callspec", None)
    own = callspec.params if callspec else {}
    return set(RUNS).intersection(getattr(item, "fixturenames", ())).difference(own)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First what looks at no long run, then the others, in the order in which the runs begin."""
    items.sort(key=lambda item: max((RUNS.index(name) + 1 for name in _looked_at(item)), default=0))


@pytest.fixture(scope="session", autouse=True)
def long_runs(request, tmp_path_factory) -> Iterator[LongRuns]:
    """Those runs that some test of this session looks at."""
    wanted = set().union(*map(_looked_at, request.session.items))
    # Niceness is a thread's own on Linux, and what it starts inherits it.
    with ThreadPoolExecutor(max_workers=2, initializer=os.nice, initargs=(STEP_BACK,)) as pool:
        yield LongRuns(tmp_path_factory.mktemp("long"), pool, wanted)


@pytest.fixture(scope="session")
def undisturbed(long_runs):
    """A home whose run nothing disturbed; tests read it and leave it as it is."""
    return long_runs.result("undisturbed")


@pytest.fixture(scope="session")
def hostile(long_runs):
    """A home with hostile files on one day and nothing else on another, and how its run ended."""
    return long_runs.result("hostile")


@pytest.fixture(scope="session")
def restatement(long_runs):
    """A copy of the hostile home with a new revision of the bad day and all published after it."""
    return long_runs.result("restatement")


@pytest.fixture(scope="session")
def attacked(long_runs):
    """A community, and the same under attack, as published, by network."""
    return long_runs.result("attacked")[1]


@pytest.fixture(scope="session")
def collegemsg(attacked, long_runs):
    """The home in which a real log went beside those communities."""
    return long_runs.result("attacked")[0]


@pytest.fixture(scope="session")
def networks(life):
    """The home of that life, whose first days were pulled from two networks."""
    return life.home


@pytest.fixture(scope="session")
def life(long_runs):
    """What each stage of a person's life in a home left behind."""
    return long_runs.result("life")


@pytest.fixture(scope="session")
def killed(long_runs):
    """A home whose run was killed in each stage and left to finish, its processes, the last output."""
    return long_runs.result("killed")
