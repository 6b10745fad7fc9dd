"""The contacts that a sync reads: the mart's, and which of them their CRM holds no longer."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest
import yaml

from orchestration.activation.contacts import Contacts, read_contacts
from orchestration.activation.sync import plan_crm
from orchestration.publishing import published_path
from orchestration.settings import Settings
from tests.fixtures.contact_scores import DAY
from tests.fixtures.crm_harness import harness


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, home=str(tmp_path))  # type: ignore[call-arg]


def _publish(settings: Settings, *statements: str) -> None:
    path = published_path(settings)
    path.parent.mkdir(parents=True)
    with duckdb.connect(str(path)) as connection:
        for statement in (
            "create schema bi",
            "create schema crm",
            "create table bi.score_latest as select date '2026-02-01' as day",
            "create table crm.contact_score as select 'c' as crm, '1' as contact_id, 50.0 as score",
            *statements,
        ):
            connection.execute(statement)


def test_contacts_and_whom_their_crm_deleted(settings: Settings) -> None:
    rows = "values ('c', '2', timestamp '2026-01-31'), ('d', '3', timestamp '2026-01-31')"
    _publish(settings, f"create table crm.deleted_contact as from ({rows}) as t(crm, contact_id, deleted_at)")
    found = read_contacts(settings, "c")
    assert [row["contact_id"] for row in found.rows] == ["1"]
    assert (found.as_of, found.deleted) == (date(2026, 2, 1), {"2"})


def test_a_warehouse_of_before_says_of_nobody_that_it_was_deleted(settings: Settings) -> None:
    _publish(settings)
    assert read_contacts(settings, "c").deleted == frozenset()


@pytest.mark.parametrize(("source", "emptied"), [(None, 0), ("elsewhere", 1)])
def test_records_are_gone_where_they_were_deleted_and_nowhere_else(
    tmp_path: Path, source: str | None, emptied: int
) -> None:
    """A table of ours that is filled with the contacts of a CRM still has the row of one that it deleted."""
    with harness("hubspot", tmp_path) as crm:
        crm.sync([crm.row(0), crm.row(1)])
        if source:
            path = tmp_path / "mappings" / "hubspot.yaml"
            told = yaml.safe_load(path.read_text()) | {"contacts": source}
            path.write_text(yaml.safe_dump(told))
        left = Contacts([crm.row(0)], DAY, frozenset({crm.ids[1]}))
        plan = plan_crm(crm.settings, "hubspot", DAY, lambda settings, name: left).plan
        assert (plan.counts.emptied, plan.counts.unchanged) == (emptied, 1)
