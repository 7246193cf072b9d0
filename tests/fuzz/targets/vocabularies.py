"""Vocabularies, and the texts that are tokenized with them."""

from __future__ import annotations

from berth.errors import BerthError
from berth.formats.vocabulary import MASK, Vocabulary, read_tokens
from fuzz.target import choice, parts, write
from pipelines.mlm.tokenizer import Tokenizer
from trainer.checkpoints.resize import rows_by_token
from trainer.serving import tokenizer_json

REFUSALS = (BerthError,)


def fuzz(data: bytes) -> None:
    """The case; then a vocab.txt and, after a line `%%`, a text."""
    number, content = choice(data)
    lines, text = parts(content, 2)
    uri = write("vocab.txt", lines)
    tokens = read_tokens(uri, [MASK])
    rows_by_token(tokens, ["a", MASK], uri)
    vocabulary = Vocabulary.read(uri)
    assert list(vocabulary.tokens) == tokens
    tokenizer_json.content(tokens, lower_case=number % 2 == 1)
    encoded = Tokenizer(vocabulary, lower_case=number % 2 == 1).encode(text)
    assert (encoded.ids < len(vocabulary)).all()
