"""Who is erased, from which day to which."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.contracts import contract
from spark_jobs.transforms.conform.suppression import Erased, Request, erased_periods, subject, subjects

DAY = date(2026, 1, 1)
AT = datetime(2026, 1, 1, tzinfo=UTC)


def request(name, kind, hour, day):
    return Request(name, kind, AT + timedelta(hours=hour), DAY + timedelta(days=day))


def test_erased_from_the_day_the_request_came_until_a_later_one():
    requests = [request("a", "erase", 1, 3), request("a", "opt_in", 200, 9), request("b", "opt_out", 1, 0)]
    day = DAY + timedelta(days=3)
    assert erased_periods(requests) == [Erased("a", day, DAY + timedelta(days=9))]


def test_a_request_that_came_late_but_is_older_changes_nothing():
    requests = [request("a", "erase", 50, 3), request("a", "opt_in", 20, 5)]
    assert erased_periods(requests) == [Erased("a", DAY + timedelta(days=3), None)]


def test_only_an_opt_in_ends_an_erasure():
    requests = [request("a", "erase", 1, 3), request("a", "opt_out", 60, 5), request("a", "object", 90, 6)]
    assert erased_periods(requests) == [Erased("a", DAY + timedelta(days=3), None)]


kinds = st.sampled_from(["erase", "opt_in", "opt_out", "object"])
requests = st.lists(
    st.builds(request, st.sampled_from("ab"), kinds, st.integers(0, 300).map(lambda h: h), st.integers(0, 8)),
    max_size=12,
    unique_by=lambda r: (r.subject, r.requested_at),
)


@given(requests, st.integers(0, 10))
def test_the_periods_are_what_was_asked_since_the_newest_opt_in_day_by_day(delivered, offset):
    day = DAY + timedelta(days=offset)
    known = [r for r in delivered if r.day <= day]
    expected = set()
    for name in "ab":
        mine = sorted((r for r in known if r.subject == name), key=lambda r: r.requested_at)
        kinds = [r.request for r in mine]
        since = kinds[max((n + 1 for n, k in enumerate(kinds) if k == "opt_in"), default=0) :]
        expected |= {name} if "erase" in since else set()
    periods = erased_periods(delivered)
    found = [p.subject for p in periods if p.first_day <= day and (p.end_day is None or day < p.end_day)]
    assert sorted(found) == sorted(expected)


def test_every_person_that_a_row_names_counts():
    assert len(subjects(contract("activities"))) == 2
    assert len(subjects(contract("endorsements"))) == 2
    assert len(subjects(contract("crm_contacts"))) == 1
    assert len(subjects(contract("crm_contact_accounts"))) == 2, "the contact, and the account by its handle"
    assert len(subjects(contract("identity_links"))) == 2, "the account, and the key of the person"
    assert subjects(contract("privacy_requests")) == [], "or nobody could come back"
    assert subject("forum", "a") != subject("foru", "ma")
