"""All that is held on a person, to read: theirs whole, others left out, nothing of it run."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from html import escape

from orchestration.connectors import watch
from orchestration.privacy.asking import Subject
from orchestration.privacy.carry_out import carry_out
from orchestration.privacy.held import SOMEBODY_ELSE, PersonReport, report_on
from orchestration.privacy.page import as_html, as_json
from tests.fixtures.deliveries import as_jsonl, deliver
from tests.fixtures.lake_days import put
from tests.fixtures.leaving_home import ADA, BLOG, BO, CONTACTS, DAYS, FIRST, Home, noon

HOSTILE = '<script>alert("x")</script>'


def about_ada(home: Home) -> PersonReport:
    return report_on(home.settings, home.lake, Subject(network="forum", account_id=ADA))


def test_it_has_every_place_with_the_contract_s_words_for_why(home: Home) -> None:
    found = about_ada(home)
    held = {each.place: each for each in found.held}
    assert {"lake/activities", "lake/crm_contacts", "raw/inbox/activities", "raw/inbox/crm_contacts"} <= set(
        held
    )
    assert len(held["lake/activities"].rows) == len(held["raw/inbox/activities"].rows) == 12
    assert "reactions" in held["lake/pair_state"].columns["mass"]
    assert all(each.why for each in found.held)
    assert [account.name for account in found.accounts] == [f"acct:blog:{BLOG}", f"acct:forum:{ADA}"]
    assert [contact.name for contact in found.contacts] == ["c:1"]


def test_other_people_are_left_out_of_it(home: Home) -> None:
    text = as_json(about_ada(home))
    assert SOMEBODY_ELSE in text
    assert ADA in text
    assert BO not in text
    assert "zoe" not in text.lower()


def test_text_from_outside_is_shown_and_never_run(home: Home) -> None:
    rows = [
        {"network": "forum", "account_id": ADA, "handle": "Ada", "display_name": HOSTILE,
         "observed_at": noon(FIRST), "source": "inbox"}
    ]  # fmt: skip
    put(home.lake, "accounts", DAYS[0], rows)
    page = as_html(about_ada(home))
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"<script|\son\w+=|javascript:", page)
    assert "default-src 'none'" in page


def test_the_page_says_in_short_what_it_is_for_how_long_it_stays_whence_it_came_and_who_got_it(
    home: Home,
) -> None:
    contact = {**CONTACTS[0], "legal_basis": "consent <b>", "source": "inbox"}
    put(home.lake, "crm_contacts", FIRST, [contact])
    page = as_html(about_ada(home))
    short = page[page.index("In short") : page.index("lake/accounts")]
    assert "It came from: inbox." in short
    assert "It was sent to: no CRM." in short
    assert "as the CRM has it: consent &lt;b&gt;." in short
    assert "What the score is made of" in short
    assert "Until it is erased." in short
    raw = sum(len(held.rows) for held in about_ada(home).held if held.place.startswith("raw"))
    assert f"<td>{raw:,}</td>" in short
    sent = {
        "crm": "c", "contact_id": "1", "run_id": "sync", "sequence": 1, "action": "send", "refusals": 0,
        "status": "confirmed", "sent_values": "{}", "attempted_at": noon(FIRST),
    }  # fmt: skip
    put(home.lake, "deliveries", FIRST, [sent])
    assert "It was sent to: c." in as_html(about_ada(home))


def test_a_single_row_is_read_downwards_with_what_its_columns_mean(home: Home) -> None:
    found = about_ada(home)
    held = next(each for each in found.held if each.place == "lake/crm_contacts")
    assert len(held.rows) == 1
    page = as_html(found)
    section = page[page.index("lake/crm_contacts") :]
    assert f"<th>email</th><td>ADA@x.org</td><td>{escape(held.columns['email'])}</td>" in section


def test_the_watch_list_is_a_place_too_and_is_cleaned(home: Home) -> None:
    watch.change(home.settings.home, "add", [("forum", "@ADA"), ("forum", "bo")], datetime.now(UTC))
    held = {each.place: each for each in about_ada(home).held}
    assert [row["handle"] for row in held["watch list"].rows] == ["@ADA"]
    assert "watch list" in as_html(about_ada(home))
    home.ask("erase", network="forum", account_id=ADA)
    carry_out(home.settings, home.lake, [DAYS[-1]], "run")
    assert [order.handle for order in watch.orders(home.settings.home)] == ["bo"]


def test_the_json_has_all_rows_and_the_page_says_how_many(home: Home) -> None:
    found = about_ada(home)
    parsed = json.loads(as_json(found))
    assert parsed["rows"] == found.rows == sum(len(held["rows"]) for held in parsed["held"])
    assert f"{found.rows:,} rows in {len(found.held)} places" in as_html(found)


def test_of_somebody_erased_it_says_so_and_holds_nothing(home: Home) -> None:
    home.ask("erase", network="forum", account_id=ADA)
    carry_out(home.settings, home.lake, [DAYS[-1]], "run")
    found = about_ada(home)
    assert [(account.in_force, account.erased_from) for account in found.accounts] == [("erase", DAYS[-1])]
    assert found.held == []
    assert "No row of any table speaks of this person" in as_html(found)


def test_a_file_that_nobody_can_read_is_named(home: Home) -> None:
    deliver(home.lake, DAYS[0], {"accounts-broken.parquet": b"PAR1 and no more"})
    deliver(home.lake, DAYS[0], {"letters.jsonl": as_jsonl(["{}"])})
    found = about_ada(home)
    assert len(found.not_searched) == 2
    assert "Files that could not be read" in as_html(found)
    home.ask("erase", network="forum", account_id=ADA)
    done = carry_out(home.settings, home.lake, [DAYS[-1]], "run")
    assert len(done.unread) == 2
