"""The tables that scoring reads and writes are those of the contracts, column by column."""

from __future__ import annotations

import pytest

from spark_jobs.contracts import contract
from spark_jobs.taxonomy import load_taxonomy
from spark_jobs.transforms.scoring.block_tables import (
    NETWORK_STATES,
    PERSON_ACCOUNT,
    PERSON_OUTPUT,
    PERSON_STATE,
    UNPUBLISHED,
)
from spark_jobs.transforms.scoring.topic_input import topic_labels

WRITTEN = {
    **NETWORK_STATES,
    **PERSON_OUTPUT,
    "person_account": PERSON_ACCOUNT,
    "person_state": PERSON_STATE,
}
ADDED_LATER = {*UNPUBLISHED, "percentile", "model_version"}
"""Columns that the ranking of a day and publication add."""


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_columns_are_the_contracts(name):
    expected = [field.name for field in contract(name).fields]
    assert [column for column in expected if column in WRITTEN[name].names] == WRITTEN[name].names
    assert set(expected) - set(WRITTEN[name].names) <= ADDED_LATER


def test_labels_are_the_contracts():
    labels = topic_labels(load_taxonomy())
    assert labels.column_names == [field.name for field in contract("topic_label").lake_fields]
