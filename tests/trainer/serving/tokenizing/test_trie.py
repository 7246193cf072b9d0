"""The trie finds every piece of a vocabulary, and nothing else; as does the kernels' trie."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.kernels import trie as kernel
from berth.kernels.trie import CODE_POINT_BITS, NO_NODE, NO_TOKEN, ROOT
from trainer.serving.tokenizing.trie import build_trie


def find(trie, text, node=ROOT):
    """The node that a text leads to from a node, or NO_NODE."""
    for character in text:
        place = np.flatnonzero(trie.edges == (node << CODE_POINT_BITS) + ord(character))
        if not len(place):
            return NO_NODE
        node = int(place[0]) + 1
    return node


texts = st.text("ab#é\U0010ffff", max_size=5)
vocabularies = st.lists(texts, unique=True).map(lambda entries: ["[UNK]", *entries])


@given(vocabularies, st.lists(texts))
def test_pieces_are_found_by_their_characters(entries, others):
    trie = build_trie(entries)
    assert np.all(np.diff(trie.edges) > 0)
    assert len(trie.tokens) == len(trie.edges) + 1
    for text in filter(None, [*entries, *others]):
        node = find(trie, text)
        token = NO_TOKEN if node == NO_NODE else trie.tokens[node]
        assert token == (entries.index(text) if text in entries else NO_TOKEN)


@given(vocabularies)
def test_pieces_inside_a_word_stand_below_one_node(entries):
    trie = build_trie(entries)
    assert trie.continuation == find(trie, "##")
    for text in (entry.removeprefix("##") for entry in entries if entry.startswith("##")):
        assert trie.tokens[find(trie, text, trie.continuation)] == entries.index("##" + text)


@settings(deadline=None)
@given(vocabularies, st.lists(texts))
def test_the_kernels_trie_finds_the_same(entries, others):
    trie, edges = build_trie(entries), kernel.build_trie(entries)
    assert (trie.continuation == NO_NODE) == (kernel.node_of(edges, "##") == NO_NODE)
    for text in filter(None, [*entries, *others]):
        node, token = np.int64(ROOT), np.int64(NO_TOKEN)
        for character in text:
            node, token = kernel.follow(node, np.int64(ord(character)), edges) if node != NO_NODE else (node, token)
        found = find(trie, text)
        assert (found == NO_NODE) == (node == NO_NODE)
        assert (trie.tokens[found] if found != NO_NODE else NO_TOKEN) == token
