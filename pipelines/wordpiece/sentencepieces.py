"""A vocabulary by SentencePiece, written as BERT's: a word's first piece plain, the others with "##"."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Literal

import sentencepiece

from berth.errors import BerthError
from berth.formats.vocabulary import CONTINUATION

WORD_START = "\u2581"
# SentencePiece also counts its own three special pieces, and characters that the vocabulary already holds.
EXTRA_PIECES = 64


def first_pieces(
    words: Mapping[str, int], alphabet: Iterable[str], wanted: int, kind: Literal["unigram", "bpe"]
) -> list[str]:
    """The first ``wanted`` pieces of several characters; fewer if the words give no more.

    Args:
        words: Word → count.
        alphabet: Words with other characters are omitted.
        wanted: Number of pieces.
        kind: The model: a unigram's most probable pieces (Kudo 2018), or those that byte-pair encoding merges first
            (Sennrich et al. 2016).
    """
    known = set(alphabet)
    rows = [f"{word}\t{count}" for word, count in sorted(words.items()) if known.issuperset(word)]
    if not rows:
        return []
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(rows),
            input_format="tsv",
            model_writer=model,
            model_type=kind,
            vocab_size=wanted + 2 * len(known) + EXTRA_PIECES,
            hard_vocab_limit=False,
            character_coverage=1.0,
            normalization_rule_name="identity",
            split_by_unicode_script=False,
            split_by_number=False,
            max_sentencepiece_length=32,
            num_threads=1,  # more would add up probabilities in another order
            minloglevel=2,
        )
    except RuntimeError as error:
        raise BerthError(
            "SentencePiece cannot learn from this text", found=str(error).strip().split("\n")[-1]
        ) from error
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    pieces: list[str] = []
    for number in range(processor.get_piece_size()):
        piece = processor.id_to_piece(number)
        if processor.is_control(number) or processor.is_unknown(number):
            continue
        text = piece.removeprefix(WORD_START) if piece.startswith(WORD_START) else CONTINUATION + piece
        if len(text.removeprefix(CONTINUATION)) > 1 and len(pieces) < wanted:
            pieces.append(text)
    return pieces
