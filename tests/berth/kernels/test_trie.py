"""The trie holds its tokens, and nothing else."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.kernels.trie import NO_NODE, NO_TOKEN, ROOT, build_trie, follow, node_of


@settings(deadline=None)
@given(st.lists(st.text(max_size=6), unique=True, max_size=40))
def test_the_trie_holds_the_tokens_and_nothing_else(tokens):
    edges = build_trie(tokens)
    ids = {token: index for index, token in enumerate(tokens)}
    prefixes = {token[:end] for token in tokens for end in range(len(token) + 1)} | {""}
    for text in prefixes | {prefix + "x" for prefix in prefixes}:
        node, token = np.int64(ROOT), NO_TOKEN
        for character in text:
            node, token = follow(node, np.int64(ord(character)), edges)
            if node == NO_NODE:
                break
        assert (node != NO_NODE) == (text in prefixes)
        assert node_of(edges, text) == node
        if text:
            assert token == ids.get(text, NO_TOKEN)


@settings(deadline=None)
@given(st.lists(st.text("ab", max_size=4), unique=True))
def test_each_prefix_has_a_node_of_its_own(tokens):
    edges = build_trie(tokens)
    prefixes = {token[:end] for token in tokens for end in range(len(token) + 1)} | {""}
    assert sorted(node_of(edges, prefix) for prefix in prefixes) == list(range(len(prefixes)))
