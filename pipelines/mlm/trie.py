"""The trie of a vocabulary's pieces, and the kernels that follow it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from berth.formats.vocabulary import CONTINUATION
from berth.kernels import jit

NO_NODE = -1
NO_TOKEN = -1
CODE_POINT_BITS = np.uint64(21)
HASH_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2**64 divided by the golden ratio (Knuth's multiplicative hashing)
HASH_SHIFT = np.uint64(20)
CHILD_BITS = np.uint64(32)
CHILD_MASK = np.uint64(0xFFFFFFFF)
_ONE = np.uint64(1)


class Trie(NamedTuple):
    """The pieces of a vocabulary as a trie in one open-addressing hash table: (node, code point) → node.

    ``edges`` (uint64[slots, 2], slots a power of two): node and code point packed, plus one (0 in an empty slot); then
    the node the edge leads to and, above CHILD_BITS, the id of the piece that ends there, plus one (0 where none
    does). ``continuation`` (int64): the node below which the pieces with "##" start, or NO_NODE.
    """

    edges: NDArray[np.uint64]
    continuation: int


def build_trie(tokens: Sequence[str]) -> Trie:
    """The trie of ``tokens``, whose ids are their indices."""
    code_points = _code_points("".join(tokens))
    ends = np.cumsum(np.fromiter(map(len, tokens), np.int64, len(tokens)))
    edges = np.zeros((1 << max(4, (2 * len(code_points)).bit_length()), 2), np.uint64)
    _insert_all(code_points, ends, edges)
    return Trie(edges, _walk(_code_points(CONTINUATION), edges))


def _code_points(text: str) -> NDArray[np.int64]:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.int64)


@jit(_nrt=False)
def _slot_of(node, code_point, edges):
    """The slot of an edge, or the empty slot where it would go, and its key."""
    mask = np.uint64(len(edges) - 1)
    key = ((np.uint64(node) << CODE_POINT_BITS) | np.uint64(code_point)) + _ONE
    slot = ((key * HASH_FACTOR) >> HASH_SHIFT) & mask
    while edges[slot, 0] != 0 and edges[slot, 0] != key:
        slot = (slot + _ONE) & mask
    return slot, key


@jit(_nrt=False)
def follow(node, code_point, edges):
    """The node that an edge leads to and the token that ends there; NO_NODE or NO_TOKEN where there is none."""
    slot, _ = _slot_of(node, code_point, edges)
    if edges[slot, 0] == 0:
        return np.int64(NO_NODE), np.int64(NO_TOKEN)
    target = edges[slot, 1]
    return np.int64(target & CHILD_MASK), np.int64(target >> CHILD_BITS) - 1


@jit(_nrt=False)
def _insert_all(code_points, ends, edges):
    """Insert every token; ``ends`` says where each one's code points end."""
    nodes = np.uint64(1)
    begin = 0
    for token in range(len(ends)):
        node = np.uint64(0)
        slot = np.uint64(0)
        for i in range(begin, ends[token]):
            slot, key = _slot_of(node, code_points[i], edges)
            if edges[slot, 0] == 0:
                edges[slot, 0] = key
                edges[slot, 1] = nodes
                nodes += _ONE
            node = edges[slot, 1] & CHILD_MASK
        if ends[token] > begin:
            edges[slot, 1] |= np.uint64(token + 1) << CHILD_BITS
        begin = ends[token]


@jit(_nrt=False)
def _walk(code_points, edges):
    """The node that a sequence of code points leads to from the root, or NO_NODE."""
    node = np.int64(0)
    for code_point in code_points:
        node, _ = follow(node, code_point, edges)
        if node == NO_NODE:
            break
    return node
