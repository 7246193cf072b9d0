"""The pieces of a vocabulary as a trie in two sorted arrays.

A TensorFlow graph can search sorted arrays, but cannot call the compiled hash table of :mod:`berth.kernels.trie`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from berth.formats.vocabulary import CONTINUATION
from berth.kernels.trie import CODE_POINT_BITS, NO_NODE, NO_TOKEN, ROOT


class Trie(NamedTuple):
    """A trie with sorted edges, found by binary search.

    ``edges`` (int64[nodes - 1], ascending): the node an edge leaves, shifted by CODE_POINT_BITS, and its code point.
    The edge at index i leads to node i + 1; the root is node 0. ``tokens`` (int32[nodes]): the id of the piece that
    ends at a node, or NO_TOKEN. ``continuation``: the node below which the pieces with "##" start, or NO_NODE.
    """

    edges: NDArray[np.int64]
    tokens: NDArray[np.int32]
    continuation: int


def build_trie(entries: Sequence[str]) -> Trie:
    """The trie of ``entries``, whose ids are their indices."""
    code_points = np.frombuffer("".join(entries).encode("utf-32-le"), np.uint32).astype(np.int64)
    lengths = np.fromiter(map(len, entries), np.int64, len(entries))
    begins = np.cumsum(lengths) - lengths
    nodes = np.full(len(entries), ROOT, np.int64)  # the node that each entry has reached
    edges: list[NDArray[np.int64]] = []
    tokens = [np.array([NO_TOKEN], np.int32)]
    count = 1
    # Level by level: the nodes of a level are numbered in the order of their edges, so that these stay sorted.
    for depth in range(int(lengths.max(initial=0))):
        longer = np.flatnonzero(lengths > depth)
        keys = (nodes[longer] << CODE_POINT_BITS) | code_points[begins[longer] + depth]
        level, of_entry = np.unique(keys, return_inverse=True)
        nodes[longer] = count + of_entry
        ending = longer[lengths[longer] == depth + 1]
        level_tokens = np.full(len(level), NO_TOKEN, np.int32)
        level_tokens[nodes[ending] - count] = ending
        edges.append(level)
        tokens.append(level_tokens)
        count += len(level)
    sorted_edges = np.concatenate(edges)
    return Trie(sorted_edges, np.concatenate(tokens), _walk(sorted_edges, CONTINUATION))


def _walk(edges: NDArray[np.int64], text: str) -> int:
    """The node that a text leads to from the root, or NO_NODE."""
    node = ROOT
    for character in text:
        key = (node << CODE_POINT_BITS) | ord(character)
        index = int(np.searchsorted(edges, key))
        if index == len(edges) or edges[index] != key:
            return NO_NODE
        node = index + 1
    return node
