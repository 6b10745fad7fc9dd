"""`stature crm` on a published warehouse made here: plans, files, and a CRM that takes files."""

import csv
import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.activation.apply import Report
from orchestration.activation.deliveries import Deliveries, forget
from orchestration.activation.journal import Journal
from orchestration.activation.sync import SyncError, plan_crm, sync_crm
from orchestration.cli import app
from orchestration.commands.run import StoppedError
from orchestration.settings import Settings, settings
from spark_jobs.contracts import contract
from spark_jobs.lake import Lake
from tests.fixtures.contact_scores import CRM, DAY, contact, publish

MAPPING = """
kind: file
guards: {few: 0}
fields:
  - {field: score, column: score}
  - {field: topic, column: topic_1}
  - {field: as_of, column: day}
"""


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Three contacts, two of them scored, and a CRM that takes files."""
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / f"{CRM}.yaml").write_text(MAPPING)
    monkeypatch.setenv("STATURE_HOME", str(tmp_path))
    monkeypatch.setenv("STATURE_CRM_MAPPINGS", str(tmp_path / "mappings"))
    monkeypatch.setenv("STATURE_CRM_STALE_DAYS", "100000")
    publish(tmp_path, [contact("1", 40.0), contact("2", 60.0, topic_1="=cmd()"), contact("3", None)])
    settings.cache_clear()
    yield settings()
    settings.cache_clear()


def stature(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["crm", *arguments], catch_exceptions=False, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.output


def test_a_plan_says_what_would_be_written_and_sends_nothing(configured: Settings, tmp_path: Path) -> None:
    out = tmp_path / "plan.jsonl"
    said = stature("plan", "--crm", CRM, "--out", str(out))
    assert "3 contacts, 0 records hold something of ours" in said
    assert "score 40.0; topic bicycles; as_of 2026-02-01" in said
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["contact_id"] for line in lines] == ["1", "2"]
    assert lines[1]["values"] == {"score": 60.0, "topic": "=cmd()", "as_of": "2026-02-01"}
    summary = json.loads(out.with_name("plan.jsonl.summary.json").read_text())
    assert (summary["counts"]["first_time"], summary["guards"]) == (2, [])
    assert not (tmp_path / "lake").exists()


def test_a_plan_as_csv_holds_no_formulas(configured: Settings, tmp_path: Path) -> None:
    out = tmp_path / "plan.csv"
    stature("plan", "--crm", CRM, "--out", str(out))
    rows = list(csv.DictReader(out.open()))
    assert [row["topic"] for row in rows] == ["bicycles", "'=cmd()"]


def test_applied_once_there_is_nothing_more_to_send(configured: Settings, tmp_path: Path) -> None:
    assert "2 confirmed" in stature("apply", "--crm", CRM)
    [sent] = (tmp_path / "activation" / CRM / "outbox").iterdir()
    assert [json.loads(line)["contact_id"] for line in sent.read_text().splitlines()] == ["1", "2"]
    assert "unchanged" in stature("plan", "--crm", CRM)
    assert plan_crm(configured, CRM).plan.changes == ()
    assert "0 confirmed" in stature("apply", "--crm", CRM)


def test_the_lake_has_every_run_and_every_record_as_its_contracts_say(configured: Settings) -> None:
    stature("apply", "--crm", CRM)
    stature("apply", "--crm", CRM)
    lake = Lake(configured.home)
    [day] = lake.days("deliveries")
    for table, rows in (("deliveries", 2), ("crm_sync", 2)):
        found = lake.read_arrow(table, day)
        assert found is not None
        assert found.num_rows == rows
        assert found.column_names == [field.name for field in contract(table).lake_fields]
        required = [field.name for field in contract(table).lake_fields if field.required]
        assert not any(found[name].null_count for name in required)
    statuses = lake.read_arrow("deliveries", day, ["status", "sent_values", "as_of"])
    assert statuses is not None
    assert statuses["status"].to_pylist() == ["confirmed", "confirmed"]
    assert statuses["as_of"].to_pylist() == [DAY, DAY]


def test_an_old_plans_file_is_not_applied(configured: Settings, tmp_path: Path) -> None:
    out = tmp_path / "plan.jsonl"
    stature("plan", "--crm", CRM, "--out", str(out))
    publish(tmp_path, [contact("1", 90.0)])
    refused = CliRunner().invoke(app, ["crm", "apply", "--crm", CRM, "--plan", str(out)])
    assert isinstance(refused.exception, SyncError)
    assert "the plan is an old one" in str(refused.exception)
    assert Deliveries(configured.home, CRM).known() == {}
    stature("plan", "--crm", CRM, "--out", str(out))
    stature("apply", "--crm", CRM, "--plan", str(out))
    assert list(Deliveries(configured.home, CRM).known()) == ["1"]


def test_an_older_warehouse_overwrites_nothing(configured: Settings, tmp_path: Path) -> None:
    stature("apply", "--crm", CRM)
    publish(tmp_path, [contact("1", 90.0), contact("2", 60.0)], as_of=DAY - timedelta(days=1))
    report = sync_crm(configured, CRM, "run2", yes=True)
    assert report.failure is not None
    assert "nothing newer is overwritten" in report.failure
    assert Deliveries(configured.home, CRM).known()["1"].confirmed["score"] == 40.0


def synced_on(configured: Settings, days_later: int, last_day: date | None) -> Report:
    recent = configured.model_copy(update={"crm_stale_days": 3})
    return sync_crm(recent, CRM, "late", today=DAY + timedelta(days=days_later), last_day=last_day)


def test_a_run_over_days_of_the_past_leaves_its_scores_unsent_and_is_no_failure(
    configured: Settings, tmp_path: Path
) -> None:
    stature("apply", "--crm", CRM)
    publish(tmp_path, [contact("1", 90.0), contact("2", None, unscored_reason="opted_out")])
    report = synced_on(configured, 10, last_day=DAY)
    assert report.failure is None
    assert report.not_sent == f"not sent: the mart is of {DAY}, 10 days old; the next nightly run sends"
    assert (report.run.status, report.run.reason) == ("stopped", report.not_sent)
    assert report.run.counts["emptied"] == 1, "an opt-out waits for nothing"
    publish(tmp_path, [])
    assert synced_on(configured, 10, last_day=DAY).failure is None
    assert synced_on(configured, 10, last_day=DAY).text.startswith("not sent: the mart has no contacts")


@pytest.mark.parametrize("last_day", [None, DAY + timedelta(days=9)])
def test_a_stale_mart_fails_a_run_that_was_to_bring_it_up_to_date(
    configured: Settings, last_day: date | None
) -> None:
    report = synced_on(configured, 10, last_day)
    assert report.not_sent is None
    assert "10 days ago (at most 3), so nothing is sent" in str(report.failure)


def test_a_sync_that_could_not_begin_is_a_run_like_any_other(
    configured: Settings,
) -> None:
    with pytest.raises(SyncError, match="STATURE_SALESFORCE_URL"):
        sync_crm(configured, "salesforce", "run1")
    [day] = Lake(configured.home).days("crm_sync")
    found = Lake(configured.home).read_arrow("crm_sync", day)
    assert found is not None
    [row] = found.to_pylist()
    assert (row["status"], row["planned"]) == ("failed", 0)
    assert "STATURE_SALESFORCE_URL" in row["reason"]


def test_a_plan_that_changes_much_is_stopped_with_its_counts(configured: Settings, tmp_path: Path) -> None:
    stature("apply", "--crm", CRM)
    publish(tmp_path, [contact("1", 90.0), contact("2", 10.0)])
    stopped = CliRunner().invoke(app, ["crm", "apply", "--crm", CRM])
    assert isinstance(stopped.exception, SyncError)
    assert "2 of the 2 records that the CRM knows" in str(stopped.exception)
    assert "--yes" in str(stopped.exception)
    assert "2 confirmed" in stature("apply", "--crm", CRM, "--yes")


def test_an_erased_contacts_values_are_forgotten_and_then_emptied(
    configured: Settings, tmp_path: Path
) -> None:
    stature("apply", "--crm", CRM)
    assert forget(configured.home, [(CRM, "1"), (CRM, "nobody")], "erasure") == 1
    publish(tmp_path, [contact("2", 60.0, topic_1="=cmd()")])
    day = Lake(configured.home).days("deliveries")[0]
    kept = Lake(configured.home).read_arrow("deliveries", day)
    assert kept is not None
    by_contact = {row["contact_id"]: row for row in kept.to_pylist()}
    assert by_contact["1"]["sent_values"] is None
    assert by_contact["1"]["person_id"] is None
    assert json.loads(by_contact["2"]["sent_values"])["score"] == 60.0
    [change] = plan_crm(configured, CRM).plan.changes
    assert (change.contact_id, change.privacy, set(change.values.values())) == ("1", True, {None})
    assert "1 emptied" in stature("apply", "--crm", CRM)
    assert plan_crm(configured, CRM).plan.changes == ()
    outbox = tmp_path / "activation" / CRM / "outbox"
    assert not any("40.0" in file.read_text() for file in outbox.iterdir()), (
        "what was written out is gone too"
    )


def test_a_crash_between_the_write_and_its_record_is_sent_again(
    configured: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(deliveries: Deliveries, *_: object) -> None:
        if deliveries._journal.rows():
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Deliveries, "answer", killed)
        patched.setattr(Deliveries, "fold", killed)
        with pytest.raises(KeyboardInterrupt):
            sync_crm(configured, CRM, "run1")
    known = Deliveries(configured.home, CRM).known()
    assert {record.uncertain for record in known.values()} == {True}
    assert len(plan_crm(configured, CRM).plan.changes) == 2
    report = sync_crm(configured, CRM, "run2")
    assert report.run.counts["confirmed"] == 2
    assert plan_crm(configured, CRM).plan.changes == ()
    day = Lake(configured.home).days("deliveries")[0]
    rows = Lake(configured.home).read_arrow("deliveries", day)
    assert rows is not None
    assert sorted(zip(rows["run_id"].to_pylist(), rows["status"].to_pylist(), strict=True)) == [
        ("run1", "sent"),
        ("run1", "sent"),
        ("run2", "confirmed"),
        ("run2", "confirmed"),
    ]


def test_whoever_stops_it_is_told_that_nothing_is_lost(
    configured: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(deliveries: Deliveries, *_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Deliveries, "answer", stopped)
        found = CliRunner().invoke(app, ["crm", "apply", "--crm", CRM])
    assert isinstance(found.exception, StoppedError)
    assert "sends the rest" in str(found.exception)
    assert "2 confirmed" in stature("apply", "--crm", CRM)


def test_a_journal_that_was_folded_before_is_not_folded_twice(
    configured: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(journal: Journal) -> None:
        if journal.rows():
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "clear", killed)
        with pytest.raises(KeyboardInterrupt):
            sync_crm(configured, CRM, "run1")
    Deliveries(configured.home, CRM).fold()
    day = Lake(configured.home).days("deliveries")[0]
    rows = Lake(configured.home).read_arrow("deliveries", day)
    assert rows is not None
    assert rows.num_rows == 2
    assert plan_crm(configured, CRM).plan.changes == ()


def test_what_was_sent_later_counts_also_where_the_clock_was_set_back_or_the_run_is_the_same(
    configured: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_crm(configured, CRM, "run")
    publish(tmp_path, [contact("1", 90.0), contact("2", 10.0)])

    class Earlier(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) - timedelta(hours=2)

    monkeypatch.setattr("orchestration.activation.deliveries.datetime", Earlier)
    assert sync_crm(configured, CRM, "run", yes=True).run.run_id == "run-2"
    known = Deliveries(configured.home, CRM).known()
    assert [known[one].confirmed["score"] for one in ("1", "2")] == [90.0, 10.0]
    assert plan_crm(configured, CRM).plan.changes == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plan", "--crm", "nix"], "There is no mapping for the CRM 'nix'"),
        (["apply", "--crm", "nix"], "There is no mapping for the CRM 'nix'"),
        (["plan", "--crm", CRM, "--out", "plan.txt"], "ends in neither .jsonl nor .csv"),
        (["apply", "--crm", CRM, "--plan", "no.jsonl"], "is no summary of a plan"),
        (["apply", "--crm", "salesforce"], "STATURE_SALESFORCE_URL"),
    ],
)
def test_a_mistake_is_said(configured: Settings, arguments: list[str], message: str) -> None:
    refused = CliRunner().invoke(app, ["crm", *arguments])
    assert message in str(refused.exception)
