"""Contexts and stored decisions, against plain twins."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.sentences.lines import Lines
from pipelines.sentences.punkt_kernels import (
    CLOSING,
    CLOSING_CHARACTERS,
    END,
    NO_WORD,
    NO_WORD_CHARACTERS,
    NONE,
    Characters,
    class_of,
    empty_contexts,
    find_contexts,
    look_up,
    remember,
    write_sentences,
)

ENDS = (".", "?", "!", "؟")
CHARACTERS = Characters(ENDS)
texts = st.lists(st.sampled_from(["a", "B", " ", ".", "?", "؟", ")", '"', "é", "“", "-"]), max_size=30).map("".join)


def lines_of(text):
    return Lines.of_texts([text])


def contexts_of(lines):
    found = empty_contexts(len(lines.text) + 1)
    return found[: find_contexts(lines.text, CHARACTERS.leads, CHARACTERS.classes, found)]


def test_classes_of_characters():
    for character in {*"aé漢\u2014", *ENDS, *NO_WORD_CHARACTERS, *CLOSING_CHARACTERS}:
        text = np.frombuffer(character.encode(), np.uint8)
        bits, length = class_of(text, 0, CHARACTERS.leads, CHARACTERS.classes)
        assert bool(bits & END) == (character in ENDS)
        assert bool(bits & NO_WORD) == (character in NO_WORD_CHARACTERS or character in ENDS[1:])
        assert bool(bits & CLOSING) == (character in CLOSING_CHARACTERS)
        assert not bits or length == len(character.encode())


@settings(deadline=None)
@given(texts)
def test_each_context_is_a_word_with_an_end_and_what_follows(text):
    lines = lines_of(text)
    for word, end, stop, following in contexts_of(lines).tolist():
        context = lines.text[word:stop].tobytes().decode()
        before = lines.text[word:end].tobytes().decode()
        assert before.endswith(ENDS)
        assert " " not in before
        after = context[len(before) :]
        if following == NONE:
            assert re.fullmatch(r"\S", after)
        else:
            assert following == end + 1
            assert re.fullmatch(r" \S+", after)


@settings(deadline=None)
@given(st.lists(texts.filter(bool), unique=True, max_size=20), texts)
def test_stored_decisions_are_found(stored, text):
    keys = [key.encode() for key in stored]
    bounds = np.cumsum([0, *map(len, keys)]).astype(np.int64)
    slots, hashes = np.full(64, NONE, np.int32), np.empty(len(keys), np.uint64)
    pool = np.frombuffer(b"".join(keys), np.uint8).copy()
    values = np.array([index % 2 for index in range(len(keys))], np.uint8)
    remember(slots, hashes, bounds, pool, 0, len(keys))
    pieces = [*keys, text.encode(), b"other"]
    contexts = np.zeros((len(pieces), 4), np.int64)
    contexts[:, 0] = np.cumsum([0, *map(len, pieces[:-1])])
    contexts[:, 2] = np.cumsum(list(map(len, pieces)))
    decisions = np.empty(len(pieces), np.uint8)
    look_up(np.frombuffer(b"".join(pieces), np.uint8).copy(), contexts, slots, hashes, bounds, pool, values, decisions)
    assert decisions.tolist() == [keys.index(piece) % 2 if piece in keys else 2 for piece in pieces]


@settings(deadline=None)
@given(texts, st.booleans())
def test_no_character_but_spaces_is_lost(text, ends):
    lines = lines_of(text)
    contexts = contexts_of(lines)
    out, offsets = np.empty(len(lines.text) + len(contexts) + 1, np.uint8), np.zeros(2, np.int64)
    sentences, decisions = np.zeros(1, np.int64), np.full(len(contexts), ends, np.uint8)
    tables = (CHARACTERS.leads, CHARACTERS.classes)
    write_sentences(lines.text, lines.offsets, *tables, contexts, decisions, out, offsets, sentences)
    written = out[: offsets[1]].tobytes().decode()
    assert written.replace("\n", "").replace(" ", "") == text.replace(" ", "")
    assert written.count("\n") == sentences[0]
    if not ends:
        assert written == lines.text.tobytes().decode()
