"""Limits of endorsements hold for a person, over all the networks on which they have accounts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from worlds import MODEL, START, network_tables

from spark_jobs.transforms.scoring.block_tables import NETWORK_INPUT
from spark_jobs.transforms.scoring.blocks import block_rows, day_number, tables_of
from spark_jobs.transforms.scoring.endorsement_limits import LIMITS_INPUT, within_limits
from spark_jobs.transforms.scoring.endorsements import Endorsements, admitted, counting

DAYS = 12


def merged(networks):
    """Tables of all networks together, by name."""
    return {name: pa.concat_tables([tables[name] for tables in networks.values()]) for name in NETWORK_INPUT}


def counted(tables, days=range(DAYS)):
    """(network, day offset, giver, receiver, topic) of what the task lets pass, in order."""
    numbers = [day_number(START) + offset for offset in days]
    blocks = [
        block
        for name, schema in LIMITS_INPUT.items()
        for block in block_rows("task", 0, name, tables[name].select(schema.names))
    ]
    passed = list(within_limits(iter(blocks), numbers, MODEL, 0.7))
    rows = tables_of(passed, {"endorsements": NETWORK_INPUT["endorsements"]})["endorsements"].table
    # Each network's block is under its own name.
    for batch in passed:
        [group] = batch.column("network").to_pylist()
        of_group = tables_of([batch], {"endorsements": NETWORK_INPUT["endorsements"]})["endorsements"].table
        assert set(of_group["network"].to_pylist()) == {group}
    return sorted(
        (
            row["network"],
            (row["day"] - START).days,
            row["from_account_id"],
            row["to_account_id"],
            row["topic"],
        )
        for row in rows.to_pylist()
    )


def on(network, endorsements, links=(), requests=()):
    return network_tables([], links=links, requests=requests, network=network, endorsements=endorsements)


def test_five_a_day_are_a_persons_and_not_an_accounts():
    links = [(0, "ada", "ada", 1.0)]
    tables = merged(
        {
            name: on(name, [(1, "ada", f"{name}{n}", "tea", 0) for n in range(4)], links)
            for name in ("blog", "forum", "photos")
        }
    )
    assert len(counted(tables)) == MODEL.endorsement.per_day
    # The same accounts without a link are three people.
    alone = merged(
        {
            name: on(name, [(1, "ada", f"{name}{n}", "tea", 0) for n in range(4)])
            for name in ("blog", "forum", "photos")
        }
    )
    assert len(counted(alone)) == 12


def test_one_a_week_for_a_person_on_a_topic_whatever_account_it_is_for():
    links = [(0, "ada", "ada", 1.0), (0, "bob", "bob", 1.0)]
    tables = merged(
        {
            "blog": on("blog", [(1, "ada", "bob", "tea", 0), (9, "ada", "bob", "tea", 0)], links),
            "forum": on("forum", [(3, "ada", "bob", "tea", 0), (3, "ada", "bob", "go", 0)], links),
        }
    )
    assert counted(tables) == [
        ("blog", 1, "ada", "bob", "tea"),
        ("blog", 9, "ada", "bob", "tea"),
        ("forum", 3, "ada", "bob", "go"),
    ]


def test_what_counted_before_the_days_in_hand_is_known_of_other_networks():
    links = [(0, "ada", "ada", 1.0)]
    blog = on("blog", [(0, "ada", "bob", "tea", 0)], links)
    forum = on("forum", [(2, "ada", f"r{n}", "tea", 2) for n in range(6)])
    state = pa.Table.from_pylist(
        [
            {
                "network": "blog",
                "day": START,
                "from_account_id": "ada",
                "to_account_id": "bob",
                "topic": "tea",
                "given_on": START,
            }
        ],
        NETWORK_INPUT["endorsement_state"],
    )
    held = pa.Table.from_pylist(
        [
            {
                "person_id": "key:ada",
                "day": START,
                "network": network,
                "account_id": "ada",
                "share": 1.0,
                "valid_from": START,
            }
            for network in ("blog", "forum")
        ],
        NETWORK_INPUT["person_account"],
    )
    tables = merged({"blog": blog, "forum": forum})
    none = NETWORK_INPUT["identity_links"].empty_table()
    tables |= {"endorsement_state": state, "person_account": held, "identity_links": none}
    tables["endorsements"] = forum["endorsements"]
    # One of the day's five was given on the other network, on the day that these late ones are of.
    assert len(counted(tables, range(1, DAYS))) == MODEL.endorsement.per_day - 1


def test_the_erased_take_nobodys_place():
    links = [(0, "ada", "ada", 1.0)]
    requests = [(1, "gone", "erase")]
    blog = on("blog", [(2, "ada", "gone", "tea", 0)], links, requests)
    forum = on("forum", [(2, "ada", f"r{n}", "tea", 0) for n in range(5)], links)
    found = counted(merged({"blog": blog, "forum": forum}))
    assert [row[0] for row in found] == ["forum"] * 5


def test_one_network_alone_passes_as_it_is():
    given_on_one = [(1, "ada", f"r{n}", "tea", 0) for n in range(9)]
    assert len(counted(merged({"blog": on("blog", given_on_one)}))) == 9


PEOPLE = [f"p{n}" for n in range(4)]
ACCOUNTS = [(network, person) for network in ("blog", "forum") for person in PEOPLE]
HOLDER = np.array([PEOPLE.index(person) for _, person in ACCOUNTS])


@settings(max_examples=40)
@given(
    st.sets(
        st.tuples(
            st.integers(0, DAYS - 1),
            st.sampled_from(["blog", "forum"]),
            st.sampled_from(PEOPLE[:2]),
            st.sampled_from(PEOPLE),
            st.sampled_from(["go", "tea"]),
            st.integers(0, 2),
        ),
        min_size=8,
        max_size=60,
    ),
    st.integers(1, DAYS - 1),
)
def test_people_of_two_networks_are_held_to_one_persons_limits(rows, cut):
    """Each person has an account of their own name on both networks: as if both were one network."""
    links = [(0, person, person, 1.0) for person in PEOPLE]
    tables = merged(
        {
            network: on(
                network, sorted((day, g, r, t, late) for day, n, g, r, t, late in rows if n == network), links
            )
            for network in ("blog", "forum")
        }
    )
    assume(len({network for _, network, *_ in rows}) == 2)
    kept, expected = Endorsements.empty(), []
    for day in range(DAYS):
        # In the order of giving; of a moment, in that of the ids and topics.
        of_day = sorted(
            (day - late, ACCOUNTS.index((n, g)), ACCOUNTS.index((n, r)), ["go", "tea"].index(t))
            for on_day, n, g, r, t, late in rows
            if on_day == day
        )
        columns = np.array(of_day, dtype=np.int64).reshape(-1, 4)
        new = Endorsements(*columns[:, 1:].T, columns[:, 0])
        for row in counting(kept, new, HOLDER, day, MODEL).tolist():
            (network, giver), (_, receiver) = ACCOUNTS[new.giver[row]], ACCOUNTS[new.receiver[row]]
            expected.append((network, day, giver, receiver, ["go", "tea"][new.topic[row]]))
        kept = admitted(kept, new, HOLDER, day, MODEL)
    found = counted(tables)
    assert found == sorted(expected)
    # Cut in two, the second range knows of the first only what the networks kept.
    first = counted(tables, range(cut))
    assert first == [row for row in found if row[1] < cut]
