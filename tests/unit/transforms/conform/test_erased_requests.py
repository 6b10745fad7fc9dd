"""Whom conform leaves out: by requests, and by the marks of those who are erased already."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from spark_jobs.erasure import erased_periods, erasure_salt, mark, subject
from spark_jobs.jobs.conform_lake import privacy_requests
from spark_jobs.lake import Lake
from tests.fixtures.lake_days import put

FIRST = date(2026, 1, 1)
AT = datetime(2026, 1, 3, 9, tzinfo=UTC)


def days(first: int, last: int | None) -> tuple[date, date | None]:
    return FIRST + timedelta(days=first), None if last is None else FIRST + timedelta(days=last)


def erased_until(lake: Lake, until: int) -> dict[str, tuple[date, date | None]]:
    requests = privacy_requests(lake, FIRST + timedelta(days=until), erasure_salt(lake))
    return {period.subject: (period.first_day, period.end_day) for period in erased_periods(requests)}


def lake_with_an_erasure(folder: Path, cleaned: bool) -> tuple[Lake, str, str]:
    lake = Lake(str(folder))
    salt = erasure_salt(lake)
    ada, handle = mark(salt, subject("n", "ada")), mark(salt, subject("n@", "ada"))
    put(
        lake,
        "privacy_requests",
        FIRST + timedelta(days=2),
        [{"network": "n", "account_id": ada, "request": "erase", "requested_at": AT, "source": "s"}],
    )
    rows = [
        {"mark": name, "owner": ada, "request": ada, "kind": kind, "scope": "n", "requested_at": AT,
         "erased_from": FIRST + timedelta(days=2), "cleaned_at": AT if cleaned else None}
        for name, kind in ((ada, "account"), (handle, "handle"))
    ]  # fmt: skip
    put(lake, "erased_mark", FIRST + timedelta(days=2), rows)
    return lake, ada, handle


def test_a_request_is_known_by_the_same_mark_in_the_clear_and_as_its_mark(tmp_path: Path) -> None:
    lake, ada, handle = lake_with_an_erasure(tmp_path, cleaned=False)
    assert erased_until(lake, 4) == {ada: days(2, None), handle: days(2, None)}
    assert erased_until(lake, 1) == {}
    asked = {"network": "n", "account_id": "ada", "request": "opt_in", "source": "s"}
    put(
        lake,
        "privacy_requests",
        FIRST + timedelta(days=4),
        [{**asked, "requested_at": AT + timedelta(days=2)}],
    )
    assert erased_until(lake, 4) == {ada: days(2, 4), handle: days(2, 4)}, "the handle comes back with it"


def test_who_was_deleted_does_not_come_back_with_a_day_that_is_made_again(tmp_path: Path) -> None:
    lake, ada, handle = lake_with_an_erasure(tmp_path, cleaned=True)
    assert set(erased_until(lake, 0)) == {ada, handle}
