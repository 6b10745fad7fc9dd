"""Whose accounts these are, day by day, and who of them may be scored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.transforms.scoring.accounts import Accounts
from spark_jobs.transforms.scoring.arrays import Bools, Floats, Ints
from spark_jobs.transforms.scoring.blocks import Rows, codes, codes_or, sorted_universe

FOR_EVER = np.iinfo(np.int32).max
"""A day number after all days, for intervals that have not ended."""

NOTHING_FORBIDS, NEVER_ACTED, OPTED_OUT, OBJECTION, ERASED = range(5)
"""Codes of an account's standing; the higher is the stronger where a person's accounts differ."""

UNSCORED_REASONS = (None, "never_acted", "opted_out", "objection", None)
"""What is published for each code; the erased are not published at all."""


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

    Link and request intervals are half open: from `valid_from`, up to and without `valid_to`.
    """

    def __init__(self, links: Rows, standings: Rows, ids: pa.Array) -> None:
        self.account = codes(links.arrow("account_id"), ids)
        self.person_ids = sorted_universe([links.arrow("person_id")])
        self.person = codes(links.arrow("person_id"), self.person_ids)
        self.share = links.numbers("share")
        self.start = links.integers("valid_from")
        self.until = links.integers("valid_to", FOR_EVER)
        self.first_link = np.full(len(ids), FOR_EVER, dtype=np.int64)
        np.minimum.at(self.first_link, self.account, self.start)
        known = codes_or(standings.arrow("account_id"), ids, -1)
        self.standing_account = known[known >= 0]
        self.standing_code = standings.integers("code")[known >= 0]
        self.standing_start = standings.integers("valid_from")[known >= 0]
        self.standing_until = standings.integers("valid_to", FOR_EVER)[known >= 0]

    def standing(self, accounts: Accounts, day: int) -> Ints:
        """Each account's code of standing by request on that day, (accounts,)."""
        now = (self.standing_start <= day) & (day < self.standing_until)
        now &= np.isin(self.standing_account, accounts.code)
        standing = np.full(len(accounts), NOTHING_FORBIDS, dtype=np.int64)
        np.maximum.at(standing, accounts.numbers_of(self.standing_account[now]), self.standing_code[now])
        return standing

    def same_person(self, accounts: Accounts, actor: Ints, target: Ints, day: int) -> Bools:
        """Whether the two ends of each event are accounts of one person on that day."""
        account, rows = self._linked(accounts, day)
        order = np.lexsort((account, self.person[rows]))
        account, person = account[order], self.person[rows][order]
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

    def current(self, accounts: Accounts, network: str, ids: pa.Array, day: int) -> Holdings:
        """Who holds each account on that day; `ids` (accounts,) are the accounts' ids.

        An account without a link is a person of its own.
        """
        linked, rows = self._linked(accounts, day)
        alone = np.setdiff1d(np.arange(len(accounts)), linked)
        own_names = own_person_ids(network, ids.take(pa.array(alone)))
        return Holdings(
            account=np.concatenate((linked, alone)),
            person_id=pa.concat_arrays([self.person_ids.take(pa.array(self.person[rows])), own_names]),
            share=np.concatenate((self.share[rows], np.ones(len(alone)))),
            valid_from=np.concatenate((self.start[rows], accounts.first_seen[alone])),
            valid_to=np.full(len(linked) + len(alone), FOR_EVER, dtype=np.int64),
        )

    def ended(self, accounts: Accounts, network: str, ids: pa.Array, day: int) -> Holdings:
        """Holdings that ended on that day or before: links that were replaced, and accounts that were
        people of their own until they were linked."""
        over = np.flatnonzero((self.until <= day) & np.isin(self.account, accounts.code))
        first = self.first_link[accounts.code]
        joined = np.flatnonzero((first <= day) & (first > accounts.first_seen))
        return Holdings(
            account=np.concatenate((accounts.numbers_of(self.account[over]), joined)),
            person_id=pa.concat_arrays(
                [
                    self.person_ids.take(pa.array(self.person[over])),
                    own_person_ids(network, ids.take(pa.array(joined))),
                ]
            ),
            share=np.concatenate((self.share[over], np.ones(len(joined)))),
            valid_from=np.concatenate((self.start[over], accounts.first_seen[joined])),
            valid_to=np.concatenate((self.until[over], first[joined])),
        )

    def _linked(self, accounts: Accounts, day: int) -> tuple[Ints, Ints]:
        """Numbers of accounts that are linked on that day, and the rows of their links."""
        now = (self.start <= day) & (day < self.until) & (self.share > 0)
        rows = np.flatnonzero(now & np.isin(self.account, accounts.code))
        return accounts.numbers_of(self.account[rows]), rows


def own_person_ids(network: str, account_ids: pa.Array) -> pa.Array:
    """person_id of accounts that are people of their own."""
    return pc.binary_join_element_wise(f"acct:{network}", account_ids, ":").cast(pa.string())


def _largest_group(values: Ints) -> int:
    return int(np.unique(values, return_counts=True)[1].max(initial=0))
