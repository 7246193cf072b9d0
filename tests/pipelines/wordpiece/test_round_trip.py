"""Every text over the training alphabet comes back from the tokenizer: no [UNK], and its words from its tokens."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.formats.vocabulary import Vocabulary
from berth.recipe import Vocabulary as Options
from berth.text.words import split_words
from pipelines.mlm.tokenizer import Tokenizer
from pipelines.wordpiece.learning import learn
from pipelines.wordpiece.word_counts import count_words

KINDS = {
    "wordpiece": {"kind": "wordpiece"},
    "unigram": {"kind": "sentencepiece", "pieces": "unigram"},
    "bpe": {"kind": "sentencepiece", "pieces": "bpe"},
}
# Letters with and without accents in both cases, both small sigmas, a combining mark, ideographs, a syllable block
# that falls apart into letters, signs, digits, and what separates words.
TRAINING = (
    "The quick brown fox jumps over the lazy dog; the dogs' jumping quickly, over and over. Éclair éclair à a\u0300\n"
    "ΣΟΦΟΣ σοφος σας مرحبا بالعالم 漢字 漢 한국 \u1112\u1161\u11ab 1984 [CLS] ##ing $5 — “x” ab\u00a0cd\u2009ef\n"
) * 3
TEXTS = st.text(sorted(set(TRAINING)), max_size=60) | st.lists(st.sampled_from(TRAINING.split())).map(" ".join)


@functools.cache
def tokenizer(kind: str, lower_case: bool) -> Tokenizer:
    words = count_words(TRAINING, lower_case=lower_case)
    return Tokenizer(Vocabulary(tuple(learn(words, Options(**KINDS[kind]), 400))), lower_case)


@pytest.mark.parametrize("lower_case", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@given(text=TEXTS)
@settings(deadline=None)  # the first text pays for compiling
def test_words_come_back_from_tokens(kind, lower_case, text):
    made = tokenizer(kind, lower_case)
    tokens = [made.vocabulary.tokens[number] for number in made.encode(text.encode()).ids]
    assert "[UNK]" not in tokens
    words: list[str] = []
    for token in tokens:
        if token.startswith("##"):
            words[-1] += token.removeprefix("##")
        else:
            words.append(token)
    assert words == split_words(text, lower_case=lower_case)
