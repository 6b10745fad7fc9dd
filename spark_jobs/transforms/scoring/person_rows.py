"""People's accounts on one day as arrays, and their sums by person and network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spark_jobs.transforms.scoring.arrays import Floats, Ints, summed

NO_ORIGIN = -1
"""Instead of the number of whoever had an account before: nobody else did."""


@dataclass(frozen=True)
class AccountRows:
    """Accounts of people on one day, (rows,) each; `slow` is (rows, K), `changes` (rows, 4).

    `share` is how much of the account is the person's, 0 for one that has just left; `share_before` is
    yesterday's, 0 for one that has just joined, and `share_start` the one to begin a person with.
    `origin` numbers whose it was mainly until today, NO_ORIGIN for an account that was the person's or is
    new. Levels, and `own_score`, are of the account as a whole; the latter is NaN where it never acted.
    `endorsed` is the effective number of the account's endorsements; without it there are none.
    """

    person: Ints
    network: Ints
    origin: Ints
    share: Floats
    share_before: Floats
    share_start: Floats
    level: Floats
    level_before: Floats
    fast_level: Floats
    variance: Floats
    ceiling_points: Floats
    own_score: Floats
    evidence: Floats
    reach: Floats
    posts_a_day: Floats
    network_influence: Floats
    slow: Floats
    changes: Floats
    endorsed: Floats | None = None


class ByNetwork:
    """Sums of account rows by person and network."""

    def __init__(self, rows: AccountRows, people: int, networks: int) -> None:
        self.person, self.network = rows.person, rows.network
        self.slot = rows.person * networks + rows.network
        self.shape = (people, networks)

    def sum(self, amount: Floats) -> Floats:
        return summed(self.slot, amount, self.shape[0] * self.shape[1]).reshape(self.shape)

    def largest(self, amount: Floats) -> Floats:
        flat = np.zeros(self.shape[0] * self.shape[1])
        np.maximum.at(flat, self.slot, amount)
        return np.asarray(flat.reshape(self.shape).max(axis=1, initial=0.0))


def combined(by_network: Floats) -> Floats:
    """A person's level of its levels in networks: the square root of their squares' sum."""
    return np.asarray(np.sqrt((by_network**2).sum(axis=1)))
