"""Identity links and privacy requests of a network's accounts, as intervals of days.

Intervals are half open: from `valid_from`, up to and without `valid_to`. Accounts are codes among the
task's ids, people codes among `person_ids`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.erasure import in_force
from spark_jobs.transforms.scoring.arrays import Floats, Ints
from spark_jobs.transforms.scoring.blocks import Rows, codes, sorted_universe

FOR_EVER = int(np.iinfo(np.int32).max)
"""A day number after all days, for intervals that have not ended."""

BEFORE_ALL = int(np.iinfo(np.int32).min)
"""A day number before all days, for what holds from an account's first sight."""

NOTHING_FORBIDS, NEVER_ACTED, UNDER_18, OBJECTION, OPTED_OUT, ERASED = range(6)
"""Codes of an account's standing; the higher is the stronger where a person's accounts differ."""

UNSCORED_REASONS = (None, "never_acted", "under_18", "objection", "opted_out", None)
"""What is published for each code; the erased are not published at all."""

REQUEST_CODES = {
    "opt_in": NOTHING_FORBIDS,
    "opt_out": OPTED_OUT,
    "object": OBJECTION,
    "erase": ERASED,
}
EXTENDED_CODES = {**REQUEST_CODES, "under_18": UNDER_18}
"""With what holds for an account because of the contact that it belongs to."""

UNHEARD = -1
"""Instead of the moment of the newest statement of an account that no link names."""

LINKED = "key:"
"""How the person_id of a linked person begins."""


@dataclass(frozen=True)
class Heard:
    """The newest statement of an account from a day on, (rows,) each, in the order of accounts and days.

    `observed_at` is in microseconds. Only statements that were followed count, or that ended a link.
    """

    account: Ints
    day: Ints
    observed_at: Ints

    @classmethod
    def before(cls, account: Ints, observed_at: Ints) -> Heard:
        """What had been heard before the first of a range of days; UNHEARD is left out."""
        known = np.flatnonzero(observed_at != UNHEARD)
        known = known[np.argsort(account[known])]
        return cls(account[known], np.full(len(known), BEFORE_ALL, dtype=np.int64), observed_at[known])

    def newest(self, account: Ints, day: int) -> Ints:
        """Moment of the newest statement of each of `account` by that day, UNHEARD where there is none."""
        if len(self.account) == 0:
            return np.full(len(account), UNHEARD, dtype=np.int64)
        keys = _account_and_day(self.account, self.day)
        place = np.searchsorted(keys, _account_and_day(account, day), "right") - 1
        return np.where((place >= 0) & (self.account[place] == account), self.observed_at[place], UNHEARD)


def _account_and_day(account: Ints, day: Ints | int) -> Ints:
    """One number that sorts by account, then by day; BEFORE_ALL is the earliest day."""
    return np.asarray((account << 33) + (day - BEFORE_ALL))


@dataclass(frozen=True)
class Links:
    """Whose accounts are linked, (rows,) each; an account shared by two people has two rows.

    Shares of an account add to 1 at most on any day.
    """

    account: Ints
    person: Ints
    share: Floats
    valid_from: Ints
    valid_to: Ints
    person_ids: pa.Array
    heard: Heard


class Link(NamedTuple):
    """One row of `Links` while it is worked out."""

    person: int
    valid_from: int
    valid_to: int
    share: float


class Sighting(NamedTuple):
    """One statement of a day; a share of 0 says that the account is not this person's."""

    observed_at: int
    person: int
    share: float


def link_intervals(
    held: Rows, heard_before: Heard, observed: Rows, ids: pa.Array, least_confidence: float
) -> Links:
    """Links over time, from rows of person_account and what had been heard by the day before, and new
    rows of identity_links.

    What is observed of an account on one day replaces all that was known of it before. Shares of more
    than 1 together are divided by their sum. A link of share 0, or below `least_confidence`, is not
    followed, and ends the same link where one holds. Observing the same again changes nothing, nor does
    a statement older than the newest known of the account.
    """
    linked = np.asarray(pc.starts_with(held.arrow("person_id"), LINKED).to_numpy(zero_copy_only=False))
    known = np.flatnonzero(linked.astype(bool))
    names = [
        held.arrow("person_id").take(pa.array(known)),
        pc.binary_join_element_wise(LINKED, observed.arrow("person_key"), ""),
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
    moment_before = dict(zip(heard_before.account.tolist(), heard_before.observed_at.tolist(), strict=True))
    account = codes(observed.arrow("account_id"), ids)
    # Only accounts of which something new is seen need a second look; the rest stay as they are.
    touched = np.isin(before[:, 0], account)
    rows = [(*row, share) for row, share in zip(before[~touched].tolist(), shares[~touched], strict=True)]
    links: dict[int, list[Link]] = defaultdict(list)
    standing = zip(before[touched].tolist(), shares[touched].tolist(), strict=True)
    for (of_account, person, valid_from, valid_to), share in standing:
        links[of_account].append(Link(person, valid_from, valid_to, share))
    sightings: dict[int, dict[int, list[Sighting]]] = defaultdict(lambda: defaultdict(list))
    for of_account, day, *sighting in zip(
        account.tolist(),
        observed.integers("day").tolist(),
        observed.integers("observed_at").tolist(),
        codes(names[1], person_ids).tolist(),
        np.where(observed.numbers("confidence") >= least_confidence, observed.numbers("share"), 0.0).tolist(),
        strict=True,
    ):
        sightings[of_account][day].append(Sighting(*sighting))
    heard = [(of_account, BEFORE_ALL, moment) for of_account, moment in moment_before.items()]
    for of_account, by_day in sightings.items():
        followed, moments = _followed(links[of_account], by_day, moment_before.get(of_account, UNHEARD))
        rows += [(of_account, *link) for link in followed]
        heard += [(of_account, *moment) for moment in moments]
    columns = list(zip(*rows, strict=True)) or [()] * 5
    whole = [np.array(column, dtype=np.int64) for column in columns[:4]]
    share = np.array(columns[4], dtype=np.float64)
    order = np.lexsort((whole[1], whole[2], whole[0]))
    accounts, people, valid_from, valid_to = (column[order] for column in whole)
    moments_heard = np.array(sorted(heard), dtype=np.int64).reshape(-1, 3)
    return Links(accounts, people, share[order], valid_from, valid_to, person_ids, Heard(*moments_heard.T))


def _followed(
    known: Iterable[Link], by_day: Mapping[int, list[Sighting]], newest: int
) -> tuple[list[Link], list[tuple[int, int]]]:
    """An account's links after all statements of it, by the day on which they came; and the days on
    which the newest statement, until now of the moment `newest`, became another, each with its moment."""
    heard: list[tuple[int, int]] = []
    ended = [link for link in known if link.valid_to != FOR_EVER]
    holding = {link.person: link for link in known if link.valid_to == FOR_EVER}
    for day in sorted(by_day):
        said = [sighting for sighting in sorted(by_day[day]) if sighting.observed_at >= newest]
        # In order of observation, so that the latest of a person is the one that stays.
        shares = {sighting.person: sighting.share for sighting in said}
        wanted = _adding_to_one({person: share for person, share in shares.items() if share > 0})
        if not wanted:
            wanted = {person: link.share for person, link in holding.items() if person not in shares}
        followed = wanted.keys() | holding.keys()
        moments = [sighting.observed_at for sighting in said if sighting.person in followed]
        if moments:
            newest = max(newest, *moments)
            heard.append((day, newest))
        kept = {person: link for person, link in holding.items() if wanted.get(person) == link.share}
        ended += [link._replace(valid_to=day) for link in holding.values() if link.person not in kept]
        holding = {
            person: kept.get(person, Link(person, day, FOR_EVER, share)) for person, share in wanted.items()
        }
    return [*ended, *holding.values()], heard


def _adding_to_one(shares: dict[int, float]) -> dict[int, float]:
    """Shares of an account, divided by their sum where that is more than 1."""
    whole = math.fsum(shares.values())
    return {person: share / whole for person, share in shares.items()} if whole > 1 else shares


@dataclass(frozen=True)
class Standings:
    """What accounts' people asked for, (rows,) each; `code` as in REQUEST_CODES."""

    account: Ints
    code: Ints
    valid_from: Ints
    valid_to: Ints


def standing_intervals(requests: Rows, ids: pa.Array, extended: Rows | None = None) -> Standings:
    """Standings over time, from all privacy_requests so far and rows of privacy_extension.

    What an account's requests come to (`erasure.in_force`) holds from the day on which the last of them
    arrived. What is extended to an account holds beside that; the strongest counts. Accounts that the task
    does not know are left out.
    """
    account = pc.index_in(requests.arrow("account_id"), value_set=ids)
    by_account: dict[int, dict[int, int]] = defaultdict(dict)
    asked: dict[int, list[tuple[int, str]]] = defaultdict(list)
    rows = zip(
        requests.integers("day").tolist(),
        requests.integers("requested_at").tolist(),
        requests.arrow("request").to_pylist(),
        account.to_pylist(),
        strict=True,
    )
    for day, moment, request, of_account in sorted(row for row in rows if row[3] is not None):
        asked[of_account].append((moment, request))
        by_account[of_account][day] = REQUEST_CODES[in_force(asked[of_account]) or "opt_in"]
    intervals = [
        (of_account, code, day, end)
        for of_account, standing in sorted(by_account.items())
        for (day, code), end in zip(standing.items(), [*list(standing)[1:], FOR_EVER], strict=True)
    ]
    if extended is not None and len(extended):
        rows_of = zip(
            pc.index_in(extended.arrow("account_id"), value_set=ids).to_pylist(),
            [EXTENDED_CODES[text] for text in extended.arrow("request").to_pylist()],
            extended.integers("valid_from").tolist(),
            extended.integers("valid_to", FOR_EVER).tolist(),
            strict=True,
        )
        intervals += [row for row in rows_of if row[0] is not None]
    columns = list(zip(*intervals, strict=True)) or [()] * 4
    return Standings(*(np.array(column, dtype=np.int64) for column in columns))
