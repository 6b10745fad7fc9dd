"""What the integration tests share: a run costs half a minute, so what can be compared to one is."""

from __future__ import annotations

import pytest

from tests.fixtures.whole_home import DAYS, WholeHome


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """A home whose run nothing disturbed; tests read it and leave it as it is."""
    home = WholeHome(tmp_path_factory.mktemp("undisturbed"))
    home.run(DAYS)
    return home
