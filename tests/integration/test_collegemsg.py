"""Thirty days of a real log through the whole pipeline; `make trial` runs all of it.

It goes through the run in which communities are attacked, a network of its own: no network's scores depend on
another's, as the comparison of those communities with the model's arrays shows.
"""

from __future__ import annotations

from datetime import date

import duckdb
import pytest

from tests.behaviour.arrays import START
from tests.fixtures.college_month import LOG, Message, delivered
from tests.fixtures.whole_home import WholeHome
from tests.trials.collegemsg import NETWORK

pytestmark = pytest.mark.skipif(not LOG.exists(), reason="the CollegeMsg log is not beside the project")

SCORED = f"select * from core.daily_score where person_id like 'acct:{NETWORK}:%'"


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    return delivered(START)


@pytest.fixture(scope="module")
def days(messages: list[Message]) -> list[date]:
    return sorted({moment.date() for *_, moment in messages})


@pytest.fixture(scope="module")
def marts(collegemsg: WholeHome):
    with duckdb.connect(str(collegemsg.published), read_only=True) as connection:
        connection.execute(f"create temp view scored as {SCORED}")
        yield connection


def test_every_message_is_received_and_accepted(collegemsg, marts, messages, days):
    assert len(days) == 30
    assert marts.execute("select sum(quarantined), sum(suppressed) from bi.data_quality").fetchone() == (0, 0)
    files = collegemsg.lake.files("activities", days)
    query = "select count(*), count(distinct activity_id) from read_parquet(?) where network = ?"
    accepted = duckdb.execute(query, [files, NETWORK]).fetchone()
    assert accepted == (len(messages), len(messages))


def test_whoever_has_written_is_scored_and_nobody_else(marts, messages, days):
    for day in (days[0], days[len(days) // 2], days[-1]):
        until = [row for row in messages if row[2].date() <= day]
        wrote = {f"acct:{NETWORK}:{sender}" for sender, _, _ in until}
        heard = {f"acct:{NETWORK}:{receiver}" for _, receiver, _ in until} - wrote
        found = marts.execute(
            "select person_id, score is not null, unscored_reason from scored where day = ?", [day]
        ).fetchall()
        assert {person for person, scored, _ in found if scored} == wrote
        assert {person for person, _, reason in found if reason == "never_acted"} == heard


def test_days_follow_each_other_without_a_jump(marts, days):
    worst = marts.execute(
        """
        with moves as (
            select day, abs(score - lag(score) over (partition by person_id order by day)) as move
            from scored where score is not null
        )
        select quantile_cont(move, 0.99) from moves where day <= ?
        """,
        [days[-1]],
    ).fetchone()
    assert worst[0] <= 1.5


def test_every_day_of_the_range_is_there(marts, days):
    span = (days[-1] - days[0]).days + 1
    found = marts.execute("select count(distinct day) from scored where day <= ?", [days[-1]]).fetchone()
    assert found == (span,)
