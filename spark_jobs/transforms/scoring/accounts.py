"""What is remembered of each account of a network from day to day, as parallel arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from spark_jobs.scoring_model import KINDS
from spark_jobs.transforms.scoring.arrays import Bools, Floats, Ints, Objects

NEVER = -(10**9)
"""A day number for what has not happened yet."""


@dataclass
class Accounts:
    """Accounts of one network in the order of their ids; every array is (accounts,).

    `code` is an account's place among all ids of the network that the task in hand knows, in order:
    ids are text and slow to compare, so inside the model there are only numbers. Days are counted
    from 1970-01-01. `created` is NEVER where unknown, `last_active` where the account never acted.
    `own_score` is the score that a person of this account alone would have, NaN before its first action.
    `slow` is (accounts, kinds): the slow mean's decayed sums by kind; its weights are `weight` and,
    squared, `weight_sq`; `slow_sq` sums squared daily flows. `recent` (accounts, days) is the flow of the
    last days one by one, today's first.
    """

    code: Ints
    handle: Objects
    first_seen: Ints
    created: Ints
    last_active: Ints
    verified: Bools
    seed: Bools
    trust: Floats
    authority: Floats
    posts_long: Floats
    posts_short: Floats
    posts_long_weight: Floats
    posts_short_weight: Floats
    weight: Floats
    weight_sq: Floats
    slow: Floats
    slow_sq: Floats
    fast: Floats
    fast_weight: Floats
    recent: Floats
    own_score: Floats

    def __len__(self) -> int:
        return len(self.code)

    @property
    def acted(self) -> Bools:
        return self.last_active > NEVER

    @property
    def since(self) -> Ints:
        """Day from which an account's age counts: its creation, or its first sight where unknown."""
        return np.where(self.created > NEVER, np.minimum(self.created, self.first_seen), self.first_seen)

    @classmethod
    def empty(cls, recent_days: int) -> Accounts:
        return cls.new(np.zeros(0, dtype=np.int64), 0, recent_days)

    @classmethod
    def new(cls, codes: Ints, day: int, recent_days: int) -> Accounts:
        """Accounts first seen on `day`, of which nothing else is known."""
        n = len(codes)

        def zero() -> Floats:
            return np.zeros(n)

        return cls(
            code=codes,
            handle=np.full(n, None, dtype=object),
            first_seen=np.full(n, day, dtype=np.int64),
            created=np.full(n, NEVER, dtype=np.int64),
            last_active=np.full(n, NEVER, dtype=np.int64),
            verified=np.zeros(n, dtype=bool),
            seed=np.zeros(n, dtype=bool),
            trust=zero(),
            authority=zero(),
            posts_long=zero(),
            posts_short=zero(),
            posts_long_weight=zero(),
            posts_short_weight=zero(),
            weight=zero(),
            weight_sq=zero(),
            slow=np.zeros((n, len(KINDS))),
            slow_sq=zero(),
            fast=zero(),
            fast_weight=zero(),
            recent=np.zeros((n, recent_days)),
            own_score=np.full(n, np.nan),
        )

    def joined_by(self, codes: Ints, day: int) -> tuple[Accounts, Ints]:
        """These accounts and those of `codes` not among them, in order; the old ones' new numbers.

        `codes` must be sorted and without doubles.
        """
        newcomers = codes[~np.isin(codes, self.code)]
        if len(newcomers) == 0:
            return self, np.arange(len(self))
        both = np.concatenate((self.code, newcomers))
        order = np.argsort(both, kind="stable")
        fresh = Accounts.new(newcomers, day, self.recent.shape[1])
        merged: dict[str, Any] = {
            f.name: np.concatenate((getattr(self, f.name), getattr(fresh, f.name)))[order]
            for f in fields(self)
        }
        numbers = np.empty(len(both), dtype=np.int64)
        numbers[order] = np.arange(len(both))
        return Accounts(**merged), numbers[: len(self)]

    def numbers_of(self, codes: Ints) -> Ints:
        """Places of `codes` in these arrays; every one must be there."""
        return np.searchsorted(self.code, codes)

    def changed(self, **columns: Any) -> Accounts:
        return replace(self, **columns)
