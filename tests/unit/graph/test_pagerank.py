"""PageRank against exact solutions, networkx and published reference outputs."""

from __future__ import annotations

from fractions import Fraction

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.graph.pagerank import pagerank
from spark_jobs.scoring_model import load_model
from tests.fixtures.reference_graphs import PUBLISHED, read_graph

MODEL = load_model("v1")
D = Fraction(85, 100)

# Vertices without any edge, edges to oneself, the same edge twice and weights of nothing all occur.
edges = st.integers(2, 12).flatmap(
    lambda n: st.tuples(
        st.just(n),
        st.lists(
            st.tuples(
                st.integers(0, n - 1), st.integers(0, n - 1), st.one_of(st.just(0.0), st.floats(0.1, 10))
            ),
            max_size=40,
        ),
        st.lists(st.one_of(st.just(0.0), st.floats(0.01, 5)), min_size=n, max_size=n),
    )
)


def _arrays(rows):
    return (
        np.array([s for s, _, _ in rows], dtype=np.int64),
        np.array([t for _, t, _ in rows], dtype=np.int64),
        np.array([w for _, _, w in rows], dtype=np.float64),
    )


def _solved(vertices, source, target, weight, restart):
    """The fixed point by elimination: x = d (P'x + dangling x * jump) + (1 - d) jump."""
    jump = restart / restart.sum() if restart.sum() > 0 else np.full(vertices, 1 / vertices)
    links = np.zeros((vertices, vertices))
    np.add.at(links, (target, source), weight)
    out = links.sum(axis=0)
    links = np.where(out > 0, links / np.where(out > 0, out, 1.0), jump[:, None])
    return np.linalg.solve(np.eye(vertices) - float(D) * links, (1 - float(D)) * jump)


def _largest_error(got, wanted):
    return float(np.max(np.abs(got - wanted) / wanted))


@settings(deadline=None)
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
    wanted = nx.pagerank(expected, alpha=0.85, personalization=personal, tol=1e-15, max_iter=5000)
    got = pagerank(
        vertices, source, target, weight, restart=np.array(restart), tolerance=1e-15, max_iterations=500
    )
    np.testing.assert_allclose(got, [wanted[v] for v in range(vertices)], rtol=1e-9, atol=1e-13)


@settings(deadline=None)
@given(edges)
def test_equals_the_linear_system(graph):
    vertices, rows, restart = graph
    source, target, weight = _arrays(rows)
    wanted = _solved(vertices, source, target, weight, np.array(restart))
    exact = pagerank(
        vertices, source, target, weight, restart=np.array(restart), tolerance=0, max_iterations=400
    )
    np.testing.assert_allclose(exact, wanted, rtol=1e-9, atol=1e-13)
    # As the model runs it: what is left to go is at most d / (1 - d) times the last step.
    influence = MODEL.influence
    got = pagerank(
        vertices,
        source,
        target,
        weight,
        restart=np.array(restart),
        damping=influence.damping,
        tolerance=influence.tolerance,
        max_iterations=influence.max_iterations,
    )
    still_to_go = influence.tolerance * influence.damping / (1 - influence.damping)
    assert np.abs(got - wanted).sum() <= still_to_go + 1e-13


def test_equals_fractions_worked_out_by_hand():
    # a -> b -> c, and c leads nowhere: with s = (1 - d)/3 + d c/3 it is a = s, b = s + d a, c = s + d b,
    # and the three sum to one.
    s = 1 / (3 + 2 * D + D**2)
    chain = pagerank(3, np.array([0, 1]), np.array([1, 2]), tolerance=0, max_iterations=400)
    np.testing.assert_allclose(chain, [float(s), float(s * (1 + D)), float(s * (1 + D + D**2))], rtol=1e-12)
    # a likes itself (1) and b (3, in two rows), b likes a, c is alone; all land on a. Then c has only
    # what others never give it: nothing; b = d * 3/4 a and a = 1 - b.
    a = 1 / (1 + D * Fraction(3, 4))
    loop = pagerank(
        3,
        np.array([0, 0, 0, 1]),
        np.array([0, 1, 1, 0]),
        np.array([1.0, 2.0, 1.0, 5.0]),
        restart=np.array([2.0, 0.0, 0.0]),
        tolerance=0,
        max_iterations=400,
    )
    np.testing.assert_allclose(loop, [float(a), float(1 - a), 0.0], rtol=1e-12)


def test_equals_iterations_worked_out_by_hand():
    # Two rounds on a -> b, with b dangling, from (1/2, 1/2).
    x, y = Fraction(1, 2), Fraction(1, 2)
    for _ in range(2):
        x, y = (1 - D) / 2 + D * y / 2, (1 - D) / 2 + D * (x + y / 2)
    got = pagerank(2, np.array([0]), np.array([1]), tolerance=0, max_iterations=2)
    np.testing.assert_allclose(got, [float(x), float(y)], rtol=1e-15)


@settings(deadline=None)
@given(edges)
def test_the_models_bound_on_iterations_is_never_met(graph):
    # A step shrinks by the damping each time and the first is below 2, so the model's tolerance is met in
    # ln(2 / tolerance) / -ln(damping) steps, whatever the graph.
    influence = MODEL.influence
    needed = int(np.ceil(np.log(2 / influence.tolerance) / -np.log(influence.damping)))
    assert needed < influence.max_iterations
    vertices, rows, restart = graph
    one, other = (
        pagerank(
            vertices,
            *_arrays(rows),
            restart=np.array(restart),
            damping=influence.damping,
            tolerance=influence.tolerance,
            max_iterations=most,
        )
        for most in (needed, influence.max_iterations)
    )
    np.testing.assert_array_equal(one, other)


@settings(deadline=None)
@given(edges, st.randoms())
def test_row_order_does_not_matter(graph, random):
    vertices, rows, restart = graph
    shuffled = list(rows)
    random.shuffle(shuffled)
    first = pagerank(vertices, *_arrays(rows), restart=np.array(restart))
    second = pagerank(vertices, *_arrays(shuffled), restart=np.array(restart))
    np.testing.assert_allclose(first, second, rtol=1e-9)
    assert first.sum() == pytest.approx(1)


@settings(deadline=None)
@given(edges, st.randoms())
def test_renaming_vertices_renames_the_result(graph, random):
    vertices, rows, restart = graph
    names = list(range(vertices))
    random.shuffle(names)
    renamed = [(names[s], names[t], w) for s, t, w in rows]
    place = np.array(names)
    moved = np.zeros(vertices)
    moved[place] = restart
    first = pagerank(vertices, *_arrays(rows), restart=np.array(restart))
    second = pagerank(vertices, *_arrays(renamed), restart=moved)
    np.testing.assert_allclose(second[place], first, rtol=1e-9, atol=1e-15)


def test_without_vertices_is_empty():
    none = np.zeros(0, dtype=np.int64)
    assert len(pagerank(0, none, none)) == 0


@pytest.mark.parametrize("graph", PUBLISHED, ids=lambda graph: graph.name)
def test_equals_the_published_output(graph):
    if not graph.there:
        pytest.skip(f"{graph.output} is not beside the project")
    vertices, source, target, wanted = read_graph(graph)
    got = pagerank(vertices, source, target, tolerance=0, max_iterations=graph.iterations or 300)
    assert _largest_error(got, wanted) <= graph.bound


@settings(deadline=None)
@given(edges, st.integers(0, 10**6))
def test_many_surfers_at_once_go_as_each_alone(graph, number):
    vertices, rows, _ = graph
    source, target, weight = _arrays(rows)
    restart = np.random.default_rng(number).integers(0, 3, size=(vertices, 4)).astype(np.float64)
    reserve = np.random.default_rng(number).uniform(0, 20, vertices)
    together = pagerank(vertices, source, target, weight, restart=restart, reserve=reserve, tolerance=1e-13)
    for column, alone in zip(together.T, restart.T, strict=True):
        own = pagerank(vertices, source, target, weight, restart=alone, reserve=reserve, tolerance=1e-13)
        np.testing.assert_allclose(column, own, atol=1e-12)
