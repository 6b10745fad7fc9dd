"""`stature model compare` on a home that a run left behind: what it says, and that it leaves no trace."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
import yaml

from spark_jobs import scoring_model
from tests.fixtures.whole_home import DAYS, FIRST, WholeHome

LAST = FIRST + timedelta(days=DAYS - 1)
V1 = Path(scoring_model.__file__).with_name("v1.yaml")


def files(home: WholeHome) -> dict[str, tuple[int, int]]:
    """Every file of the home but those of the comparison's own making, with size and time."""
    found = {}
    for path in home.path.rglob("*"):
        if path.is_file():
            found[str(path)] = (path.stat().st_size, path.stat().st_mtime_ns)
    return found


def test_a_model_that_is_tried_out_is_compared_and_leaves_no_trace(
    undisturbed: WholeHome, tmp_path: Path
) -> None:
    model = yaml.safe_load(V1.read_text())
    model["version"] = "more-for-likes"
    model["kinds"]["like"] *= 3
    tried = tmp_path / "tried.yaml"
    tried.write_text(yaml.safe_dump(model))
    out = tmp_path / "report.json"
    before = files(undisturbed)
    leftover = undisturbed.path / "scratch" / "compare-killed" / "first" / "lake"
    leftover.mkdir(parents=True)
    (leftover / "state.parquet").touch()

    options = ("--from", str(LAST - timedelta(days=1)), "--to", str(LAST), "--out", str(out))
    done = undisturbed.stature("model", "compare", "v1", str(tried), *options)
    assert done.returncode == 0, done.stdout
    assert "Who moves most" in done.stdout
    assert files(undisturbed) == before

    report = json.loads(out.read_text())
    assert (report["first"], report["second"]) == ("v1", str(tried))
    assert [day["day"] for day in report["days"]] == [str(LAST - timedelta(days=1)), str(LAST)]
    day = report["days"][-1]
    assert day["people"] > 30
    assert day["only_first"] == day["only_second"] == 0
    assert day["psi"]["value"] >= 0
    assert sum(day["psi"]["first"]) == sum(day["psi"]["second"]) == day["people"]
    assert 0 < day["kendall_tau_b"] <= 1
    assert 0 < day["rbo_top_100"] <= 1
    people_days = sum(entry["people_days"] for entry in report["differences"])
    assert people_days == sum(day["people"] for day in report["days"])

    # The first of the two is the model that the home was scored by: the scratch place knows no other history.
    with duckdb.connect(str(undisturbed.published), read_only=True) as warehouse:
        query = "select person_id, score from core.daily_score where day = ?"
        published = dict(warehouse.execute(query, [LAST]).fetchall())
    movers = report["movers"]
    assert movers
    for mover in movers:
        assert mover["first"] == published[mover["person_id"]]
        told = sum(reason["points"] for reason in mover["reasons"])
        assert told == pytest.approx(mover["difference"], abs=0.02)
    sizes = [abs(mover["difference"]) for mover in movers]
    assert sizes == sorted(sizes, reverse=True)
