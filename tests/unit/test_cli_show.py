"""What the command reads from a published warehouse, made here from the contracts."""

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.commands.show import WHAT_IT_IS_NOT, sparkline
from orchestration.commands.warehouse import CommandError
from orchestration.settings import Settings, settings
from spark_jobs.contracts import contracts
from spark_jobs.lake import Lake

DAY = date(2026, 1, 30)
ADA, BOB, CYD = "acct:sample:1", "key:bob", "acct:sample:3"


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        names = ", ".join(row)
        marks = ", ".join("?" for _ in row)
        connection.execute(f"insert into {table} ({names}) values ({marks})", list(row.values()))


def _score(person: str, day: date, score: float | None, revision: int = 1) -> dict[str, Any]:
    unscored = {} if score else {"unscored_reason": "never_acted"}
    measures = {
        "momentum": 50.0,
        "reach": 12.0,
        "amplification": 1.5,
        "network_influence": 2.0,
        "evidence": 8.0,
    }
    return {
        "person_id": person,
        "day": day,
        "score": score,
        "score_low": score - 3 if score else None,
        "score_high": score + 3 if score else None,
        "percentile": 99.0 if score else None,
        **(measures if score else {}),
        **unscored,
        "model_version": "v1",
        "revision": revision,
        "reason": "late files" if revision > 1 else None,
        "published_at": datetime(2026, 2, 1, tzinfo=UTC).replace(tzinfo=None),
    }


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published copy with three people and thirty days."""
    copy = tmp_path_factory.mktemp("published") / "stature.duckdb"
    with duckdb.connect(str(copy)) as connection:
        for name, dataset in contracts().items():
            if dataset.layer == "mart" and dataset.status != "draft":
                connection.execute(f"create schema if not exists {dataset.schema_name}")
                columns = ", ".join(f'"{field.name}" {field.physical_type}' for field in dataset.fields)
                connection.execute(f"create table {name} ({columns})")
        _insert(
            connection,
            "core.person",
            [
                {"person_id": ADA, "display_name": "Ada", "handle": "ada", "networks": "sample"},
                {"person_id": BOB, "display_name": "Bob", "handle": "Bob", "networks": "forum,sample"},
                {"person_id": CYD, "display_name": None, "handle": "ada", "networks": "forum"},
            ],
        )
        _insert(
            connection,
            "core.person_account",
            [{"person_id": BOB, "network": "forum", "account_id": "b2", "share": 1.0, "valid_from": DAY}],
        )
        days = [DAY - timedelta(days=n) for n in range(30)]
        scores = [_score(ADA, day, 60.0 - n) for n, day in enumerate(days)]
        scores += [_score(ADA, DAY, 61.5, revision=2), _score(BOB, DAY, 40.0), _score(CYD, DAY, None)]
        _insert(connection, "core.daily_score", scores)
        _insert(
            connection,
            "bi.score_trend",
            [{"person_id": ADA, "day": row["day"], "score": row["score"]} for row in scores[:30]],
        )
        parts = {
            ("base", None): 1.0,
            ("repost", "sample"): 50.5,
            ("ceiling", None): -2.0,
            ("like", "sample"): 12.0,
        }
        _insert(
            connection,
            "bi.score_parts",
            [
                {"person_id": ADA, "day": DAY, "part": part, "network": network, "points": points}
                for (part, network), points in parts.items()
            ],
        )
        _insert(
            connection,
            "bi.score_changes",
            [
                {"person_id": ADA, "day": DAY, "cause": "new_attention", "points": 1.2},
                {"person_id": ADA, "day": DAY, "cause": "fading", "points": -0.4},
                {"person_id": ADA, "day": DAY, "cause": "accounts", "points": 0.0},
            ],
        )
        board = {"person_id": ADA, "display_name": "Ada", "handle": "ada", "score": 71.0, "evidence": 5.0}
        topic = {"day": DAY, "topic": "799", "label": "Gardens", "rank": 1, "endorsements": 2.4}
        _insert(connection, "bi.topic_leaderboard", [topic | board])
        latest = {"networks": "sample", "day": DAY, "rank": 1, "score_low": 58.0, "score_high": 64.0}
        _insert(
            connection,
            "bi.score_latest",
            [
                {
                    "person_id": ADA,
                    "display_name": "Ada",
                    "handle": "ada",
                    "score": 61.5,
                    "change_7d": 7.0,
                    "explanation": "62, up 7.0 this week: more attention through reposts",
                    **latest,
                }
            ],
        )
    return copy


@pytest.fixture
def home(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with that copy."""
    folder = tmp_path / "home"
    published = folder / "warehouse" / "published"
    published.mkdir(parents=True)
    shutil.copy(copy, published)
    monkeypatch.setenv("STATURE_HOME", str(folder))
    monkeypatch.setenv("COLUMNS", "120")
    settings.cache_clear()
    yield folder
    settings.cache_clear()


def said(*arguments: str) -> str:
    """What a command prints; it must succeed."""
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def refusal(*arguments: str) -> str:
    with pytest.raises(CommandError) as raised:
        CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    return str(raised.value)


@pytest.mark.usefixtures("home")
class TestShow:
    def test_a_score_is_explained_by_its_newest_revision(self) -> None:
        page = said("show", "@ada@sample")
        assert "Score 61.5  (95 %: 58.5 to 64.5)  rank 1 of 2  on 2026-01-30, revision 2: late files" in page
        assert "Trend ▁" in page
        assert "█  31.0 to 60.0 in 30 days" in page
        assert WHAT_IT_IS_NOT in page

    def test_the_newest_score_begins_with_its_explanation(self) -> None:
        lines = said("show", "@ada@sample").splitlines()
        assert lines[1] == "62, up 7.0 this week: more attention through reposts."
        assert lines[2].startswith("Score 61.5")
        assert "this week" not in said("show", "@ada@sample", "--day", "2026-01-20")

    def test_the_parts_add_up_to_the_score(self) -> None:
        lines = [line.split() for line in said("show", "@ada@sample").splitlines()]
        assert ["repost", "sample", "50.50", "█" * 24] in lines
        assert ["score", "61.50"] in lines

    def test_changes_and_topics_are_said(self) -> None:
        page = said("show", "@ada@sample")
        assert "Since yesterday +0.80: new attention +1.20, older attention fading -0.40" in page
        assert "Topics Gardens 71 (rank 1, endorsements worth 2.4)" in page

    def test_an_older_day_is_shown_as_it_was(self) -> None:
        assert "Score 50.0" in said("show", "@ada@sample", "--day", "2026-01-20")

    def test_who_is_not_scored_is_told_why(self) -> None:
        assert "Not scored on 2026-01-30: never_acted (the account never did" in said("show", "@ada@forum")

    def test_a_person_is_found_by_id_handle_or_any_account(self, home: Path) -> None:
        assert "Score 40.0" in said("show", "key:bob")
        assert "Score 40.0" in said("show", "@BOB@forum")
        accounts = {
            "network": "forum",
            "account_id": "b2",
            "handle": "robert",
            "observed_at": datetime(2026, 1, 1, tzinfo=UTC),
        }
        Lake(str(home)).write_arrow("accounts", DAY, pa.Table.from_pylist([accounts]), "run")
        assert "Score 40.0" in said("show", "@robert@forum")

    @pytest.mark.parametrize(
        ("who", "message"),
        [
            ("@adda@sample", "Nobody published is called @adda@sample. Close: @ada@"),
            ("@ada", "may be 2 people"),
            ("@ada@sample@x", "Nobody published is called @ada@sample@x"),
            ("", "write it as @handle@network"),
            ("' or 1=1 --", "Nobody published"),
        ],
    )
    def test_nobody_is_guessed(self, who: str, message: str) -> None:
        assert message in refusal("show", who)

    def test_a_day_without_a_score_says_which_days_there_are(self) -> None:
        assert "from 2026-01-01 to 2026-01-30" in refusal("show", "@ada@sample", "--day", "2025-12-31")


@pytest.mark.usefixtures("home")
class TestTop:
    def test_the_leaderboard_has_rank_interval_and_change(self) -> None:
        page = said("top")
        assert "1   61.5  58 to 64    +7.0" in page
        assert WHAT_IT_IS_NOT in page

    def test_a_topic_has_its_own(self) -> None:
        for name in ("799", "gardens"):
            assert "Influence on Gardens, 2026-01-30" in said("top", "--topic", name)
        assert "Topics: Gardens" in refusal("top", "--topic", "tractors")


class TestExport:
    def test_parquet_and_csv_hold_the_same_rows(self, home: Path) -> None:
        parquet, csv = home / "out.parquet", home / "out.csv"
        assert "33 rows of core.daily_score" in said("export", "daily_score", "--out", str(parquet))
        said("export", "core.daily_score", "--out", str(csv))
        table = pq.read_table(parquet)
        assert table.column_names == [field.name for field in contracts()["core.daily_score"].fields]
        assert pyarrow.csv.read_csv(csv).num_rows == table.num_rows == 33
        assert [path.name for path in home.glob(".*.part")] == []

    def test_one_day_is_left_when_one_is_asked_for(self, home: Path) -> None:
        out = home / "day.parquet"
        said("export", "daily_score", "--out", str(out), "--day", "2026-01-29")
        assert pq.read_table(out)["day"].to_pylist() == [date(2026, 1, 29)]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("scores", "--out", "x.csv"), "There is no table scores. There are: bi."),
            (("daily_score", "--out", "x.xlsx"), "neither .parquet nor .csv"),
            (("daily_score", "--out", "nowhere/x.csv"), "does not exist"),
            (("person", "--out", "x.csv", "--day", "2026-01-01"), "core.person has no days"),
            (("daily_score", "--out", "x.csv", "--day", "2025-01-01"), "no rows of 2025-01-01"),
        ],
    )
    @pytest.mark.usefixtures("home")
    def test_what_cannot_be_written_is_refused(self, arguments: tuple[str, ...], message: str) -> None:
        assert message in refusal("export", *arguments)


def test_without_a_published_copy_the_way_to_one_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATURE_HOME", str(tmp_path))
    settings.cache_clear()
    assert settings() == Settings(home=str(tmp_path))
    assert "stature run --from" in refusal("show", "@ada@sample")
    settings.cache_clear()


@pytest.mark.parametrize(
    ("values", "bars"),
    [
        ([], ""),
        ([None, None], ""),
        ([10.0, 10.1, 10.0], "▁▁▁"),
        ([0.0, None, 7.0], "▁ █"),
        ([float(n) for n in range(8)], "▁▂▃▄▅▆▇█"),
    ],
)
def test_a_sparkline_shows_shape_and_gaps(values: list[float | None], bars: str) -> None:
    assert sparkline(values) == bars
