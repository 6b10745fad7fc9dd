"""Erased is gone from every file of the home, and nobody else is."""

from __future__ import annotations

import shutil
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orchestration.privacy.asking import Subject
from orchestration.privacy.carry_out import carry_out
from orchestration.privacy.held import report_on
from orchestration.privacy.marks import read_marks
from orchestration.privacy.reporting import Records
from spark_jobs.erasure import erasure_salt, is_mark, mark, subject
from spark_jobs.lake import Lake
from tests.fixtures.deliveries import as_jsonl, deliver
from tests.fixtures.lake_days import put
from tests.fixtures.leaving_home import ADA, BLOG, BO, CONTACTS, DAYS, FIRST, Home, activities, noon, text

WORDS = (ADA, BLOG, "ada@x.org", "ADA@x.org", "Ada O.", "ada.writes", "k1", '"Ada"')


def carried_out(home: Home, day: date = DAYS[-1]):
    return carry_out(home.settings, home.lake, [day], "run")


@pytest.mark.parametrize(
    "whom", [{"network": "forum", "account_id": ADA}, {"network": "blog", "account_id": BLOG}]
)
def test_erased_by_one_account_the_whole_person_is_gone_from_every_file(home: Home, whom) -> None:
    before = home.everything()
    assert all(word in before for word in WORDS)
    home.ask("erase", **whom)
    done = carried_out(home)
    after = home.everything()
    assert [word for word in WORDS if word in after] == []
    assert "zoe@x.org" in after, "others stay"
    assert done.erased == 1
    assert done.unread == []


def test_who_is_erased_by_a_contact_loses_the_accounts_that_it_is_surely_theirs(home: Home) -> None:
    home.ask("erase", crm="c", contact_id="1")
    carried_out(home)
    after = home.everything()
    assert [word for word in WORDS if word in after] == []
    (row,) = [row for row in home.rows("crm_contacts") if row["contact_id"] == "1"]
    assert (row["email"], row["full_name"]) == (None, None), "the contact stays, for its CRM to be emptied"


def test_a_crm_s_name_may_have_capitals_and_another_spelling_is_another_crm(home: Home) -> None:
    named = [{**CONTACTS[0], "crm": crm, "full_name": f"Al of {crm}", "email": None} for crm in ("SF", "sf")]
    put(home.lake, "crm_contacts", FIRST, [{**row, "source": "inbox"} for row in named])
    deliver(home.lake, FIRST, {"crm_contacts-sf.jsonl": as_jsonl(text(named))})
    home.ask("erase", crm="SF", contact_id="1")
    assert carried_out(home).erased == 1
    after = home.everything()
    assert "Al of SF" not in after
    assert after.count("Al of sf") == 2


def test_a_request_that_cannot_be_read_is_told_of(home: Home) -> None:
    row = {**refused(DAYS[-1], "{")[0], "table_name": "privacy_requests"}
    put(home.lake, "quarantine", DAYS[-1], [row])
    assert carried_out(home).refused == 1
    assert carried_out(home, DAYS[0]).refused == 0


def test_rows_of_others_stay_as_they_are(home: Home) -> None:
    home.ask("erase", network="forum", account_id=ADA)
    carried_out(home)
    assert {r["activity_id"] for r in home.rows("activities", FIRST)} == {f"q{FIRST}", f"m{FIRST}"}
    assert {r["account_id"] for r in home.rows("account_state", FIRST)} == {BO, "a-cy"}
    raw = home.lake.manifest("raw/inbox", FIRST)
    (csv,) = [f for f in raw.files if f.extra["table"] == "activities"]
    text = (home.lake.local_root / "lake/raw/inbox" / f"day={FIRST}" / csv.name).read_text()
    header, *lines = text.splitlines()
    assert header.startswith("network,activity_id,kind")
    assert [line.split(",")[1] for line in lines] == [f"q{FIRST}", f"m{FIRST}"]
    assert csv.extra["erased"] == 3, "so that making the day again counts them"


def test_what_was_received_is_still_accounted_for(home: Home) -> None:
    home.ask("erase", network="forum", account_id=ADA)
    carried_out(home)
    for row in home.rows("conform_count"):
        parts = ("accepted", "quarantined", "duplicates", "suppressed")
        assert row["received"] == sum(row[part] for part in parts)
    (row,) = [r for r in home.rows("conform_count", FIRST) if r["table_name"] == "activities"]
    assert (row["accepted"], row["quarantined"], row["suppressed"]) == (2, 0, 4)


def test_the_request_stays_by_its_mark_alone_in_the_lake_and_in_the_raw_file(home: Home) -> None:
    home.ask("erase", network="forum", account_id=ADA)
    carried_out(home)
    name = mark(erasure_salt(home.lake), subject("forum", ADA))
    (row,) = home.rows("privacy_requests")
    assert (row["network"], row["account_id"], row["request"]) == ("forum", name, "erase")
    assert f'"account_id": "{name}"' in home.everything()
    assert is_mark(name)


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_step_that_was_killed_anywhere_is_finished_by_the_next(
    home: Home, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Killed before or after a commit of the lake. The report tells of all attempts, and of nothing twice."""
    undisturbed = Home(Path(shutil.copytree(home.settings.home, f"{home.settings.home}-undisturbed")))
    for each in (undisturbed, home):
        add_sent(each)
        each.ask("erase", network="forum", account_id=ADA)
    carried_out(undisturbed)
    commit, left = Lake.commit, [0]

    def dying(self: Lake, table: str, *arguments: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] == 0 and when == "before":
            raise Killed
        done = commit(self, table, *arguments, **options)
        if left[0] == 0:
            raise Killed
        return done

    monkeypatch.setattr(Lake, "commit", dying)
    killed = 0
    for commits in (1, 3, 8, 4, 9, 2):
        left[0] = commits
        with suppress(Killed):
            carried_out(home)
            break
        killed += 1
    assert killed >= 5
    monkeypatch.undo()
    carried_out(home)
    after = home.everything()
    assert [word for word in WORDS if word in after] == []
    assert all(row.cleaned_at for row in read_marks(home.lake))
    for row in home.rows("conform_count"):
        parts = ("accepted", "quarantined", "duplicates", "suppressed")
        assert row["received"] == sum(row[part] for part in parts)
    assert told(home) == told(undisturbed)
    assert told(home)["lake/deliveries", "emptied"] == 1
    assert list(Path(home.settings.home, "erasing").iterdir()) == []


def told(home: Home) -> dict[tuple[str, str], int]:
    return {(r["place"], r["deed"]): r["rows"] for r in home.rows("privacy_report")}


def add_sent(home: Home) -> None:
    """What a sync told Ada's CRM, the day after."""
    sent = {
        "crm": "c", "contact_id": "1", "person_id": "key:k1", "run_id": "sync", "action": "send",
        "status": "confirmed", "sent_values": '{"score": 20}', "refusals": 0, "attempted_at": noon(DAYS[-1]),
        "as_of": DAYS[-2], "causes": ["score"], "left_alone": [],
    }  # fmt: skip
    put(home.lake, "deliveries", DAYS[-1], [sent])


def test_records_that_a_killed_run_left_after_its_report_count_for_no_later_one(home: Home) -> None:
    home.ask("erase", day=DAYS[1], network="forum", account_id=BO)
    carried_out(home, DAYS[1])
    Records(home.settings.home).write("lake/activities", "left", {("erased:somebody", "removed"): 9})
    home.ask("erase", network="forum", account_id=ADA)
    carried_out(home)
    assert "erased:somebody" not in {row["request"] for row in home.rows("privacy_report")}


def test_a_second_run_finds_nothing_to_do(home: Home) -> None:
    home.ask("erase", network="forum", account_id=ADA)
    carried_out(home)
    before = {table: home.lake.manifests(table) for table in ("activities", "raw/inbox", "privacy_report")}
    assert carried_out(home).erased == 0
    assert before == {table: home.lake.manifests(table) for table in before}


def test_the_report_names_every_place_that_was_searched(home: Home) -> None:
    home.ask("erase", network="forum", account_id=ADA)
    carried_out(home)
    rows = {(r["place"], r["deed"]): r["rows"] for r in home.rows("privacy_report")}
    assert rows["lake/activities", "removed"] == 12
    assert rows["lake/quarantine", "removed"] == 4
    assert rows["lake/pair_state", "removed"] == 8
    assert rows["lake/score_reactor", "removed"] == 4
    assert rows["lake/crm_contacts", "emptied"] == 1
    assert rows["lake/privacy_requests", "replaced"] == 1
    assert rows["raw/inbox/activities", "removed"] == 12
    assert rows["lake/daily_score", "nothing_found"] == 0
    assert rows["warehouse", "rebuilt"] == 0
    assert len({r["request"] for r in home.rows("privacy_report")}) == 1


BROKEN = (
    f'{{"network": "forum", "kind": "wave", "actor_account_id": "{BO}", "target_account_id": "{ADA}"}}',
    '{"crm": "c", "contact_id": "1", "full_name": "Ada O.", "updated_at": "today"}',
    '{"network": "forum", "handle": "Ada", "display_name": "Ada O."}',
    '{"said": "Ada O. <ada@x.org>", ',
    "c;1;ADA@x.org;Ada O.",
)


def refused(day: date, *texts: str) -> list[dict[str, Any]]:
    """Rows as conform refuses them where it cannot tell, or does not say, whose they are."""
    return [
        {
            "source": "inbox", "table_name": "crm_contacts", "file": "f", "row_number": n,
            "reason": "bad_json", "raw": text, "raw_sha256": "0" * 64, "raw_bytes": len(text),
        }
        for n, text in enumerate(texts, 1)
    ]  # fmt: skip


def test_refused_rows_go_by_whichever_word_of_them_is_hers(home: Home) -> None:
    other = '{"said": "Zoe <zoe@x.org>", '
    put(home.lake, "quarantine", DAYS[0], refused(DAYS[0], *BROKEN, other))
    assert {row["raw"] for row in seen(home)} >= set(BROKEN[1:])
    home.ask("erase", network="forum", account_id=ADA)
    carried_out(home)
    assert [row["raw"] for row in home.rows("quarantine", DAYS[0])] == [other]
    assert "Ada O." not in home.everything()


def seen(home: Home) -> list[dict[str, Any]]:
    """The refused rows that a report on Ada shows."""
    found = report_on(home.settings, home.lake, Subject(network="forum", account_id=ADA)).held
    return next(held.rows for held in found if held.place == "lake/quarantine")


def test_what_nobody_can_read_does_not_bring_her_back(home: Home) -> None:
    home.ask("erase", network="forum", account_id=ADA, day=DAYS[-2])
    carried_out(home, DAYS[-2])
    lines = "\n".join([*BROKEN, '{"said": "Zoe", ', ""]).encode()
    deliver(home.lake, DAYS[-1], {"crm_contacts-broken.jsonl": lines})
    put(home.lake, "quarantine", DAYS[-1], refused(DAYS[-1], *BROKEN, '{"said": "Zoe", '))
    count = {"source": "inbox", "table_name": "crm_contacts", "received": 6, "accepted": 0, "quarantined": 6}
    put(home.lake, "conform_count", DAYS[-1], [{**count, "duplicates": 0, "suppressed": 0}])
    carried_out(home)
    (row,) = home.rows("conform_count", DAYS[-1])
    assert (row["quarantined"], row["suppressed"]) == (1, 5)
    assert len(home.rows("quarantine", DAYS[-1])) == 1
    after = home.everything()
    assert [word for word in ("Ada O.", "ada@x.org", "ADA@x.org") if word in after] == []
    assert "Zoe" in after


def test_rows_that_come_again_leave_the_raw_files_as_well(home: Home) -> None:
    """The next day's files speak of the erased; conform counted them as suppressed and kept none."""
    home.ask("erase", network="forum", account_id=ADA, day=DAYS[-2])
    carried_out(home, DAYS[-2])
    home.deliver(DAYS[-1])
    counted = home.rows("conform_count", DAYS[-1])
    for row in counted:
        row["suppressed"] = 1
    put(home.lake, "conform_count", DAYS[-1], counted)
    assert ADA in home.everything()
    carried_out(home)
    assert ADA not in home.everything()


def test_a_request_that_is_delivered_again_leaves_no_name_either(home: Home) -> None:
    home.ask("erase", network="forum", account_id=ADA, day=DAYS[-2])
    carried_out(home, DAYS[-2])
    home.ask("erase", network="forum", account_id=ADA)
    row = {"source": "inbox", "table_name": "privacy_requests", "received": 1, "accepted": 1}
    put(
        home.lake,
        "conform_count",
        DAYS[-1],
        [row | dict.fromkeys(("quarantined", "duplicates", "suppressed"), 0)],
    )
    assert carried_out(home).erased == 0
    assert ADA not in home.everything()


def test_whoever_opts_in_again_begins_anew(home: Home) -> None:
    home.ask("erase", day=DAYS[1], network="forum", account_id=ADA)
    home.ask("opt_in", day=DAYS[3], network="forum", account_id=ADA)
    carried_out(home)
    assert [ADA in {r["actor_account_id"] for r in home.rows("activities", d)} for d in DAYS] == [
        False, False, False, True
    ]  # fmt: skip
    assert BLOG not in home.everything(), "each account comes back by its own opt-in"
    assert home.rows("privacy_requests", DAYS[3])[0]["account_id"] == ADA


def test_what_a_contact_asks_holds_for_the_accounts_and_ends_with_its_opt_in(home: Home) -> None:
    home.ask("opt_out", day=DAYS[1], crm="c", contact_id="1")
    carried_out(home)
    rows = home.rows("privacy_extension", DAYS[-1])
    assert {(r["network"], r["account_id"], r["request"], r["valid_from"], r["valid_to"]) for r in rows} == {
        ("forum", ADA, "opt_out", DAYS[1], None),
        ("blog", BLOG, "opt_out", DAYS[1], None),
    }
    home.ask("opt_in", day=DAYS[3], crm="c", contact_id="1")
    carried_out(home)
    assert {r["valid_to"] for r in home.rows("privacy_extension", DAYS[-1])} == {DAYS[3]}
    assert len(home.rows("activities", FIRST)) == len(activities(FIRST)), "an opt-out deletes nothing"


def test_who_is_known_to_be_under_18_has_accounts_without_a_score_until_the_year_is_over(home: Home) -> None:
    young = {**CONTACTS[0], "source": "inbox"}
    for birth_year, expected in ((2010, date(2029, 1, 1)), (2008, date(2027, 1, 1)), (2007, None)):
        put(home.lake, "crm_contacts", FIRST, [{**young, "birth_year": birth_year}])
        carried_out(home)
        rows = home.rows("privacy_extension", DAYS[-1])
        held = {(r["network"], r["account_id"], r["request"], r["valid_from"], r["valid_to"]) for r in rows}
        assert held == (
            {
                (network, name, "under_18", FIRST, expected)
                for network, name in (("forum", ADA), ("blog", BLOG))
            }
            if expected
            else set()
        )


def test_an_erased_account_s_contact_is_known_to_be_emptied(home: Home) -> None:
    home.ask("erase", network="forum", account_id=ADA)
    carried_out(home)
    rows = home.rows("privacy_extension", DAYS[-1])
    assert [(r["account_id"], r["crm"], r["contact_id"], r["request"]) for r in rows] == [
        (None, "c", "1", "erase")
    ]
    assert carried_out(home).extended == 1, "also when nothing is left to find it by"


def test_a_home_without_requests_is_left_alone(home: Home) -> None:
    before = home.lake.manifests("activities")
    assert carried_out(home).rows == 0
    assert home.lake.manifests("activities") == before
