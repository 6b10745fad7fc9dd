"""Stopped anywhere, a run recovers: killed in every stage, it ends with what an undisturbed one has."""

from __future__ import annotations

import duckdb
import psutil


def test_it_ends_with_every_day_published(killed):
    _, _, output = killed
    assert "Published up to 2026-01-03" in output


def test_the_lake_equals_an_undisturbed_run(killed, undisturbed):
    home, _, _ = killed
    expected = undisturbed.lake_rows()
    found = home.lake_rows()
    assert found.keys() == expected.keys()
    # The keys were handed over before the first day, so that leaves can be equal at all.
    for table in expected.keys() - {"lake/person_key"}:
        assert found[table] == expected[table], table


def test_the_ledger_has_the_same_leaves_and_verifies(killed, undisturbed):
    home, _, _ = killed
    assert home.lake_rows()["lake/ledger_leaf"] == undisturbed.lake_rows()["lake/ledger_leaf"]
    assert home.stature("verify").returncode == 0


def test_the_marts_equal_an_undisturbed_run(killed, undisturbed):
    home, _, _ = killed
    expected, found = undisturbed.mart_rows(), home.mart_rows()
    assert found.keys() == expected.keys()
    for table in expected:
        assert found[table] == expected[table], table


def test_no_process_outlives_its_run(killed):
    _, orphans, _ = killed
    assert orphans
    _, alive = psutil.wait_procs(orphans, timeout=60)
    assert not alive


def test_nothing_half_written_is_left(killed):
    home, _, _ = killed
    left = [path.name for path in home.published.parent.iterdir()]
    assert left == ["stature.duckdb"]
    with duckdb.connect(str(home.published), read_only=True) as connection:
        assert connection.execute("select count(*) from core.daily_score").fetchone()[0] > 0
