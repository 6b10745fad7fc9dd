"""PageRank by power iteration on sparse arrays.

Formula: Brin and Page, "The anatomy of a large-scale hypertextual web search engine" (1998), in the
form of LDBC Graphalytics: x' = (1 - d) * restart + d * (P^T x + dangling * restart), where rows of P
sum to one and dangling is the mass of vertices without outgoing weight.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def pagerank(
    vertices: int,
    source: Ints,
    target: Ints,
    weight: Floats | None = None,
    *,
    restart: Floats | None = None,
    reserve: Floats | float = 0.0,
    damping: float = 0.85,
    tolerance: float = 1e-10,
    max_iterations: int = 200,
) -> Floats:
    """PageRank of each vertex; the result sums to one.

    `source` and `target` (edges,) are vertex numbers below `vertices`; `weight` (edges,) defaults to
    one an edge; parallel edges add up. A source whose weights add up to less than `reserve`, one number
    or (vertices,), passes on only that part of itself; the rest is restarted like the mass of a dangling
    vertex. `restart` (vertices,) is where the surfer lands when not following an edge, even where not
    given or without mass; with (vertices, surfers) as many surfers go at once, each with a PageRank of
    its own, and the result has their shape. Iteration stops when no surfer's L1 change is `tolerance` or
    more; 0 runs all `max_iterations`, as published reference outputs need.
    """
    if vertices == 0:
        return np.zeros(0 if restart is None else restart.shape)
    weights = np.ones(len(source)) if weight is None else weight
    jump = _distribution(restart, vertices)
    out = np.bincount(source, weights=weights, minlength=vertices)
    whole = np.maximum(out, reserve)
    shares = np.divide(weights, whole[source], out=np.zeros(len(weights)), where=whole[source] > 0)
    kept = 1 - np.divide(out, whole, out=np.zeros(vertices), where=whole > 0)
    # CSR by target: each row adds its edges up in one fixed order, so the result does not wander.
    transition = sparse.csr_matrix((shares, (target, source)), shape=(vertices, vertices))
    transition.sum_duplicates()
    rank = jump.copy()
    for _ in range(max_iterations):
        moved = damping * (transition @ rank + (kept @ rank) * jump) + (1 - damping) * jump
        change = np.abs(moved - rank).sum(axis=0).max()
        rank = moved
        if change < tolerance:
            break
    return np.asarray(rank)


def _distribution(mass: Floats | None, vertices: int) -> Floats:
    if mass is None:
        return np.full(vertices, 1 / vertices)
    total = mass.sum(axis=0)
    return np.where(total > 0, mass / np.where(total > 0, total, 1.0), 1 / vertices)
