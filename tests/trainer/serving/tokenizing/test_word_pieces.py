"""WordPiece: the longest piece that fits, again and again, and [UNK] for a word of which some part is no piece."""

import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainer.serving.tokenizing.basic_tokenizer import Words
from trainer.serving.tokenizing.word_pieces import MAX_WORD, WordPieces

UNKNOWN = 0


def pieces_of(word, entries):
    """The algorithm of google-research/bert's WordpieceTokenizer, on one word."""
    ids, begin = [], 0
    while begin < len(word) <= MAX_WORD:
        pieces = [("##" if begin else "") + word[begin:end] for end in range(len(word), begin, -1)]
        longest = next((piece for piece in pieces if piece in entries), None)
        if longest is None:
            return [UNKNOWN]
        ids.append(entries.index(longest))
        begin += len(longest.removeprefix("##") if begin else longest)
    return ids or [UNKNOWN]


words = st.text("abcé", min_size=1, max_size=12)


@settings(max_examples=40)
@given(
    st.lists(words | words.map("##".__add__), unique=True, max_size=12).map(lambda pieces: ["[UNK]", *pieces]),
    st.lists(words, max_size=5),
)
@example(["[UNK]", "a", "##b", "abc", "##bcé"], ["abcé", "abc", "ab", "aab"]).via("a longer piece that leads nowhere")
@example(["[UNK]", "a", "##a"], ["a" * MAX_WORD, "a" * (MAX_WORD + 1), "a"])
@example(["[UNK]", "a"], ["aa", "a"]).via("no piece is inside a word")
@example(["[UNK]", "#", "##"], ["#"]).via("a piece of nothing")
def test_pieces_are_the_longest_that_fit(entries, texts):
    code_points = tf.constant([ord(character) for word in texts for character in word], tf.int64)
    begins = tf.constant([place == 0 for word in texts for place in range(len(word))], tf.bool)
    rows = tf.constant([row for row, word in enumerate(texts) for _ in word], tf.int64)
    ids, rows = WordPieces(entries, UNKNOWN)(Words(code_points, begins, rows))
    expected = [pieces_of(word, entries) for word in texts]
    assert tf.RaggedTensor.from_value_rowids(ids, rows, len(texts)).to_list() == expected
