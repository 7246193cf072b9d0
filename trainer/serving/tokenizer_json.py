"""BERT's tokenizer as a tokenizer.json, for models whose tokenizer in transformers reads no vocab.txt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from berth.formats.vocabulary import MASK

SPECIAL = {"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": MASK}
LONGEST_WORD = 200  # characters, as in FullTokenizer of google-research/bert; longer words are unknown


def settings() -> dict[str, Any]:
    """What tokenizer_config.json has besides: the class, its special tokens, and that the model takes no segments."""
    return {
        **SPECIAL,
        "model_input_names": ["input_ids", "attention_mask"],
        "tokenizer_class": "PreTrainedTokenizerFast",
    }


def content(tokens: Sequence[str], lower_case: bool) -> dict[str, Any]:
    """Content of tokenizer.json.

    Args:
        tokens: The vocabulary by id.
        lower_case: Whether words are lower-cased, and lose their accents.
    """
    ids = {token: number for number, token in enumerate(tokens)}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    special = sorted((ids[token], token) for token in SPECIAL.values() if token in ids)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": number, "content": token, **flags} for number, token in special],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": lower_case,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [_token("[CLS]", 0), _sequence("A", 0), _token("[SEP]", 0)],
            "pair": [
                *(_token("[CLS]", 0), _sequence("A", 0), _token("[SEP]", 0)),
                *(_sequence("B", 1), _token("[SEP]", 1)),
            ],
            "special_tokens": {
                token: {"id": token, "ids": [ids[token]], "tokens": [token]} for token in ("[CLS]", "[SEP]")
            },
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": SPECIAL["unk_token"],
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": LONGEST_WORD,
            "vocab": ids,
        },
    }


def _token(token: str, segment: int) -> dict[str, Any]:
    return {"SpecialToken": {"id": token, "type_id": segment}}


def _sequence(name: str, segment: int) -> dict[str, Any]:
    return {"Sequence": {"id": name, "type_id": segment}}
