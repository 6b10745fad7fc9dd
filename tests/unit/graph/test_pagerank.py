"""PageRank against networkx and against published reference outputs."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.graph.pagerank import pagerank

REFERENCE = Path(__file__).parents[4] / "shared" / "data" / "graphs" / "ldbc-validation"

edges = st.integers(2, 12).flatmap(
    lambda n: st.tuples(
        st.just(n),
        st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1), st.floats(0.1, 10)), max_size=40),
        st.lists(st.floats(0, 5), min_size=n, max_size=n),
    )
)


def _arrays(rows):
    return (
        np.array([s for s, _, _ in rows], dtype=np.int64),
        np.array([t for _, t, _ in rows], dtype=np.int64),
        np.array([w for _, _, w in rows], dtype=np.float64),
    )


@given(edges)
def test_equals_networkx(graph):
    vertices, rows, restart = graph
    source, target, weight = _arrays(rows)
    expected = nx.DiGraph()
    expected.add_nodes_from(range(vertices))
    for s, t, w in rows:
        old = expected.get_edge_data(s, t, {"weight": 0.0})["weight"]
        expected.add_edge(s, t, weight=old + w)
    personal = dict(enumerate(restart)) if sum(restart) > 0 else None
    wanted = nx.pagerank(expected, alpha=0.85, personalization=personal, tol=1e-14, max_iter=5000)
    got = pagerank(
        vertices, source, target, weight, restart=np.array(restart), tolerance=1e-14, max_iterations=5000
    )
    np.testing.assert_allclose(got, [wanted[v] for v in range(vertices)], rtol=1e-6, atol=1e-10)


@given(edges, st.randoms())
def test_row_order_does_not_matter(graph, random):
    vertices, rows, restart = graph
    shuffled = list(rows)
    random.shuffle(shuffled)
    first = pagerank(vertices, *_arrays(rows), restart=np.array(restart))
    second = pagerank(vertices, *_arrays(shuffled), restart=np.array(restart))
    np.testing.assert_allclose(first, second, rtol=1e-9)
    assert first.sum() == pytest.approx(1)


def test_without_vertices_is_empty():
    none = np.zeros(0, dtype=np.int64)
    assert len(pagerank(0, none, none)) == 0


@pytest.mark.skipif(not REFERENCE.exists(), reason="the LDBC reference graphs are not beside the project")
@pytest.mark.parametrize("directed", [True, False])
def test_equals_the_ldbc_example_after_two_iterations(directed):
    name = f"example-{'directed' if directed else 'undirected'}"
    places = list(REFERENCE.rglob(f"{name}.v"))
    if not places:
        pytest.skip(f"{name} is not among the reference graphs")
    folder = places[0].parent
    vertices = [line.strip() for line in (folder / f"{name}.v").read_text().split()]
    number = {vertex: index for index, vertex in enumerate(vertices)}
    pairs = [line.split()[:2] for line in (folder / f"{name}.e").read_text().splitlines() if line.strip()]
    source = np.array([number[s] for s, _ in pairs])
    target = np.array([number[t] for _, t in pairs])
    if not directed:
        source, target = np.concatenate((source, target)), np.concatenate((target, source))
    got = pagerank(len(vertices), source, target, tolerance=0, max_iterations=2)
    lines = (folder / f"{name}-PR").read_text().splitlines()
    expected = {line.split()[0]: float(line.split()[1]) for line in lines if line.strip()}
    np.testing.assert_allclose(got, [expected[vertex] for vertex in vertices], rtol=1e-9)
