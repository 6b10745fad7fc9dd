"""What the integration tests share: a run costs half a minute, so what can be compared to one is.

The long runs begin with the first integration test, two at a time, while other tests go on; each is a
process of its own in a home of its own, and mostly waits for its tools to start. Tests that look at them
come last.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fixtures.long_runs import LongRuns

_LOOKING = {"long_runs"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_looks_at_long_runs)


def _looks_at_long_runs(item: pytest.Item) -> bool:
    return not _LOOKING.isdisjoint(getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def long_runs(tmp_path_factory) -> Iterator[LongRuns]:
    """Homes whose runs were begun together; asking for one waits for it."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield LongRuns(tmp_path_factory.mktemp("long"), pool)


@pytest.fixture(scope="session", autouse=True)
def _begin_long_runs(request):
    if any(_looks_at_long_runs(item) for item in request.session.items):
        request.getfixturevalue("long_runs")


@pytest.fixture(scope="session")
def undisturbed(long_runs):
    """A home whose run nothing disturbed; tests read it and leave it as it is."""
    return long_runs.undisturbed.result()
