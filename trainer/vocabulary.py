"""vocab.txt: one token a line, the line's number is the token's id."""

from __future__ import annotations

from berth import storage
from berth.errors import BerthError

VOCABULARY = "vocab.txt"
MASK = "[MASK]"
PAD = "[PAD]"


def read_vocabulary(uri: str) -> list[str]:
    """The tokens in order of their ids.

    Raises:
        BerthError: if [MASK] is not among them.
    """
    tokens = [line.rstrip("\r") for line in storage.read_text(uri).split("\n")]
    if tokens and not tokens[-1]:
        tokens.pop()
    if MASK not in tokens:
        raise BerthError(
            "this is not a vocabulary for BERT", where=uri, found=f"{len(tokens)} lines, none of them {MASK}"
        )
    return tokens


def text(tokens: list[str]) -> str:
    """Word pieces joined to words: ``["un", "##able"]`` to ``"unable"``."""
    return " ".join(tokens).replace(" ##", "")
