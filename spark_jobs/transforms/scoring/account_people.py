"""Whose accounts these are, day by day, and who of them may be scored."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.transforms.scoring.accounts import Accounts
from spark_jobs.transforms.scoring.arrays import Bools, Floats, Ints
from spark_jobs.transforms.scoring.identity import BEFORE_ALL, FOR_EVER, NOTHING_FORBIDS, Links, Standings

FAINTEST_SHARE = 1e-9
"""What is left of an account after rounding is nobody's."""


@dataclass(frozen=True)
class Holdings:
    """Accounts and the people they belong to, (rows,) each: an account shared by two has two rows.

    `account` is the account's number, `person_id` text; days are day numbers.
    """

    account: Ints
    person_id: pa.Array
    share: Floats
    valid_from: Ints
    valid_to: Ints


@dataclass(frozen=True)
class OwnShares:
    """What linked accounts keep for people of their own, (rows,) each, as intervals of days."""

    account: Ints
    share: Floats
    valid_from: Ints
    valid_to: Ints


class PeopleOfAccounts:
    """A network's links between accounts and people, and requests that bear on being scored.

    Built for a range of days; every answer is as of one of them.
    """

    def __init__(self, links: Links, standings: Standings) -> None:
        self.links, self.standings = links, standings
        self.own = _own_shares(links)

    def standing(self, accounts: Accounts, day: int) -> Ints:
        """Each account's code of standing by request on that day, (accounts,)."""
        asked = self.standings
        now = (asked.valid_from <= day) & (day < asked.valid_to) & np.isin(asked.account, accounts.code)
        standing = np.full(len(accounts), NOTHING_FORBIDS, dtype=np.int64)
        np.maximum.at(standing, accounts.numbers_of(asked.account[now]), asked.code[now])
        return standing

    def same_person(self, accounts: Accounts, actor: Ints, target: Ints, day: int) -> Bools:
        """Whether the two ends of each event are accounts of one person on that day."""
        account, rows = self._linked(accounts, day)
        order = np.lexsort((account, self.links.person[rows]))
        account, person = account[order], self.links.person[rows][order]
        n = len(accounts)
        siblings = [
            np.concatenate((account[:-gap] * n + account[gap:], account[gap:] * n + account[:-gap]))[
                np.tile(person[:-gap] == person[gap:], 2)
            ]
            for gap in range(1, _largest_group(person))
        ]
        if not siblings:
            return np.zeros(len(actor), dtype=bool)
        return np.isin(actor * n + target, np.concatenate(siblings))

    def holders(self, accounts: Accounts, day: int) -> Ints:
        """A number a person, (accounts,): of the one who holds most of each account on that day.

        Accounts without a link are people of their own. Numbers tell people apart on that day, no more.
        """
        account, rows = self._linked(accounts, day)
        person, share = self.links.person[rows], self.links.share[rows]
        most = np.lexsort((-person, share, account))
        holder = len(self.links.person_ids) + np.arange(len(accounts))
        holder[account[most]] = person[most]
        return np.asarray(holder)

    def current(self, accounts: Accounts, network: str, ids: pa.Array, day: int) -> Holdings:
        """Who holds each account on that day; `ids` (accounts,) are the accounts' ids.

        What no link gives to others is the account's own person's: all of it where there is none.
        """
        linked, rows = self._linked(accounts, day)
        own = self.own
        kept = np.flatnonzero(
            (own.valid_from <= day) & (day < own.valid_to) & np.isin(own.account, accounts.code)
        )
        alone = np.flatnonzero(~np.isin(accounts.code, self.links.account))
        at = np.concatenate((accounts.numbers_of(own.account[kept]), alone))
        own_from = np.concatenate((own.valid_from[kept], np.full(len(alone), BEFORE_ALL)))
        links, people = self.links, self.links.person_ids
        return Holdings(
            account=np.concatenate((linked, at)),
            person_id=pa.concat_arrays(
                [
                    people.take(pa.array(links.person[rows])),
                    own_person_ids(network, ids.take(pa.array(at))),
                ]
            ),
            share=np.concatenate((links.share[rows], own.share[kept], np.ones(len(alone)))),
            valid_from=np.concatenate(
                (links.valid_from[rows], np.maximum(own_from, accounts.first_seen[at]))
            ),
            valid_to=np.full(len(linked) + len(at), FOR_EVER, dtype=np.int64),
        )

    def ended(self, accounts: Accounts, network: str, ids: pa.Array, day: int) -> Holdings:
        """Holdings that ended on that day or before: links that were replaced or withdrawn, and what
        accounts had for people of their own until they were linked."""
        links, own = self.links, self.own
        over = np.flatnonzero((links.valid_to <= day) & np.isin(links.account, accounts.code))
        gone = np.flatnonzero((own.valid_to <= day) & np.isin(own.account, accounts.code))
        gone = gone[own.valid_to[gone] > accounts.first_seen[accounts.numbers_of(own.account[gone])]]
        at = accounts.numbers_of(own.account[gone])
        return Holdings(
            account=np.concatenate((accounts.numbers_of(links.account[over]), at)),
            person_id=pa.concat_arrays(
                [
                    links.person_ids.take(pa.array(links.person[over])),
                    own_person_ids(network, ids.take(pa.array(at))),
                ]
            ),
            share=np.concatenate((links.share[over], own.share[gone])),
            valid_from=np.concatenate(
                (links.valid_from[over], np.maximum(own.valid_from[gone], accounts.first_seen[at]))
            ),
            valid_to=np.concatenate((links.valid_to[over], own.valid_to[gone])),
        )

    def changing(self, accounts: Accounts, day: int) -> Ints:
        """Numbers of accounts, known before that day, whose holders or shares are others from it on."""
        links = self.links
        code = links.account[(links.valid_from == day) | (links.valid_to == day)]
        number = accounts.numbers_of(np.intersect1d(code, accounts.code))
        return np.asarray(number[accounts.first_seen[number] < day])

    def _linked(self, accounts: Accounts, day: int) -> tuple[Ints, Ints]:
        """Numbers of accounts that are linked on that day, and the rows of their links."""
        now = (self.links.valid_from <= day) & (day < self.links.valid_to) & (self.links.share > 0)
        rows = np.flatnonzero(now & np.isin(self.links.account, accounts.code))
        return accounts.numbers_of(self.links.account[rows]), rows


def _own_shares(links: Links) -> OwnShares:
    """What each linked account's links leave over, in the order of accounts and days."""
    rows: list[tuple[int, int, int, float]] = []
    edges = [*np.flatnonzero(np.diff(links.account, prepend=-1)).tolist(), len(links.account)]
    for start, end in itertools.pairwise(edges):
        account = int(links.account[start])
        begins, ends = links.valid_from[start:end], links.valid_to[start:end]
        open_: list[tuple[int, int, int, float]] = []
        turns = np.unique(np.concatenate(([BEFORE_ALL], begins, ends[ends < FOR_EVER]))).tolist()
        for turn, until in zip(turns, [*turns[1:], FOR_EVER], strict=True):
            left = 1.0 - math.fsum(links.share[start:end][(begins <= turn) & (turn < ends)])
            if left <= FAINTEST_SHARE:
                continue
            begin = turn
            if open_ and open_[-1][2] == turn and abs(open_[-1][3] - left) <= FAINTEST_SHARE:
                _, begin, _, left = open_.pop()
            open_.append((account, begin, until, left))
        rows += open_
    columns = list(zip(*rows, strict=True)) or [()] * 4
    account_, begin_, until_ = (np.array(column, dtype=np.int64) for column in columns[:3])
    return OwnShares(account_, np.array(columns[3], dtype=np.float64), begin_, until_)


def own_person_ids(network: str, account_ids: pa.Array) -> pa.Array:
    """person_id of accounts that are people of their own."""
    return pc.binary_join_element_wise(f"acct:{network}", account_ids, ":").cast(pa.string())


def _largest_group(values: Ints) -> int:
    return int(np.unique(values, return_counts=True)[1].max(initial=0))
