"""`stature audience` on a published copy and a lake: drawn once, kept, listed."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from orchestration.audiences import book
from orchestration.cli import app
from orchestration.commands.audience import draw_audience
from orchestration.commands.warehouse import CommandError
from orchestration.settings import Settings, settings
from spark_jobs.contracts import contract
from spark_jobs.lake import Lake

DAY = date(2026, 1, 30)
NOW = datetime(2026, 2, 1, 9, tzinfo=UTC)
FILE = "campaign: {}\nsize: 6\ncontrol: 0.5\nseed: 1\nevidence: 3\nconsent: [consent]\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten contacts, of whom the first has no score and the second no consent."""
    copy = tmp_path / "warehouse" / "published" / "stature.duckdb"
    copy.parent.mkdir(parents=True)
    with duckdb.connect(str(copy)) as connection:
        for name in ("crm.contact_score", "bi.score_latest"):
            columns = ", ".join(f'"{f.name}" {f.physical_type}' for f in contract(name).fields)
            connection.execute(f"create schema {name.split('.')[0]}; create table {name} ({columns})")
        connection.execute(
            "insert into crm.contact_score by name select 'crm' as crm, 'c' || n as contact_id,"
            " 'p' || n as person_id, case when n > 0 then 20 + n end as score, 'tea' as topic_1,"
            " case when n != 1 then 'consent' end as legal_basis, 0 as open_cases, false as double_failure"
            " from range(10) as t(n)"
        )
        connection.execute(
            "insert into bi.score_latest by name select 'p' || n as person_id, ? as day, 4 as evidence,"
            " 'forum,blog' as networks from range(10) as t(n)",
            [DAY],
        )
    folder = tmp_path / "campaigns"
    folder.mkdir()
    (folder / "spring.yaml").write_text(FILE.format("spring"))
    (folder / "summer.yaml").write_text(FILE.format("summer"))
    (folder / "broken.yaml").write_text("campaign: broken\nsize: 6\nseed: 1\n")
    monkeypatch.setenv("STATURE_HOME", str(tmp_path))
    monkeypatch.setenv("STATURE_CAMPAIGNS", str(folder))
    monkeypatch.setenv("COLUMNS", "160")
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def test_a_draw_is_kept_as_the_contract_has_it(home: Path) -> None:
    made = draw_audience(Settings(), "spring", NOW)
    assert (made.day, made.drawing.eligible) == (DAY, 8)
    assert made.drawing.left_out == {"no score": 1, "no consent": 1}
    rows = Lake(str(home)).read_arrow("campaign_audience", DAY)
    assert rows is not None
    kept = rows.to_pylist()
    assert [(row["contact_id"], row["group_name"]) for row in kept] == [
        (one.contact_id, one.group_name) for one in made.drawing.people
    ]
    assert {
        (r["campaign_id"], r["drawn_at"], tuple(r["outcome_kinds"]), r["measured_days"]) for r in kept
    } == {("spring", NOW, ("order", "referral"), 30)}
    assert rows.column_names == [field.name for field in contract("campaign_audience").lake_fields]


def test_a_later_draw_adds_and_the_first_one_stands(home: Path) -> None:
    lake = Lake(str(home))
    draw_audience(Settings(), "spring", NOW)
    first = book.earlier(lake)
    publish(home, DAY + timedelta(days=1))
    with pytest.raises(CommandError, match="spring was drawn already, from other scores or another file"):
        draw_audience(Settings(), "spring", NOW)
    # Three were invited and are not asked again so soon; the control of three may be.
    made = draw_audience(Settings(), "summer", NOW)
    assert made.drawing.left_out["asked too often lately"] == 3
    both = book.earlier(lake)
    assert both[: len(first)] == first
    assert len(both) == len(first) + len(made.drawing.people)


def test_the_same_draw_again_changes_nothing_and_says_so_whenever_it_is_made(home: Path) -> None:
    lake = Lake(str(home))
    first = draw_audience(Settings(), "spring", NOW)
    draw_audience(Settings(), "summer", NOW)  # what came after does not matter, either
    kept = lake.manifest("campaign_audience", DAY)
    again = draw_audience(Settings(), "spring", NOW + timedelta(days=400))
    assert again.stands
    assert not first.stands
    assert again.drawing.people == first.drawing.people
    assert lake.manifest("campaign_audience", DAY) == kept
    said = CliRunner().invoke(app, ["audience", "draw", "spring"]).output
    assert "stands as it was" in said
    assert "3  invited" in said
    file = home / "campaigns" / "spring.yaml"
    file.write_text(file.read_text().replace("seed: 1", "seed: 2"))
    with pytest.raises(CommandError, match="another file"):
        draw_audience(Settings(), "spring", NOW)


def test_the_clock_decides_nothing(home: Path) -> None:
    other = Path(shutil.copytree(home, f"{home}-other"))
    drawn = []
    for folder, moment in ((home, NOW), (other, NOW + timedelta(days=900))):
        for name in ("summer", "spring"):  # the second under the cap that the first one fills
            made = draw_audience(Settings(home=str(folder)), name, moment)
            drawn.append((name, made.day, made.drawing))
    assert drawn[:2] == drawn[2:]


def publish(home: Path, day: date) -> None:
    """The same contacts, with the scores of another day."""
    with duckdb.connect(str(home / "warehouse" / "published" / "stature.duckdb")) as connection:
        connection.execute("update bi.score_latest set day = ?", [day])


def test_a_dry_run_keeps_nothing(home: Path) -> None:
    found = CliRunner().invoke(app, ["audience", "draw", "spring", "--dry-run"])
    assert found.exit_code == 0, found.output
    assert "3  invited" in found.output
    assert "Nothing was kept." in found.output
    assert Lake(str(home)).days("campaign_audience") == []


def test_the_list_has_draws_and_files(home: Path) -> None:
    assert CliRunner().invoke(app, ["audience", "draw", "spring"]).exit_code == 0
    lines = CliRunner().invoke(app, ["audience", "list"]).output.splitlines()
    begun = {line.split()[0]: line for line in lines[1:] if not line.startswith(" ")}
    assert list(begun) == ["spring", "broken", "summer"]
    assert begun["spring"].split()[3:5] == ["3", "3"]
    assert "refused" in begun["broken"]
    assert "consent is missing" in " ".join(" ".join(lines).split())
    assert "[consent]" in " ".join(lines), "and not taken for a style"
    assert "not drawn" in begun["summer"]


def test_without_anything_published_there_is_nothing_to_draw_from(home: Path) -> None:
    (home / "warehouse" / "published" / "stature.duckdb").unlink()
    with pytest.raises(CommandError, match="Nothing is published"):
        draw_audience(Settings(), "spring", NOW)
