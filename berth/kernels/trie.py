"""Tries of code points in one hash table: (node, code point) → node and the id of the token that ends there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from berth.kernels import borrowing_jit
from berth.kernels.hash_table import find_key
from berth.kernels.hashing import multiplicative_hash

ROOT = 0
NO_NODE = -1
NO_TOKEN = -1
CODE_POINT_BITS = 21
_CODE_POINT_BITS = np.uint64(CODE_POINT_BITS)
_HASH_SHIFT = np.uint64(20)
_CHILD_BITS = np.uint64(32)
_CHILD_MASK = np.uint64(0xFFFFFFFF)
_ONE = np.uint64(1)


def build_trie(tokens: Sequence[str]) -> NDArray[np.uint64]:
    """The edges of the trie of ``tokens``; a token's id is its index.

    Returns:
        uint64[slots, 2], slots a power of two: node and code point packed, plus one (0 in an empty slot); then the node
        the edge leads to and, above 32 bits, the id of the token that ends there, plus one (0 where none does).
    """
    code_points = _code_points("".join(tokens))
    ends = np.cumsum(np.fromiter(map(len, tokens), np.int64, len(tokens)))
    edges = np.zeros((1 << max(4, (2 * len(code_points)).bit_length()), 2), np.uint64)
    _insert_all(code_points, ends, edges)
    return edges


def node_of(edges: NDArray[np.uint64], text: str) -> int:
    """The node that ``text`` leads to from the root, or NO_NODE."""
    return int(_walk(_code_points(text), edges))


def _code_points(text: str) -> NDArray[np.int64]:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.int64)


@borrowing_jit
def _find(node, code_point, edges):
    """The slot of an edge, or the empty slot where it belongs, and its key."""
    key = ((np.uint64(node) << _CODE_POINT_BITS) | np.uint64(code_point)) + _ONE
    return find_key(edges, key, multiplicative_hash(key) >> _HASH_SHIFT), key


@borrowing_jit
def follow(node, code_point, edges):
    """The node (int64) an edge leads to and the id (int64) of the token that ends there; or NO_NODE, NO_TOKEN."""
    slot, _ = _find(node, code_point, edges)
    if edges[slot, 0] == 0:
        return np.int64(NO_NODE), np.int64(NO_TOKEN)
    target = edges[slot, 1]
    return np.int64(target & _CHILD_MASK), np.int64(target >> _CHILD_BITS) - 1


@borrowing_jit
def _insert_all(code_points, ends, edges):
    """Insert every token; ``ends`` (int64) says where each one's code points end."""
    nodes = np.uint64(1)
    begin = 0
    for token in range(len(ends)):
        node = np.uint64(ROOT)
        slot = np.uint64(0)
        for i in range(begin, ends[token]):
            slot, key = _find(node, code_points[i], edges)
            if edges[slot, 0] == 0:
                edges[slot, 0] = key
                edges[slot, 1] = nodes
                nodes += _ONE
            node = edges[slot, 1] & _CHILD_MASK
        if ends[token] > begin:
            edges[slot, 1] |= np.uint64(token + 1) << _CHILD_BITS
        begin = ends[token]


@borrowing_jit
def _walk(code_points, edges):
    """The node that a sequence of code points leads to from the root, or NO_NODE."""
    node = np.int64(ROOT)
    for code_point in code_points:
        node, _ = follow(node, code_point, edges)
        if node == NO_NODE:
            break
    return node
