"""Identity links and privacy requests of a network's accounts, as intervals of days.

Intervals are half open: from `valid_from`, up to and without `valid_to`. Accounts are codes among the
task's ids, people codes among `person_ids`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.transforms.scoring.arrays import Floats, Ints
from spark_jobs.transforms.scoring.blocks import Rows, codes, sorted_universe

FOR_EVER = int(np.iinfo(np.int32).max)
"""A day number after all days, for intervals that have not ended."""

NOTHING_FORBIDS, NEVER_ACTED, OPTED_OUT, OBJECTION, ERASED = range(5)
"""Codes of an account's standing; the higher is the stronger where a person's accounts differ."""

UNSCORED_REASONS = (None, "never_acted", "opted_out", "objection", None)
"""What is published for each code; the erased are not published at all."""

REQUEST_CODES = {
    "opt_in": NOTHING_FORBIDS,
    "opt_out": OPTED_OUT,
    "object": OBJECTION,
    "erase": ERASED,
}

LINKED = "key:"
"""How the person_id of a linked person begins."""


@dataclass(frozen=True)
class Links:
    """Whose accounts are linked, (rows,) each; an account shared by two people has two rows."""

    account: Ints
    person: Ints
    share: Floats
    valid_from: Ints
    valid_to: Ints
    person_ids: pa.Array


def link_intervals(held: Rows, observed: Rows, ids: pa.Array, least_confidence: float) -> Links:
    """Links over time, from rows of person_account of the day before and new rows of identity_links.

    What is observed of an account on one day replaces all that was known of it before. Links below
    `least_confidence` are not followed. Observing the same again changes nothing.
    """
    linked = np.asarray(pc.starts_with(held.arrow("person_id"), LINKED).to_numpy(zero_copy_only=False))
    known = np.flatnonzero(linked.astype(bool))
    sure = np.flatnonzero(observed.numbers("confidence") >= least_confidence)
    names = [
        held.arrow("person_id").take(pa.array(known)),
        pc.binary_join_element_wise(LINKED, observed.arrow("person_key").take(pa.array(sure)), ""),
    ]
    person_ids = sorted_universe(names)
    before = np.column_stack(
        (
            codes(held.arrow("account_id"), ids)[known],
            codes(names[0], person_ids),
            held.integers("valid_from")[known],
            held.integers("valid_to", FOR_EVER)[known],
        )
    )
    shares = held.numbers("share")[known]
    account = codes(observed.arrow("account_id"), ids)[sure]
    # Only accounts of which something new is seen need a second look; the rest stay as they are.
    touched = np.isin(before[:, 0], account) & (before[:, 3] == FOR_EVER)
    rows = [(*row, share) for row, share in zip(before[~touched].tolist(), shares[~touched], strict=True)]
    sightings = zip(
        account.tolist(),
        observed.integers("day")[sure].tolist(),
        observed.integers("observed_at")[sure].tolist(),
        codes(names[1], person_ids).tolist(),
        observed.numbers("share")[sure].tolist(),
        strict=True,
    )
    sets = _sets(before[touched].tolist(), shares[touched].tolist(), sightings)
    for of_account, by_day in sets.items():
        rows += _intervals(of_account, by_day)
    columns = list(zip(*rows, strict=True)) or [()] * 5
    whole = [np.array(column, dtype=np.int64) for column in columns[:4]]
    share = np.array(columns[4], dtype=np.float64)
    order = np.lexsort((whole[1], whole[2], whole[0]))
    return Links(whole[0][order], whole[1][order], share[order], whole[2][order], whole[3][order], person_ids)


def _sets(
    open_links: Iterable[list[int]],
    open_shares: Iterable[float],
    sightings: Iterable[tuple[int, int, int, int, float]],
) -> dict[int, dict[int, dict[int, float]]]:
    """Share by person, by day on which that began to hold, by account."""
    sets: dict[int, dict[int, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for (account, person, valid_from, _), share in zip(open_links, open_shares, strict=True):
        sets[account][valid_from][person] = share
    # In order of observation, so that the latest of a day and person is the one that stays.
    for account, day, _, person, share in sorted(sightings):
        sets[account][day][person] = share
    return sets


def _intervals(account: int, by_day: dict[int, dict[int, float]]) -> list[tuple[int, int, int, int, float]]:
    """(account, person, valid_from, valid_to, share) of one account's sets of links."""
    begins: list[int] = []
    for day in sorted(by_day):
        if not begins or by_day[day] != by_day[begins[-1]]:
            begins.append(day)
    ends = [*begins[1:], FOR_EVER]
    return [
        (account, person, begin, end, share)
        for begin, end in zip(begins, ends, strict=True)
        for person, share in by_day[begin].items()
    ]


@dataclass(frozen=True)
class Standings:
    """What accounts' people asked for, (rows,) each; `code` as in REQUEST_CODES."""

    account: Ints
    code: Ints
    valid_from: Ints
    valid_to: Ints


def standing_intervals(requests: Rows, ids: pa.Array) -> Standings:
    """Standings over time, from all privacy_requests so far.

    The latest request of an account holds from the day it arrived; an opt-in ends the one before it,
    except an erasure, which nothing ends. Requests of accounts that the task does not know are left
    out.
    """
    account = pc.index_in(requests.arrow("account_id"), value_set=ids)
    by_account: dict[int, dict[int, int]] = defaultdict(dict)
    rows = zip(
        requests.integers("day").tolist(),
        requests.integers("requested_at").tolist(),
        [REQUEST_CODES[text] for text in requests.arrow("request").to_pylist()],
        account.to_pylist(),
        strict=True,
    )
    for day, _, code, of_account in sorted(row for row in rows if row[3] is not None):
        standing = by_account[of_account]
        erased = ERASED in standing.values()
        standing[day] = ERASED if erased else code
    intervals = [
        (of_account, code, day, end)
        for of_account, standing in sorted(by_account.items())
        for (day, code), end in zip(standing.items(), [*list(standing)[1:], FOR_EVER], strict=True)
    ]
    columns = list(zip(*intervals, strict=True)) or [()] * 4
    return Standings(*(np.array(column, dtype=np.int64) for column in columns))
