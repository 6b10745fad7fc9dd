"""Accounts that change hands: each holding of a day beside what it was the day before."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from spark_jobs.transforms.scoring.account_people import Holdings, PeopleOfAccounts
from spark_jobs.transforms.scoring.accounts import Accounts
from spark_jobs.transforms.scoring.arrays import Bools, Floats, Ints


@dataclass(frozen=True)
class Turnover:
    """Holdings of a day and those that ended with it, (rows,) each.

    `share` is 0 where the account has left the person, `share_before` 0 where it has just joined.
    `share_start` is the share at which an account counts for a person who begins today: the share of its
    main holder of yesterday for the one who now has most of it, so that an account that is handed over
    brings all that it was; today's share for others. `came_from` is that main holder's person_id, null
    where the account was this person's already or is new.
    """

    account: Ints
    person_id: pa.Array
    share: Floats
    share_before: Floats
    share_start: Floats
    came_from: pa.Array

    def only(self, kept: Bools) -> Turnover:
        chosen = pa.array(kept)
        return Turnover(
            self.account[kept],
            self.person_id.filter(chosen),
            self.share[kept],
            self.share_before[kept],
            self.share_start[kept],
            self.came_from.filter(chosen),
        )


def turnover(
    held: Holdings, people: PeopleOfAccounts, accounts: Accounts, network: str, ids: pa.Array, day: int
) -> Turnover:
    """A day's holdings beside yesterday's; `held` are the day's, `ids` (accounts,) the accounts' ids."""
    moving = people.changing(accounts, day)
    staying = ~np.isin(held.account, moving)
    same = Turnover(
        held.account,
        held.person_id,
        held.share,
        held.share,
        held.share,
        pa.nulls(len(held.account), pa.string()),
    )
    if len(moving) == 0:
        return same
    now = _by_account(held, ~staying)
    earlier = people.current(accounts, network, ids, day - 1)
    before = _by_account(earlier, np.isin(earlier.account, moving))
    rows = [
        (account, *row) for account in moving.tolist() for row in _handed_over(before[account], now[account])
    ]
    account, person_id, share, share_before, share_start, came_from = zip(*rows, strict=True)
    same = same.only(staying)
    return Turnover(
        np.concatenate((same.account, np.array(account, dtype=np.int64))),
        pa.concat_arrays([same.person_id, pa.array(person_id, pa.string())]),
        np.concatenate((same.share, np.array(share, dtype=np.float64))),
        np.concatenate((same.share_before, np.array(share_before, dtype=np.float64))),
        np.concatenate((same.share_start, np.array(share_start, dtype=np.float64))),
        pa.concat_arrays([same.came_from, pa.array(came_from, pa.string())]),
    )


def _by_account(held: Holdings, chosen: Bools) -> dict[int, dict[str, float]]:
    """Share by person by account."""
    found: dict[int, dict[str, float]] = defaultdict(dict)
    names = held.person_id.filter(pa.array(chosen)).to_pylist()
    for account, person, share in zip(
        held.account[chosen].tolist(), names, held.share[chosen].tolist(), strict=True
    ):
        found[account][person] = share
    return found


def _handed_over(
    before: dict[str, float], now: dict[str, float]
) -> list[tuple[str, float, float, float, str | None]]:
    """(person, share, share before, share to start from, came from) of all who have or had the account."""
    holder, heir = (min(shares, key=lambda person: (-shares[person], person)) for shares in (before, now))
    return [
        (person, now.get(person, 0.0), before[person], before[person], None)
        if person in before
        else (person, now[person], 0.0, before[holder] if person == heir else now[person], holder)
        for person in sorted(before.keys() | now.keys())
    ]
