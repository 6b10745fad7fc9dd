"""PageRank beside published outputs, and the iterations that real graphs take to the model's tolerance.

    python -m tests.trials.pagerank

prints a table as Markdown. Graphs that are not beside the project are left out.
"""

from __future__ import annotations

import numpy as np

from spark_jobs.graph.pagerank import Ints, pagerank
from spark_jobs.scoring_model import load_model
from tests.fixtures.reference_graphs import GRAPHS, PUBLISHED, read_graph

MODEL = load_model("v1").influence
CONVERGED = 300


def iterations_to_tolerance(vertices: int, source: Ints, target: Ints) -> tuple[int, float]:
    """Iterations until the model's criterion stops, and how far in L1 the result then is from the end."""

    def ranks(most: int, tolerance: float = MODEL.tolerance) -> np.ndarray:
        return pagerank(
            vertices, source, target, damping=MODEL.damping, tolerance=tolerance, max_iterations=most
        )

    stopped = ranks(MODEL.max_iterations)
    low, high = 1, MODEL.max_iterations
    while low < high:
        middle = (low + high) // 2
        if np.array_equal(ranks(middle), stopped):
            high = middle
        else:
            low = middle + 1
    return low, float(np.abs(stopped - ranks(CONVERGED, 0.0)).sum())


def _real_logs() -> list[tuple[str, int, Ints, Ints]]:
    logs = []
    for name, place, separator in (
        ("CollegeMsg, whole log", "collegemsg/CollegeMsg.txt", " "),
        ("bitcoin-otc, positive ratings", "bitcoin-otc/soc-sign-bitcoinotc.csv", ","),
    ):
        path = GRAPHS / place
        if not path.exists():
            continue
        lines = [line.split(separator) for line in path.read_text().splitlines()]
        if separator == ",":
            lines = [line for line in lines[1:] if int(line[2]) > 0]
        ends = np.array([[int(line[0]), int(line[1])] for line in lines])
        _, numbers = np.unique(ends, return_inverse=True)
        numbers = numbers.reshape(ends.shape)
        logs.append((name, int(numbers.max()) + 1, numbers[:, 0], numbers[:, 1]))
    return logs


def report() -> str:
    """Both tables as Markdown."""
    lines = [
        "| graph | vertices | edges | iterations | largest relative error | bound |",
        "|---|---|---|---|---|---|",
    ]
    graphs = []
    for graph in PUBLISHED:
        if not graph.there:
            continue
        vertices, source, target, wanted = read_graph(graph)
        graphs.append((graph.name, vertices, source, target))
        got = pagerank(vertices, source, target, tolerance=0, max_iterations=graph.iterations or CONVERGED)
        error = float(np.max(np.abs(got - wanted) / wanted))
        edges = len(source) if graph.directed else len(source) // 2
        rounds = str(graph.iterations or "to convergence")
        lines.append(
            f"| {graph.name} | {vertices:,} | {edges:,} | {rounds} | {error:.1e} | {graph.bound:.0e} |"
        )
    lines += ["", "| graph | iterations to 1e-10 | then left to go, L1 |", "|---|---|---|"]
    for name, vertices, source, target in [*graphs, *_real_logs()]:
        rounds, left = iterations_to_tolerance(vertices, source, target)
        lines.append(f"| {name} | {rounds} | {left:.1e} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(report())  # noqa: T201
