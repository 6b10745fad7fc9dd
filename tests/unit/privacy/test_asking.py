"""A request is written down at once and enters the next day that is run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from orchestration.privacy.asking import RAW, PrivacyError, Subject, ask, find_subject, is_held, land_requests
from spark_jobs.erasure import in_force
from spark_jobs.lake import Lake
from tests.fixtures.lake_days import put
from tests.fixtures.leaving_home import ADA, CONTACTS, DAYS, Home

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
WHO = Subject(network="forum", account_id=ADA)


def landed(lake: Lake) -> list[dict[str, str]]:
    rows = []
    for day, manifest in lake.manifests(RAW).items():
        for file in manifest.files:
            with lake.open(f"{lake.day_path(RAW, day)}/{file.name}") as handle:
                rows += [{"day": str(day), **json.loads(line)} for line in handle.read().splitlines()]
    return rows


def test_requests_land_in_the_first_day_that_is_not_published_and_in_their_order(home: Home) -> None:
    put(home.lake, "ledger_digest", DAYS[0], [])
    for minutes, request in enumerate(("opt_out", "opt_in", "erase")):
        ask(home.settings.home, WHO, request, NOW + timedelta(minutes=minutes))
    assert land_requests(home.lake, DAYS, "run") == 3
    rows = landed(home.lake)
    assert [row["request"] for row in rows] == ["opt_out", "opt_in", "erase"]
    assert {row["day"] for row in rows} == {str(DAYS[1])}
    times = [datetime.fromisoformat(row["requested_at"]) for row in rows]
    assert times == sorted(set(times))
    assert times[-1] < datetime(2026, 1, 3, tzinfo=UTC), "a day that is run late knows no future"


def test_what_lands_in_a_later_run_of_the_same_day_was_asked_later(home: Home) -> None:
    """The day failed its checks, is run again, and has two requests: the newer one must win."""
    for request, moment in (("opt_out", NOW), ("opt_in", NOW + timedelta(hours=9))):
        ask(home.settings.home, WHO, request, moment)
        assert land_requests(home.lake, DAYS, "run") == 1
    rows = landed(home.lake)
    assert len({row["day"] for row in rows}) == 1
    assert in_force((row["requested_at"], row["request"]) for row in rows) == "opt_in"


def test_a_request_lands_once_also_when_the_landing_was_killed_before_it_tidied_up(home: Home) -> None:
    ask(home.settings.home, WHO, "erase", NOW)
    waiting = home.lake.local_root / "requests"
    (file,) = waiting.iterdir()
    content = file.read_text()
    assert land_requests(home.lake, DAYS, "run") == 1
    assert list(waiting.iterdir()) == []
    file.write_text(content)
    assert land_requests(home.lake, DAYS, "run") == 0
    assert len(landed(home.lake)) == 1
    assert list(waiting.iterdir()) == []


def test_without_an_open_day_a_request_waits(home: Home) -> None:
    for day in DAYS:
        put(home.lake, "ledger_digest", day, [])
    ask(home.settings.home, WHO, "erase", NOW)
    assert land_requests(home.lake, DAYS, "run") == 0
    assert land_requests(home.lake, [DAYS[-1] + timedelta(days=1)], "run") == 1


@pytest.mark.parametrize(
    ("who", "found"),
    [
        ("@ada@forum", WHO),
        ("ADA@Forum", WHO),
        ("acct:forum:a-ada", WHO),
        ("acct:forum:gone:long ago", Subject(network="forum", account_id="gone:long ago")),
        ("C:1", Subject(crm="c", contact_id="1")),
        ("Other: two\n", Subject(crm="Other", contact_id=" two\n")),
    ],
)
def test_whom_is_meant(home: Home, who: str, found: Subject) -> None:
    assert find_subject(home.lake, who) == found


def test_a_crm_is_named_as_it_is(home: Home) -> None:
    """Another contact of a CRM that is written otherwise must not be meant."""
    names = ("SF", "sf")
    put(
        home.lake,
        "crm_contacts",
        DAYS[0],
        [{**CONTACTS[0], "source": "inbox", "crm": name} for name in names],
    )
    assert [find_subject(home.lake, f"{name}:1").crm for name in names] == ["SF", "sf"]
    with pytest.raises(PrivacyError, match="may be 2 CRMs; write it as one of them: SF, sf"):
        find_subject(home.lake, "Sf:1")


@pytest.mark.parametrize(
    ("who", "held"),
    [
        (Subject(network="forum", account_id=ADA), True),
        (Subject(network="forum", account_id="nobody"), False),
        (Subject(crm="c", contact_id="1"), True),
        (Subject(crm="c", contact_id="nobody"), False),
    ],
)
def test_whether_anything_is_held_by_this_name(home: Home, who: Subject, held: bool) -> None:
    assert is_held(home.lake, who) == held


@pytest.mark.parametrize("who", ["@nobody@forum", "@ada@blog", "ada", ""])
def test_whoever_is_not_known_is_told_how_to_be_named(home: Home, who: str) -> None:
    with pytest.raises(PrivacyError, match=r"acct:"):
        find_subject(home.lake, who)
