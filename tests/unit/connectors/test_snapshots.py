"""A day has one snapshot of an account, and it is of that day, whenever the day was pulled."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from orchestration.connectors.answers import Refused, Row
from orchestration.connectors.snapshots import settled

DAY = date(2026, 3, 10)
NIGHT = datetime(2026, 3, 11, 2, tzinfo=UTC)
LAST = datetime(2026, 3, 10, 23, 59, 59, 999_999, tzinfo=UTC)


def snapshot(account: str = "1", at: datetime = NIGHT, **known: Any) -> Row:
    return Row("accounts", {"network": "n", "account_id": account, "observed_at": at, **known})


def rows(*found: Row | Refused) -> list[tuple[int, Row | Refused]]:
    return list(settled(enumerate(found), DAY))


def test_what_was_said_later_stands_over_what_was_said_earlier() -> None:
    profile = snapshot(handle="Ada", followers=5, created_at=NIGHT)
    listed = snapshot(at=NIGHT + timedelta(seconds=1), handle="ada", followers=None)
    for order in ((profile, listed), (listed, profile)):
        [(_, row)] = rows(*order)
        told = {"network": "n", "account_id": "1", "handle": "ada", "followers": 5, "created_at": NIGHT}
        assert row == Row("accounts", told | {"observed_at": LAST})


def test_what_is_seen_after_the_day_is_dated_at_its_end() -> None:
    morning = datetime(2026, 3, 10, 8, tzinfo=UTC)
    gone = Row("deletions", {"network": "n", "content_id": "c", "deleted_at": NIGHT})
    found = rows(snapshot(at=morning), gone)
    assert found == [
        (1, Row("deletions", dict(gone.values) | {"deleted_at": LAST})),
        (0, snapshot(at=morning)),
    ]


def test_all_else_passes_as_it_is() -> None:
    post = Row("activities", {"occurred_at": NIGHT})
    broken = Row("accounts", {"network": "n", "account_id": 7, "observed_at": "now"})
    refused = Refused("bad_type", "x")
    assert rows(post, broken, refused, snapshot("2"), snapshot("1")) == [
        (0, post), (1, broken), (2, refused), (3, snapshot("2", LAST)), (4, snapshot("1", LAST)),
    ]  # fmt: skip
