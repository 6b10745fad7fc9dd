"""Whose accounts these are, day by day, and who of them may be scored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.transforms.scoring.accounts import Accounts
from spark_jobs.transforms.scoring.arrays import Bools, Floats, Ints
from spark_jobs.transforms.scoring.identity import FOR_EVER, NOTHING_FORBIDS, Links, Standings


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


class PeopleOfAccounts:
    """A network's links between accounts and people, and requests that bear on being scored.

    Built for a range of days; every answer is as of one of them.
    """

    def __init__(self, links: Links, standings: Standings, ids: pa.Array) -> None:
        self.links, self.standings = links, standings
        self.first_link = np.full(len(ids), FOR_EVER, dtype=np.int64)
        np.minimum.at(self.first_link, links.account, links.valid_from)

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

        An account without a link is a person of its own.
        """
        linked, rows = self._linked(accounts, day)
        alone = np.setdiff1d(np.arange(len(accounts)), linked)
        own_names = own_person_ids(network, ids.take(pa.array(alone)))
        return Holdings(
            account=np.concatenate((linked, alone)),
            person_id=pa.concat_arrays(
                [self.links.person_ids.take(pa.array(self.links.person[rows])), own_names]
            ),
            share=np.concatenate((self.links.share[rows], np.ones(len(alone)))),
            valid_from=np.concatenate((self.links.valid_from[rows], accounts.first_seen[alone])),
            valid_to=np.full(len(linked) + len(alone), FOR_EVER, dtype=np.int64),
        )

    def ended(self, accounts: Accounts, network: str, ids: pa.Array, day: int) -> Holdings:
        """Holdings that ended on that day or before: links that were replaced, and accounts that were
        people of their own until they were linked."""
        over = np.flatnonzero((self.links.valid_to <= day) & np.isin(self.links.account, accounts.code))
        first = self.first_link[accounts.code]
        joined = np.flatnonzero((first <= day) & (first > accounts.first_seen))
        return Holdings(
            account=np.concatenate((accounts.numbers_of(self.links.account[over]), joined)),
            person_id=pa.concat_arrays(
                [
                    self.links.person_ids.take(pa.array(self.links.person[over])),
                    own_person_ids(network, ids.take(pa.array(joined))),
                ]
            ),
            share=np.concatenate((self.links.share[over], np.ones(len(joined)))),
            valid_from=np.concatenate((self.links.valid_from[over], accounts.first_seen[joined])),
            valid_to=np.concatenate((self.links.valid_to[over], first[joined])),
        )

    def _linked(self, accounts: Accounts, day: int) -> tuple[Ints, Ints]:
        """Numbers of accounts that are linked on that day, and the rows of their links."""
        now = (self.links.valid_from <= day) & (day < self.links.valid_to) & (self.links.share > 0)
        rows = np.flatnonzero(now & np.isin(self.links.account, accounts.code))
        return accounts.numbers_of(self.links.account[rows]), rows


def own_person_ids(network: str, account_ids: pa.Array) -> pa.Array:
    """person_id of accounts that are people of their own."""
    return pc.binary_join_element_wise(f"acct:{network}", account_ids, ":").cast(pa.string())


def _largest_group(values: Ints) -> int:
    return int(np.unique(values, return_counts=True)[1].max(initial=0))
