"""What people are listened to for: whose reactions make an expert, and whose do not."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from worlds import MODEL, OLD, START, community, network_input, number, run

from spark_jobs.taxonomy import TagTopics
from spark_jobs.transforms.scoring.block_tables import NETWORK_INPUT, NETWORK_STATES
from spark_jobs.transforms.scoring.blocks import Rows, block_rows, day_number, tables_of
from spark_jobs.transforms.scoring.network_task import score_network
from spark_jobs.transforms.scoring.topic_input import most_specific, pairs_above, topics_of_tags

KINDS = ("like", "repost", "quote", "reply", "mention")
ENOUGH = MODEL.measures.topic_minimum_evidence
DAYS = 30


def world(extra, links=(), tags=None, more_accounts=(), days=DAYS):
    """A calm community of old accounts without topics, and reactions that have some: (task, last day)."""
    activities, accounts = community(40, days, seed=5)
    calm = [(d, k, a, t, late, ()) for d, k, a, t, late, _ in activities]
    task = network_input([*calm, *extra], [*accounts, *more_accounts], links, tags=tags)
    return task, run(task, days)[days - 1]


def on_topic(task, result, account, topic):
    """(evidence, attention) of an account on a topic; 0 where there is none."""
    topics = result.state.topics
    if topic not in task.topics.to_pylist():
        return 0.0, 0.0
    rows = (topics.account == number(task, result, account)) & (
        topics.topic == task.topics.to_pylist().index(topic)
    )
    return float(topics.evidence[rows].sum()), float(topics.attention[rows].sum())


CROWD = [f"a{index:03d}" for index in range(12)]
LAST_WEEK = range(DAYS - 7, DAYS)


def test_many_trusted_people_make_an_expert():
    task, last = world([(DAYS - 3, "like", name, "a039", 0, ("tea",)) for name in CROWD])
    assert on_topic(task, last, "a039", "tea")[0] >= ENOUGH


def test_the_zeal_of_one_trusted_person_makes_none():
    """Every kind, every day, on as many posts as there are: one person is one person."""
    zeal = [(day, kind, "a000", "a039", 0, ("tea",)) for day in range(DAYS) for kind in KINDS * 4]
    task, last = world(zeal)
    found, attention = on_topic(task, last, "a039", "tea")
    assert attention > 0
    assert found < 1.1 < ENOUGH


def test_a_reader_who_comes_back_after_long_pauses_stays_one_person():
    days = 140
    pauses = [(day, "repost", "a000", "a039", 0, ("tea",)) for day in (0, 1, 45, 46, 90, 139)]
    task, last = world(pauses, days=days)
    assert on_topic(task, last, "a039", "tea")[0] < 1.2 < ENOUGH


def test_accounts_of_one_other_person_are_one_person():
    likes = [(day, "repost", name, "a039", 0, ("tea",)) for day in LAST_WEEK for name in CROWD]
    task, last = world(likes, [(0, name, "one", 1.0) for name in CROWD])
    assert on_topic(task, last, "a039", "tea")[0] < 1.1 < ENOUGH
    task, last = world(likes)
    assert on_topic(task, last, "a039", "tea")[0] >= ENOUGH


def test_reactions_to_ones_two_accounts_count_their_giver_once():
    likes = [(DAYS - 1, "repost", "a000", name, 0, ("tea",)) for name in ("x", "y")]
    accounts = [(0, name, OLD, False) for name in ("x", "y")]

    def heard(links):
        task, last = world(likes, links, more_accounts=accounts)
        return sum(on_topic(task, last, name, "tea")[0] for name in ("x", "y"))

    assert 0 < heard([(0, "x", "two", 1.0), (0, "y", "two", 1.0)]) < 0.6 * heard([])


def test_fakes_make_no_expert():
    fakes = [f"fake{index}" for index in range(200)]
    task, last = world(
        [(day, "repost", fake, "a039", 0, ("tea",)) for day in LAST_WEEK for fake in fakes],
        more_accounts=[(0, fake, OLD, False) for fake in fakes],
    )
    assert on_topic(task, last, "a039", "tea") == (0.0, 0.0)


def test_applause_that_is_given_back_is_no_evidence():
    given = [(day, "repost", name, "a039", 0, ("tea",)) for day in LAST_WEEK for name in CROWD]
    back = [(day, "repost", "a039", name, 0, ()) for day in range(DAYS) for name in CROWD]
    task, last = world(given)
    pod_task, pod = world(given + back)
    assert on_topic(pod_task, pod, "a039", "tea")[0] < 0.5 * on_topic(task, last, "a039", "tea")[0]


def test_a_late_row_counts_at_its_true_age():
    in_time, late = (
        [(DAYS - 1, "like", name, "a039", age, ("tea",)) for name in CROWD] for age in (0, DAYS - 1)
    )
    fresh, old = (on_topic(*world(extra), "a039", "tea") for extra in (in_time, late))
    assert 0 < old[0] < 0.5 * fresh[0]
    assert 0 < old[1] < 0.6 * fresh[1]


SPORT = TagTopics(
    ids=frozenset({"sport", "football", "tennis"}),
    by_key={"sport": "sport", "football": "football", "soccer": "football", "tennis": "tennis"},
    above={"football": frozenset({"sport"}), "tennis": frozenset({"sport"})},
)


def test_a_topic_is_not_halved_by_the_one_above_it():
    """Football says sport already; who posts with both is heard on football as whoever posts with one."""
    both, one, mixed = (
        [(DAYS - 2, "like", name, "a039", 0, tags) for name in CROWD]
        for tags in (("#Sport", "#Soccer", "football"), ("football",), ("football", "tennis", "sport"))
    )
    task, last = world(both, tags=SPORT)
    plain_task, plain = world(one, tags=SPORT)
    assert on_topic(task, last, "a039", "football") == on_topic(plain_task, plain, "a039", "football")
    assert on_topic(task, last, "a039", "sport") == (0.0, 0.0)
    # Two topics of which none is above the other share a reaction.
    task, last = world(mixed, tags=SPORT)
    halves = [on_topic(task, last, "a039", name)[0] for name in ("football", "tennis")]
    assert halves == pytest.approx([on_topic(plain_task, plain, "a039", "football")[0] / 2] * 2)


def test_tags_are_looked_up_once_each_and_dropped_where_they_are_none():
    tags = pa.array(["#Soccer", "tea", None, "#Soccer", "SPORT"])
    assert topics_of_tags(tags, SPORT).to_pylist() == ["football", "tea", None, "football", "sport"]
    strict = TagTopics(SPORT.ids, SPORT.by_key, SPORT.above, keep_unknown=False)
    assert topics_of_tags(tags, strict).to_pylist() == ["football", None, None, "football", "sport"]


def test_most_specific_of_nothing_is_nothing():
    none = pa.array([], pa.string())
    above = pairs_above(none, SPORT)
    rows, topics = most_specific(*(above[0], above[1]), above, 0)
    assert len(rows) == len(topics) == 0


def test_a_change_of_taxonomy_takes_the_past_along():
    """What was kept under two tags of one topic is one, and what is no topic any more is gone."""
    activities, accounts = community(30, 2, seed=5)
    told = [(1, "like", name, "a020", 0, (tag,)) for name in CROWD for tag in ("soccer", "football", "tea")]
    task = network_input([*activities, *told], accounts)
    tables = {name: rows.table for name, rows in task.tables.items()}
    first = score(tables, [0, 1], TagTopics())
    yesterday = START + timedelta(days=1)
    kept = {name: table.filter(pc.equal(table["day"], yesterday)) for name, table in first.items()}
    strict = TagTopics(SPORT.ids, SPORT.by_key, SPORT.above, keep_unknown=False)
    empty = {name: schema.empty_table() for name, schema in NETWORK_INPUT.items()}
    after = score(empty | kept, [2], strict)["topic_state"]
    assert set(after["topic"].to_pylist()) == {"football"}
    rows = [row for row in kept["topic_state"].to_pylist() if row["account_id"] == "a020"]
    before = {row["topic"]: row["evidence"] for row in rows}
    [now] = after["evidence"].to_pylist()
    assert now == pytest.approx(before["soccer"] + before["football"], rel=1e-12)


def score(tables, days, tags):
    """The states that a network's task gives for days from START, by table."""
    blocks = [block for name, table in tables.items() for block in block_rows("network", "net", name, table)]
    numbers = [day_number(START) + day for day in days]
    out = score_network("net", iter(blocks), numbers, MODEL, 0.7, tags)
    found: dict[str, Rows] = tables_of(out, NETWORK_STATES)
    return {name: rows.table for name, rows in found.items()}
