"""Clusters by union-find over whole arrays of edges at once."""

import numpy as np

from kitae.data.alike.ragged import Array


class Clusters:
    """Union-find over 0..size-1 (Tarjan 1975) with hooking and pointer jumping (Shiloach, Vishkin 1982).

    A cluster's name is its smallest member, whatever the order of the edges. Eight bytes a member.
    """

    def __init__(self, size: int) -> None:
        """Begin with every member alone."""
        self._parent = np.arange(size)

    def names_of(self, members: Array) -> Array:
        """The smallest member of the cluster of each."""
        names = self._parent[members]
        while True:
            further = self._parent[names]
            if np.array_equal(further, names):
                break
            names = further
        self._parent[members] = names
        return names

    def join(self, ones: Array, others: Array) -> None:
        """Make the clusters of each `ones[i]` and `others[i]` one."""
        while len(ones):
            ones, others = self.names_of(ones), self.names_of(others)
            apart = ones != others
            small, large = np.minimum(ones, others)[apart], np.maximum(ones, others)[apart]
            np.minimum.at(self._parent, large, small)
            self._jump(np.unique(large))
            ones, others = small, large

    def _jump(self, hooked: Array) -> None:
        """Let each of these point to its root; a chain of n takes log n rounds."""
        while True:
            parents = self._parent[hooked]
            further = self._parent[parents]
            if np.array_equal(further, parents):
                return
            self._parent[hooked] = further

    def names(self) -> Array:
        """The cluster's name of every member, [size]."""
        return self.names_of(np.arange(len(self._parent)))

    def members(self) -> list[Array]:
        """The members of every cluster, ascending; clusters in the order of their names."""
        names = self.names()
        order = np.argsort(names, kind="stable")
        return np.split(order, np.unique(names[order], return_index=True)[1][1:]) if len(names) else []
