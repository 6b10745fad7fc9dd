"""Which days a run covers, and what it refuses."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from orchestration.publishing import published_path
from orchestration.runs import (
    DAY,
    History,
    Plan,
    RunError,
    is_restated,
    mark_restating,
    mark_warehouse,
    not_restated,
    plan_restate,
    plan_run,
    read_history,
    unpublished,
)
from orchestration.settings import Settings
from spark_jobs.lake import Lake

FIRST = date(2026, 1, 1)
YESTERDAY = date(2026, 3, 1)
EMPTY = History(first_day=None, published=None, warehouse=None)
TEN = History(first_day=FIRST, published=date(2026, 1, 10), warehouse=date(2026, 1, 10))


def day(number: int) -> date:
    return date(2026, 1, number)


def test_the_first_run_declares_where_the_history_begins() -> None:
    assert plan_run(EMPTY, day(5), day(7), YESTERDAY) == Plan(day(5), day(5), day(7))


def test_without_an_end_a_run_goes_up_to_yesterday() -> None:
    assert plan_run(EMPTY, day(5), None, YESTERDAY) == Plan(day(5), day(5), YESTERDAY)


def test_without_a_start_a_run_goes_on_where_the_last_one_ended() -> None:
    assert plan_run(TEN, None, day(12), YESTERDAY) == Plan(FIRST, day(11), day(12))


def test_published_days_are_left_out() -> None:
    assert plan_run(TEN, FIRST, day(12), YESTERDAY) == Plan(FIRST, day(11), day(12))


def test_nothing_is_to_do_where_all_is_published() -> None:
    assert plan_run(TEN, FIRST, day(10), YESTERDAY) is None
    assert plan_run(TEN, day(3), day(4), YESTERDAY) is None


def test_a_declared_first_day_without_days_is_where_the_run_begins() -> None:
    declared = History(first_day=FIRST, published=None, warehouse=None)
    assert plan_run(declared, None, day(2), YESTERDAY) == Plan(FIRST, FIRST, day(2))


@pytest.mark.parametrize("through", [None, day(4)])
def test_days_that_no_mart_has_seen_are_finished(through: date | None) -> None:
    stopped = History(first_day=FIRST, published=day(10), warehouse=through)
    start = through + DAY if through else FIRST
    assert plan_run(stopped, FIRST, day(10), YESTERDAY) == Plan(FIRST, start, day(10))
    assert plan_run(stopped, None, day(12), YESTERDAY) == Plan(FIRST, start, day(12))


@pytest.mark.parametrize(
    ("history", "start", "end", "said"),
    [
        (EMPTY, None, None, "Say where the history begins"),
        (EMPTY, day(5), day(4), "end before they begin"),
        (EMPTY, day(5), YESTERDAY + DAY, "is not over yet"),
        (TEN, FIRST - DAY, day(12), "is before it"),
        (TEN, None, FIRST - DAY, "is before it"),
        (TEN, day(12), day(14), "run from 2026-01-11 on"),
        (History(FIRST, None, None), day(2), day(3), "nothing is published"),
        (
            History(FIRST, day(10), day(10), {"day": "2026-01-03", "reason": "a fix"}),
            None,
            day(12),
            'restate --day 2026-01-03 --reason "a fix"',
        ),
    ],
)
def test_what_cannot_be_run_is_refused_with_the_way_out(
    history: History, start: date | None, end: date | None, said: str
) -> None:
    with pytest.raises(RunError, match=said):
        plan_run(history, start, end, YESTERDAY)


def test_a_restatement_takes_the_day_and_all_after_it() -> None:
    assert plan_restate(TEN, day(4), " late files ") == Plan(FIRST, day(4), day(10), "late files")


@pytest.mark.parametrize(
    ("history", "start", "reason", "said"),
    [
        (EMPTY, FIRST, "a fix", "Nothing is published"),
        (TEN, day(4), "  ", "needs a reason"),
        (TEN, day(11), "a fix", "is not published"),
        (TEN, FIRST - DAY, "a fix", "is not published"),
        (History(FIRST, day(10), day(10), {"day": "2026-01-02", "reason": "r"}), day(3), "a fix", "includes"),
    ],
)
def test_a_restatement_of_nothing_is_refused(history: History, start: date, reason: str, said: str) -> None:
    with pytest.raises(RunError, match=said):
        plan_restate(history, start, reason)


def test_an_unfinished_restatement_may_be_taken_up_earlier() -> None:
    begun = History(FIRST, day(10), day(3), {"day": "2026-01-04", "reason": "r"})
    assert plan_restate(begun, day(2), "a fix").start == day(2)


def test_a_stopped_restatement_goes_on_where_it_was(tmp_path: Path) -> None:
    settings, lake = Settings(home=str(tmp_path)), Lake(str(tmp_path))
    lake.declare_first_day(FIRST)
    for number in range(1, 5):
        _publish(lake, day(number), [])
    mark_restating(settings, day(2), "a fix")
    _publish(lake, day(2), ["a fix"])
    history = read_history(settings, lake)
    whole = plan_restate(history, day(2), "a fix")
    assert not_restated(lake, history, whole) == Plan(FIRST, day(3), day(4), "a fix")
    other = plan_restate(history, day(2), "another")
    assert not_restated(lake, history, other) is other
    for number in (3, 4):
        _publish(lake, day(number), ["a fix"])
    assert not_restated(lake, history, whole) is None


def test_a_restatement_is_done_once_its_days_are_published_whatever_fails_after(tmp_path: Path) -> None:
    settings, lake = Settings(home=str(tmp_path)), Lake(str(tmp_path))
    lake.declare_first_day(FIRST)
    for number in range(1, 4):
        _publish(lake, day(number), [])
    published_path(settings).parent.mkdir(parents=True)
    published_path(settings).touch()
    whole = plan_restate(read_history(settings, lake), day(2), "a fix")
    mark_restating(settings, day(2), "a fix")
    mark_warehouse(settings, FIRST)
    assert not is_restated(settings, lake, whole)
    _publish(lake, day(2), ["a fix"])
    _publish(lake, day(3), ["a fix"])
    assert not is_restated(settings, lake, whole), "the warehouse does not show it"
    mark_warehouse(settings, day(3))
    assert is_restated(settings, lake, whole)


def _publish(lake: Lake, published: date, reasons: list[str]) -> None:
    rows = [{"reason": reason, "published_at": datetime.now(UTC)} for reason in [None, *reasons]]
    lake.write_arrow("ledger_digest", published, pa.Table.from_pylist(rows), "run")


def test_the_history_is_read_from_the_home(tmp_path: Path) -> None:
    home = tmp_path
    settings, lake = Settings(home=str(home)), Lake(str(home))
    assert read_history(settings, lake) == EMPTY
    lake.declare_first_day(FIRST)
    lake.commit("ledger_digest", FIRST, [], "run")
    mark_warehouse(settings, FIRST)
    mark_restating(settings, FIRST, "why")
    found = read_history(settings, lake)
    assert (found.first_day, found.published) == (FIRST, FIRST)
    assert found.restating is not None
    assert (found.restating["day"], found.restating["reason"]) == (str(FIRST), "why")
    assert found.warehouse is None, "a mark without the published file means nothing"
    assert unpublished(lake, [day(2), FIRST]) == [day(2)]


def test_two_first_days_are_refused(tmp_path: Path) -> None:
    home = str(tmp_path)
    Lake(home).declare_first_day(FIRST)
    with pytest.raises(RunError, match="STATURE_FIRST_DAY"):
        read_history(Settings(home=home, first_day=day(2)), Lake(home))
