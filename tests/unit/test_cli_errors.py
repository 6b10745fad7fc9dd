"""A user's mistake is one line that says what to do, and never a traceback."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spark_jobs.lake import Lake
from tests.fixtures.forked_command import ForkedCommand, forked_command
from tests.fixtures.whole_home import WholeHome

TODAY = datetime.now(UTC).date()


@pytest.fixture(scope="module")
def stature() -> Iterator[ForkedCommand]:
    with forked_command() as command:
        yield command


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["run"], {}, "Say where the history begins"),
        (["run", "--from", str(TODAY)], {}, f"The days end before they begin: from {TODAY} to"),
        (["run", "--from", "2026-01-01", "--to", str(TODAY)], {}, f"{TODAY} is not over yet (UTC)"),
        (["run", "--from", "yesterday"], {}, "'yesterday' is not a day: write it as YYYY-MM-DD."),
        (["run", "--from", "2026-01-01"], {"STATURE_NETWORKS": "moon"}, "there is no connector 'moon'"),
        (
            ["run"],
            {"STATURE_SAMPLE_PEOPLE": "many"},
            "STATURE_SAMPLE_PEOPLE: Input should be a valid integer",
        ),
        (["run", "--from", "2026-01-01"], {"STATURE_MODEL": "v0"}, "STATURE_MODEL is v0, and there is no"),
        (["run", "--from", "2026-01-01"], {"STATURE_TAXONOMY": "/nowhere"}, "There is no taxonomy /nowhere"),
        (["run", "--from", "2026-01-01"], {"STATURE_INBOX": "/no/where"}, "/no/where"),
        (["run", "--from", "2026-01-01"], {"STATURE_CRMS": "nix"}, "There is no mapping for the CRM 'nix'"),
        (["crm", "plan", "--crm", "salesforce"], {}, "Nothing is published in "),
        (
            ["crm", "plan", "--crm", "x"],
            {"STATURE_CRM_SECRETS": "hush"},
            "STATURE_CRM_SECRETS: Value error, must be",
        ),
        (["run"], {"STATURE_FIRST_DAY": "2026"}, "STATURE_FIRST_DAY: "),
        (["show", "@ada@sample"], {}, "Nothing is published in "),
        (["top"], {}, "Nothing is published in "),
        (["privacy", "erase", "@ada@sample"], {}, "Nothing was ever run in "),
        (["privacy", "report", "ada", "--out", "about"], {}, "ada names nobody: write an account as @handle"),
        (["export", "daily_score", "--out", "x.csv"], {}, "Nothing is published in "),
        (["restate", "--day", "2026-01-01", "--reason", "r"], {}, "Nothing is published yet"),
        (
            ["model", "compare", "v1", "v0", "--from", "2026-01-01", "--to", "2026-01-02"],
            {},
            "There is no scoring model 'v0'; there are: v1",
        ),
        (
            ["model", "compare", "v1", "no.yaml", "--from", "2026-01-01", "--to", "2026-01-02"],
            {},
            "There is no scoring model at no.yaml",
        ),
        (
            ["model", "compare", "v1", "v1", "--from", "2026-01-01", "--to", "2026-01-02"],
            {},
            "Nothing is published in ",
        ),
        (
            ["demo"],
            {"STATURE_NETWORKS": "inbox", "STATURE_INBOX": "."},
            "The demo runs the sample network alone",
        ),
    ],
)
def test_a_mistake_is_said_in_one_line(
    stature: ForkedCommand,
    tmp_path: Path,
    arguments: list[str],
    environment: dict[str, str],
    message: str,
) -> None:
    done = stature(tmp_path / "home", *arguments, **environment)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "home" / "lake").exists(), "a run that cannot start leaves nothing behind"


def test_the_demo_leaves_another_history_alone(stature: ForkedCommand, tmp_path: Path) -> None:
    Lake(str(tmp_path)).declare_first_day(TODAY - timedelta(days=9))
    done = stature(tmp_path, "demo")
    assert done.returncode == 1
    assert "holds another history" in done.stderr


def test_a_damaged_ledger_is_reported_day_by_day(stature: ForkedCommand, tmp_path: Path) -> None:
    Lake(str(tmp_path)).commit("ledger_digest", TODAY, [], "run")
    assert stature(tmp_path, "verify").returncode in (0, 1)
    empty = stature(tmp_path / "empty", "verify")
    assert (empty.returncode, empty.stderr) == (0, "")
    assert "The ledger holds: 0 publications" in empty.stdout


def test_the_installed_command_lists_its_commands_without_arguments(tmp_path: Path) -> None:
    listed = WholeHome(tmp_path).stature().stdout
    for command in ("run", "show", "top", "export", "verify", "restate", "demo", "dev"):
        assert f" {command} " in listed
