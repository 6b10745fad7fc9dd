"""Array types of the scoring model, and the one way sums by group are formed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Objects = npt.NDArray[np.object_]


def summed(group: Ints, amount: Floats, groups: int) -> Floats:
    """Sum of `amount` by `group`, (groups,), added up in array order, so always to the same bits."""
    return np.bincount(group, weights=amount, minlength=groups).astype(np.float64)


def ratio(part: Floats, whole: Floats) -> Floats:
    """part / whole, and 0 where there is no whole."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def found_at(keys: Ints, values: Floats, wanted: Ints) -> Floats:
    """Values of the wanted keys, 0 for those that are not among the sorted `keys`."""
    if len(keys) == 0:
        return np.zeros(len(wanted))
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], 0.0)
