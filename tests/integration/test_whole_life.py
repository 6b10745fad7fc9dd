"""A person's whole life in one home: in, out, back, and gone."""

from __future__ import annotations

import pytest

from tests.fixtures.whole_life import BLOG, CONTACT, CRM, NAME, PERSON, STAGES, TOWN, WholeLife, traces


def test_scored_matched_and_sent(life: WholeLife) -> None:
    stage = life.stages["scored"]
    assert stage.score is not None
    assert stage.score > 1
    assert (stage.contact["person_id"], stage.contact["unscored_reason"]) == (PERSON, None)
    assert stage.contact["score"] == stage.score
    assert stage.sent[CONTACT]["values"]["influence_score"] == pytest.approx(stage.score, abs=0.06)
    assert stage.marts["bi.score_latest"] == 1
    assert stage.marts["core.person_account"] == 2


def test_opted_out_there_is_no_row_but_the_empty_contact_and_the_crm_is_emptied(life: WholeLife) -> None:
    stage = life.stages["opted out"]
    assert {name: rows for name, rows in stage.marts.items() if rows} == {}
    assert stage.contact["contact_id"] == CONTACT
    assert (stage.contact["score"], stage.contact["sentence"], stage.contact["person_id"]) == (
        None,
        None,
        None,
    )
    assert stage.contact["unscored_reason"] == "opted_out"
    assert stage.contact["lifetime_value"] == 900, "no worse off than before"
    assert stage.sent[CONTACT]["values"]["influence_score"] is None


def test_back_with_the_whole_history(life: WholeLife) -> None:
    before, stage = life.stages["scored"], life.stages["back"]
    assert stage.score is not None
    assert stage.contact["score"] == stage.score
    assert stage.sent[CONTACT]["values"]["influence_score"] == pytest.approx(stage.score, abs=0.06)
    assert all(stage.marts[name] >= rows for name, rows in before.marts.items() if name.startswith("core."))


def test_erased_nothing_is_left_in_any_file_though_her_friends_go_on_speaking_of_her(life: WholeLife) -> None:
    stage = life.stages["erased"]
    assert {name: rows for name, rows in stage.marts.items() if rows} == {}
    assert traces(life.home) == []


def test_what_comes_of_her_is_counted_and_not_kept(life: WholeLife) -> None:
    last = life.home.lake.days("conform_count")[-1]
    counted = life.home.lake.read_arrow("conform_count", last).to_pylist()
    suppressed = {row["table_name"]: row["suppressed"] for row in counted}
    assert suppressed["activities"] >= 8
    assert suppressed["accounts"] == 2
    for row in counted:
        parts = ("accepted", "quarantined", "duplicates", "suppressed")
        assert row["received"] == sum(row[part] for part in parts)


def test_the_erased_contact_is_emptied_and_stays_so(life: WholeLife) -> None:
    stage = life.stages["erased"]
    assert stage.contact["contact_id"] == CONTACT
    assert stage.contact["unscored_reason"] == "erased"
    assert stage.contact["lifetime_value"] is None
    assert stage.sent[CONTACT]["values"]["influence_score"] is None
    rows = life.home.lake.read_arrow("deliveries", life.home.lake.days("deliveries")[-1]).to_pylist()
    mine = [row for row in rows if row["contact_id"] == CONTACT]
    assert mine
    assert all(row["person_id"] is None for row in mine)
    assert not any(str(life.stages["scored"].score) in (row["sent_values"] or "") for row in mine)


def test_the_ledger_still_holds(life: WholeLife) -> None:
    assert "The ledger holds: 6 publications of 6 days" in life.verified
    assert "erased" in life.verified


def test_every_place_that_was_cleaned_is_reported(life: WholeLife) -> None:
    lake = life.home.lake
    rows = lake.read_arrow("privacy_report", lake.days("privacy_report")[-1]).to_pylist()
    cleaned = {
        row["place"] for row in rows if row["deed"] in ("removed", "emptied", "replaced") and row["rows"]
    }
    assert {
        "lake/activities", "lake/accounts", "lake/identity_links", "lake/daily_score", "lake/person_key",
        "lake/pair_state", "lake/account_state", "lake/crm_contacts", "lake/crm_contact_accounts",
        "lake/deliveries", "raw/inbox/activities", "raw/inbox/accounts", "raw/requests/privacy_requests",
    } <= cleaned  # fmt: skip
    assert len({row["request"] for row in rows}) == 1
    assert not [row for row in rows if row["deed"] == "not_searched"]


def test_what_was_held_could_be_asked_for_and_then_nothing_is(life: WholeLife) -> None:
    places = {held["place"] for held in life.report["held"]}
    assert {
        "lake/activities",
        "raw/inbox/activities",
        "published/bi.score_latest",
        "lake/deliveries",
    } <= places
    assert {account["name"] for account in life.report["accounts"]} == {
        f"acct:town:{TOWN}",
        f"acct:blog:{BLOG}",
    }
    assert [contact["name"] for contact in life.report["contacts"]] == [f"{CRM}:{CONTACT}"]
    assert NAME in life.page
    assert "a1" not in {
        row.get("actor_account_id")
        for held in life.report["held"] if held["place"] == "lake/activities" for row in held["rows"]
    }, "who reacted is somebody else's data"  # fmt: skip
    assert life.report_after["held"] == []
    assert life.report_after["accounts"][0]["in_force"] == "erase"


def test_each_stage_was_a_run_without_a_fault(life: WholeLife) -> None:
    assert list(life.stages) == list(STAGES)
    assert "1 erased" in life.stages["erased"].output
