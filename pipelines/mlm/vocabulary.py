"""A WordPiece vocabulary: reading and checking vocab.txt, kinds of tokens, and the trie of its pieces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from berth import storage
from berth.errors import BerthError
from berth.kernels import jit

PAD, UNKNOWN, CLASSIFIER, SEPARATOR, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
REQUIRED = (PAD, UNKNOWN, CLASSIFIER, SEPARATOR, MASK)
CONTINUATION = "##"
MAX_TOKENS = 1 << 21  # ids take at most three bytes as varints
# [PAD], [unused7] and the like: the tokenizer splits at brackets, so no text ever gives such a token.
_BRACKETED = re.compile(r"\[\w+\]")

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


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of a vocabulary; a token's id is its place.

    Raises:
        BerthError: if a token stands twice, a special token is missing, there is no other, or there are too many.
    """

    tokens: tuple[str, ...]
    origin: str = "vocabulary"

    @classmethod
    def read(cls, uri: str) -> Vocabulary:
        """Read a vocab.txt: one token a line, white space around it ignored.

        Raises:
            BerthError: if the file is missing, is not UTF-8 or is not a usable vocabulary.
        """
        return cls(tuple(parse_lines(storage.read_text(uri))), uri)

    def __post_init__(self) -> None:
        first: dict[str, int] = {}
        for line, token in enumerate(self.tokens, start=1):
            if token in first:
                raise BerthError(
                    f"the token {token!r} stands twice in the vocabulary",
                    where=f"{self.origin}, line {line}",
                    found=f"the same token in line {first[token]}",
                    fix="Remove one of them: a token needs one id.",
                )
            first[token] = line
        if missing := [token for token in REQUIRED if token not in first]:
            raise BerthError(
                f"the vocabulary lacks {', '.join(missing)}",
                where=self.origin,
                found=f"{len(self.tokens)} tokens",
                expected=f"one token a line, among them {', '.join(REQUIRED)}",
                fix="Name a BERT vocabulary (vocab.txt).",
            )
        if not len(self.words) or len(self.tokens) >= MAX_TOKENS:
            raise BerthError(
                "the vocabulary has no word" if not len(self.words) else "the vocabulary is too large",
                where=self.origin,
                found=f"{len(self.tokens):,} tokens",
                expected=f"words besides the special tokens, and less than {MAX_TOKENS:,} tokens",
            )

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def ids(self) -> dict[str, int]:
        """Id by token."""
        return {token: index for index, token in enumerate(self.tokens)}

    @property
    def id_type(self) -> type[np.unsignedinteger]:
        """The smallest type that holds every id: two bytes for all but multilingual vocabularies."""
        return np.uint16 if len(self.tokens) <= 1 << 16 else np.uint32

    @cached_property
    def is_continuation(self) -> NDArray[np.bool_]:
        """By id: whether the token begins with ``##``, so that it continues a word."""
        return np.array([token.startswith(CONTINUATION) for token in self.tokens], np.bool_)

    @cached_property
    def words(self) -> NDArray[np.int64]:
        """Ids of the tokens that text can give: all but special and unused ones, which stand in brackets."""
        real = [index for index, token in enumerate(self.tokens) if token and not _BRACKETED.fullmatch(token)]
        return np.array(real, np.int64)


def parse_lines(text: str) -> list[str]:
    """The lines of a vocab.txt as the reference reads them: split at line feeds only, each stripped."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.strip() for line in lines]


def build_trie(tokens: Sequence[str]) -> Trie:
    """The trie of ``tokens``, whose ids are their places."""
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
