"""Names and layouts of Hugging Face's BertForPreTraining, to and from Google's."""

from __future__ import annotations

import re

import numpy as np

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
        KeyError: for a name that is not one of BERT's.
    """
    for pattern, replacement in _RULES:
        if re.fullmatch(pattern, variable):
            name = re.sub(pattern, replacement, variable)
            for ours, theirs in _ENDINGS:
                if name.endswith(ours):
                    name = name.removesuffix(ours) + theirs
            return name.replace("/", ".")
    raise KeyError(variable)


def candidates(variable: str) -> list[str]:
    """All names that Hugging Face may have for a variable.

    Encoder-only exports have no `bert.` prefix; old ones call LayerNorm's scale and offset gamma and beta.
    """
    name = name_of(variable)
    old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    return list(dict.fromkeys([name, old, name.removeprefix("bert."), old.removeprefix("bert.")]))


def convert(variable: str, array: np.ndarray) -> np.ndarray:
    """Convert an array between Google's layout and Hugging Face's; its own inverse."""
    return np.ascontiguousarray(array.T) if variable.endswith("/kernel") else array
