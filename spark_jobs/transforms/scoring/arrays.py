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
