"""Clusters are the connected components, whatever the order of the edges."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kitae.data.alike.clusters import Clusters

edges = st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30)


@given(st.lists(edges, max_size=3))
def test_clusters_are_the_connected_components(waves: list[list[tuple[int, int]]]) -> None:
    clusters = Clusters(20)
    for wave in waves:
        sides = np.array(wave, dtype=np.int64).reshape(-1, 2)
        clusters.join(sides[:, 0], sides[:, 1])
    reach = {i: {i} for i in range(20)}
    for _ in range(20):
        for one, other in (edge for wave in waves for edge in wave):
            merged = reach[one] | reach[other]
            for member in merged:
                reach[member] = reach[member] | merged
    assert clusters.names().tolist() == [min(reach[i]) for i in range(20)]
    assert {frozenset(m.tolist()) for m in clusters.members()} == {frozenset(v) for v in reach.values()}


def test_a_long_chain_is_one_cluster() -> None:
    clusters = Clusters(100_000)
    clusters.join(np.arange(99_999), np.arange(1, 100_000))
    assert not clusters.names().any()


def test_nothing_has_no_clusters() -> None:
    assert Clusters(0).members() == []
