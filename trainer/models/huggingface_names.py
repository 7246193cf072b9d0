"""Names and layouts of Hugging Face's BertForPreTraining, to and from Google's."""

from __future__ import annotations

import re

import numpy as np

WORD_EMBEDDINGS = "bert/embeddings/word_embeddings"

# Google's name and Hugging Face's; kernels are transposed (torch keeps [out, in]).
_RULES = (
    (r"(bert/embeddings/\w+_embeddings)", r"\1/weight"),
    (r"(bert/embeddings/LayerNorm/.+)", r"\1"),
    (r"bert/encoder/layer_(\d+)/(.+)", r"bert/encoder/layer/\1/\2"),
    (r"(bert/pooler/dense/.+)", r"\1"),
    (r"(cls/predictions/transform/.+)", r"\1"),
    (r"cls/predictions/output_bias", r"cls/predictions/bias"),
    (r"cls/seq_relationship/output_weights", r"cls/seq_relationship/weight"),
    (r"cls/seq_relationship/output_bias", r"cls/seq_relationship/bias"),
)
_ENDINGS = (("/kernel", "/weight"), ("/LayerNorm/gamma", "/LayerNorm/weight"), ("/LayerNorm/beta", "/LayerNorm/bias"))


def name_of(variable: str) -> str:
    """Hugging Face's name of a variable.

    Raises:
        KeyError: for a name that is none of BERT's.
    """
    for pattern, replacement in _RULES:
        if re.fullmatch(pattern, variable):
            name = re.sub(pattern, replacement, variable)
            for ours, theirs in _ENDINGS:
                if name.endswith(ours):
                    name = name.removesuffix(ours) + theirs
            return name.replace("/", ".")
    raise KeyError(variable)


def convert(variable: str, array: np.ndarray) -> np.ndarray:
    """An array in the other side's layout; its own inverse."""
    return np.ascontiguousarray(array.T) if variable.endswith("/kernel") else array
