"""Accounts that come together and part, through the scoring tasks of whole networks."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

import numpy as np
import pyarrow.compute as pc
import pytest
from whole_days import Cutting, score_days
from worlds import MODEL, OLD, START, community, level, network_input, network_tables, run

from spark_jobs.transforms.scoring.blocks import Rows
from spark_jobs.transforms.scoring.network_input import NetworkInput

DAYS, MERGED, PARTED = 46, 26, 38
BIG, SMALL = "big", "small"


def audience(days, account, fans, kind="repost"):
    """So many fans react to an account, each every third day."""
    return [
        (day, kind, f"a{fan:03d}", account, 0, ("tea",))
        for day in range(days)
        for fan in range(fans)
        if (day + fan) % 3 == 0
    ]


@cache
def two_networks(links=(), requests=()):
    """Two networks with a strong account on one and a weaker one on each; all are old and post."""
    tables = {}
    for seed, (network, ours) in enumerate({"one": {BIG: 16, SMALL: 9}, "two": {"third": 12}}.items()):
        activities, accounts = community(24, DAYS, seed, reactions_a_day=25)
        for account, fans in ours.items():
            activities += audience(DAYS, account, fans)
            activities += [(day, "post", account, None, 0, ()) for day in range(0, DAYS, 2)]
            accounts.append((0, account, OLD, False))
        mine = [link for link in links if link[1] in ours]
        asked = [request for request in requests if request[1] in ours]
        tables[network] = task_of(network, activities, accounts, mine, asked)
    return tables


def task_of(network, *tuples):
    tables = network_tables(*tuples, network=network)
    return NetworkInput(network, {name: Rows(table) for name, table in tables.items()}, 0.7)


def by_day(tables, person, column="score"):
    """A column of a person's daily_score by day offset."""
    of_person = tables["daily_score"].filter(pc.equal(tables["daily_score"]["person_id"], person))
    return {(row["day"] - START).days: row[column] for row in of_person.to_pylist()}


@cache
def scored(links=(), requests=(), chunks=(), groups=1):
    return score_days(two_networks(links, requests), DAYS, Cutting(chunks, groups))


ALONE = ()
MERGE = ((MERGED, BIG, "p", 1.0), (MERGED, SMALL, "p", 1.0), (MERGED, "third", "p", 1.0))
HANDED = ((MERGED, BIG, "p", 0.6), (MERGED, BIG, "q", 0.3))
KNOWN = ((5, BIG, "p", 1.0), (5, "third", "p", 1.0))
RENAMED = (*KNOWN, (PARTED, BIG, "q", 1.0), (PARTED, "third", "q", 1.0))
PART = ((PARTED, SMALL, "p", 0.0), (PARTED, "third", "p", 1.0, 0.2, PARTED))


def largest_step(scores):
    values = [scores[day] for day in sorted(scores)]
    return max(abs(np.diff(values)), default=0.0)


def test_a_merged_person_goes_on_from_the_strongest_account():
    alone, together = by_day(scored(), f"acct:one:{BIG}"), by_day(scored(MERGE), "key:p")
    assert min(together) == MERGED
    assert together[MERGED] == pytest.approx(alone[MERGED], abs=0.006)
    assert abs(together[MERGED] - alone[MERGED - 1]) <= 1
    # Every day a step of the walk at most, beside what would have happened anyway.
    apart = [together[day] - alone[day] for day in range(MERGED, DAYS)]
    assert max(np.diff(apart)) <= MODEL.identity.points_a_day + 0.011
    assert min(np.diff(apart)) >= -0.05
    observed = by_day(scored(MERGE), "key:p", "observed_score")
    assert apart[-1] > 0.5 * (observed[DAYS - 1] - alone[DAYS - 1]) > 1


def test_an_account_that_leaves_makes_no_jump_for_the_person_and_returns_to_its_own_id():
    tables, alone = scored(MERGE + PART), scored()
    person = by_day(tables, "key:p")
    assert largest_step({day: person[day] for day in range(PARTED - 2, DAYS)}) <= 1
    # What a person without the two would be is nearer on every day.
    strongest = by_day(alone, f"acct:one:{BIG}")
    apart = [abs(person[day] - strongest[day]) for day in range(PARTED + 3, DAYS)]
    assert (np.diff(apart) < 0.011).all()
    for account in (f"acct:one:{SMALL}", "acct:two:third"):
        returned, never_left = by_day(tables, account), by_day(alone, account)
        assert sorted(returned) == [*range(MERGED), *range(PARTED, DAYS)]
        assert returned == {day: never_left[day] for day in returned}
        # The first day back has what smoothing and outstanding points make of it, with nothing over.
        state = [row for row in tables["person_state"].to_pylist() if row["person_id"] == account]
        assert not [row for row in state if row["part"] == "accounts_due"]


def test_a_known_person_who_gains_a_stronger_account_climbs_step_by_step():
    links = ((5, SMALL, "p", 1.0), (MERGED, BIG, "p", 1.0))
    person, alone = by_day(scored(links), "key:p"), by_day(scored(), f"acct:one:{SMALL}")
    assert abs(person[MERGED] - person[MERGED - 1]) <= 1
    gained = [person[day] - alone[day] for day in range(MERGED - 1, DAYS)]
    assert max(np.diff(gained)) <= MODEL.identity.points_a_day + 0.011
    assert min(np.diff(gained)) >= -0.011
    assert gained[-1] > 2


@pytest.mark.parametrize("links", [MERGE, MERGE + PART, HANDED, RENAMED])
def test_parts_add_up_to_the_score_and_changes_to_its_change(links):
    tables = scored(links)
    parts, changes = {}, {}
    for name, sums in (("score_part", parts), ("score_change", changes)):
        for row in tables[name].to_pylist():
            key = row["person_id"], row["day"]
            sums[key] = sums.get(key, 0.0) + row["points"]
    scores = {(row["person_id"], row["day"]): row["score"] for row in tables["daily_score"].to_pylist()}
    scores = {key: score for key, score in scores.items() if score is not None}
    assert max(abs(parts[key] - score) for key, score in scores.items()) <= 0.0055
    for (person, day), score in scores.items():
        before = scores.get((person, day - timedelta(days=1)))
        if before is not None:
            assert changes.get((person, day), 0.0) == pytest.approx(score - before, abs=0.0105)


def test_a_new_key_for_all_of_a_persons_accounts_is_no_news():
    tables = scored(RENAMED)
    before, after = by_day(tables, "key:p"), by_day(tables, "key:q")
    assert (max(before), min(after)) == (PARTED - 1, PARTED)
    # The two accounts' own smoothing is not quite the smoothing of both together.
    assert after[PARTED] == pytest.approx(before[PARTED - 1], abs=1.0)


def test_an_account_handed_to_two_people_makes_no_jump_for_the_one_who_has_most_of_it():
    tables, alone = scored(HANDED), by_day(scored(), f"acct:one:{BIG}")
    assert by_day(tables, "key:p")[MERGED] == pytest.approx(alone[MERGED], abs=0.006)
    # Whoever gets a smaller share gets what that is worth, and not a famous account's score.
    assert by_day(tables, "key:q")[MERGED] < alone[MERGED] - 3
    kept = by_day(tables, f"acct:one:{BIG}")
    assert largest_step({day: kept[day] for day in range(MERGED - 1, DAYS)}) <= 1
    assert kept[DAYS - 1] < alone[DAYS - 1] - 3


def test_cutting_the_range_or_the_people_changes_no_bit():
    links = (*MERGE, *PART, (20, BIG, "q", 0.5), (30, BIG, "q", 1.0, 0.9, 20))
    whole = scored(links)
    for other in (scored(links, (), (20, 6, 1, 12), 1), scored(links, (), (), 3)):
        for name, table in whole.items():
            assert other[name].equals(table), name


def test_one_accounts_request_holds_for_whomever_it_is_merged_into():
    out = scored(MERGE, ((10, SMALL, "opt_out"), (PARTED, SMALL, "opt_in")))
    reasons = by_day(out, "key:p", "unscored_reason")
    assert [reasons[day] for day in (MERGED, PARTED - 1, PARTED)] == ["opted_out", "opted_out", None]
    erased = scored(MERGE, ((PARTED, SMALL, "erase"),))
    assert max(by_day(erased, "key:p")) == PARTED - 1


def test_an_account_that_left_takes_its_request_along():
    out = scored(MERGE + PART, ((MERGED + 2, SMALL, "opt_out"),))
    reasons = by_day(out, "key:p", "unscored_reason")
    assert [reasons[day] for day in (MERGED + 1, MERGED + 2, PARTED)] == [None, "opted_out", None]


def test_reactions_between_accounts_that_one_person_has_a_share_of_count_nowhere():
    activities, accounts = community(30, 10, seed=6)
    accounts.append((0, "second", OLD, False))
    own = [(day, "repost", "a000", "second", 0, ()) for day in range(10)]
    links = [(0, "a000", "p", 0.4), (0, "a000", "q", 0.6), (0, "second", "p", 0.2)]
    linked = network_input(activities + own, accounts, links)
    assert level(linked, run(linked, 10)[9], "second") == 0.0
    strangers = network_input(activities + own, accounts, [*links[:2], (0, "second", "r", 0.2)])
    assert level(strangers, run(strangers, 10)[9], "second") > 0.0


def test_a_link_may_come_before_the_account_is_seen():
    early = (20, "nobody", "p", 1.0)
    tasks = {"one": task_of("one", *community(12, 25, 3, 10), [early])}
    whole, cut = score_days(tasks, 25), score_days(tasks, 25, Cutting((22,)))
    assert set(by_day(whole, "key:p", "unscored_reason").values()) == {"never_acted"}
    for name, table in whole.items():
        assert cut[name].equals(table), name


def test_person_account_tells_who_had_what_and_when():
    tables = scored(MERGE + PART)
    last = START + timedelta(days=DAYS - 1)
    got = {
        (
            row["person_id"],
            row["share"],
            (row["valid_from"] - START).days,
            None if row["valid_to"] is None else (row["valid_to"] - START).days,
        )
        for row in tables["person_account"].to_pylist()
        if row["account_id"] == SMALL and row["day"] == last
    }
    assert got == {
        (f"acct:one:{SMALL}", 1.0, 0, MERGED),
        ("key:p", 1.0, MERGED, PARTED),
        (f"acct:one:{SMALL}", 1.0, PARTED, None),
    }
