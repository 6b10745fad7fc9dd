"""Thirty days of a real log through the whole pipeline; `make trial` runs all of it."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import pytest

from tests.fixtures.long_runs import LOG
from tests.trials.collegemsg import NETWORK, read_log

pytestmark = pytest.mark.skipif(not LOG.exists(), reason="the CollegeMsg log is not beside the project")


@pytest.fixture(scope="module")
def marts(collegemsg):
    with duckdb.connect(str(collegemsg[0].published), read_only=True) as connection:
        yield connection


def test_every_message_is_received_and_accepted(collegemsg, marts):
    _, days = collegemsg
    messages = [row for row in read_log(LOG) if row[2].date() <= days[-1]]
    counts = marts.execute("select sum(received), sum(accepted) from bi.data_quality").fetchone()
    assert counts == (len(messages), len(messages))


def test_whoever_has_written_is_scored_and_nobody_else(collegemsg, marts):
    _, days = collegemsg
    for day in (days[0], days[len(days) // 2], days[-1]):
        until = [row for row in read_log(LOG) if row[2].date() <= day]
        wrote = {f"acct:{NETWORK}:{sender}" for sender, _, _ in until}
        heard = {f"acct:{NETWORK}:{receiver}" for _, receiver, _ in until} - wrote
        found = marts.execute(
            "select person_id, score is not null, unscored_reason from core.daily_score where day = ?", [day]
        ).fetchall()
        assert {person for person, scored, _ in found if scored} == wrote
        assert {person for person, _, reason in found if reason == "never_acted"} == heard


def test_days_follow_each_other_without_a_jump(marts):
    worst = marts.execute(
        """
        with moves as (
            select abs(score - lag(score) over (partition by person_id order by day)) as move
            from core.daily_score where score is not null
        )
        select quantile_cont(move, 0.99) from moves
        """
    ).fetchone()
    assert worst[0] <= 1.5


def test_every_day_of_the_range_is_there(collegemsg, marts):
    _, days = collegemsg
    span = (days[-1] - days[0]) // timedelta(days=1) + 1
    assert marts.execute("select count(distinct day) from core.daily_score").fetchone() == (span,)
