"""The sample community: a simulated network and a forum beside it, one day at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dlt
from dlt.extract import DltSource

from orchestration.connectors.community import simulate_day
from orchestration.connectors.community.settings import CommunitySettings
from orchestration.connectors.registry import Pull


def source(pull: Pull) -> DltSource:
    """The day's input tables, as the contracts of `data_contracts/inputs` have them."""
    community = CommunitySettings(
        people=pull.settings.sample_people, seed=pull.settings.sample_seed, first_day=pull.first_day
    )

    def tables() -> Iterator[Any]:
        for name, table in simulate_day(community, pull.day).items():
            if table.num_rows:
                yield dlt.mark.with_table_name(table, name)

    @dlt.source(name="sample")
    def sample() -> Any:
        return dlt.resource(tables, name="sample")

    return sample()
