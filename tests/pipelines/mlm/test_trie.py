"""The trie of a vocabulary's pieces."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.mlm.trie import NO_NODE, NO_TOKEN, build_trie, follow


@settings(deadline=None)
@given(st.lists(st.text(max_size=6), unique=True, max_size=40))
def test_the_trie_holds_the_tokens_and_nothing_else(tokens):
    trie = build_trie(tokens)
    ids = {token: index for index, token in enumerate(tokens)}
    prefixes = {token[:end] for token in tokens for end in range(len(token) + 1)}
    for text in prefixes | {prefix + "x" for prefix in prefixes}:
        node, token = np.int64(0), NO_TOKEN
        for character in text:
            node, token = follow(node, np.int64(ord(character)), trie.edges)
            if node == NO_NODE:
                break
        assert (node != NO_NODE) == (text in prefixes)
        if text:
            assert token == ids.get(text, NO_TOKEN)
    assert (trie.continuation != NO_NODE) == ("##" in prefixes)
