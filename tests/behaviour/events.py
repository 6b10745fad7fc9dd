"""What people of a simulated community do: events as parallel arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from spark_jobs.transforms.scoring.network_input import ALL_KINDS

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

LIKE, REPOST, QUOTE, REPLY, MENTION, POST, FOLLOW = (
    ALL_KINDS.index(kind) for kind in ("like", "repost", "quote", "reply", "mention", "post", "follow")
)
REACTION_SHARES = ((LIKE, 0.60), (REPLY, 0.15), (REPOST, 0.12), (MENTION, 0.08), (QUOTE, 0.05))
"""How often each kind is among reactions."""


@dataclass(frozen=True)
class Events:
    """Activities, (rows,) each: `day` from 0, `kind` indexes ALL_KINDS, `target` is -1 for posts.

    `topic` indexes the community's topics, -1 for none.
    """

    day: Ints
    kind: Ints
    actor: Ints
    target: Ints
    topic: Ints

    def __len__(self) -> int:
        return len(self.day)

    @classmethod
    def of(
        cls, day: Ints, kind: Ints | int, actor: Ints, target: Ints | int, topic: Ints | int = -1
    ) -> Events:
        """Events of arrays and constants."""
        rows = len(day)

        def whole(values: Ints | int) -> Ints:
            return np.broadcast_to(np.asarray(values, dtype=np.int64), rows).copy()

        return cls(whole(day), whole(kind), whole(actor), whole(target), whole(topic))

    @classmethod
    def joined(cls, parts: Sequence[Events]) -> Events:
        return cls(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)))

    def where(self, chosen: Bools | Ints) -> Events:
        return Events(*(getattr(self, f.name)[chosen] for f in fields(self)))

    @property
    def reacting(self) -> Bools:
        """Which are reactions: neither posts nor follows."""
        return self.kind < POST


def kinds(random: np.random.Generator, rows: int) -> Ints:
    """Kinds of so many reactions, as people choose them."""
    names, shares = zip(*REACTION_SHARES, strict=True)
    return random.choice(np.array(names), size=rows, p=shares).astype(np.int64)


def repeated(random: np.random.Generator, rate: Floats, days: Sequence[int] | range) -> tuple[Ints, Ints]:
    """(day, row of `rate`) of Poisson events at `rate` (rows,) a day on each of `days`."""
    counts = random.poisson(rate[None, :], size=(len(days), len(rate)))
    day, row = np.nonzero(counts)
    many = counts[day, row]
    return np.repeat(np.asarray(days, dtype=np.int64)[day], many), np.repeat(row.astype(np.int64), many)
