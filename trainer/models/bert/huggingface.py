"""Names and layouts of Hugging Face's BertForPreTraining, to and from Google's."""

from __future__ import annotations

import re

import numpy as np

from trainer.models.bert import names

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
# The decoder of the masked-LM head has the word embeddings and the bias of the head; some files hold them twice.
TIED = {
    "cls.predictions.decoder.weight": "bert/embeddings/word_embeddings",
    "cls.predictions.decoder.bias": "cls/predictions/output_bias",
}
# What old versions saved besides the variables.
_CONSTANTS = re.compile(r"(bert\.)?embeddings\.(position_ids|token_type_ids)")
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
    second = [theirs for theirs, ours in TIED.items() if ours == variable]
    return list(dict.fromkeys([name, old, name.removeprefix("bert."), old.removeprefix("bert."), *second]))


def is_strange(name: str) -> bool:
    """Whether a name looks like BERT's, but is none of the variables that any BERT of ours has."""
    if not name.startswith(("bert.", "cls.", "embeddings.", "encoder.", "pooler.")):
        return False
    whole = name if name.startswith(("bert.", "cls.")) else f"bert.{name}"
    return not (name in TIED or _CONSTANTS.fullmatch(name) or names.is_known(_variable(whole)))


def _variable(name: str) -> str:
    """Google's name of what Hugging Face calls so; any text for other names."""
    path = name.replace(".", "/").replace("bert/encoder/layer/", "bert/encoder/layer_")
    for ours, theirs in (("/gamma", "LayerNorm/weight"), ("/beta", "LayerNorm/bias")):
        if path.endswith(theirs):
            return path.removesuffix(theirs) + f"LayerNorm{ours}"
    if path.startswith("cls/seq_relationship/"):
        return path.replace("/weight", "/output_weights").replace("/bias", "/output_bias")
    if path == "cls/predictions/bias":
        return "cls/predictions/output_bias"
    if path.endswith("_embeddings/weight"):
        return path.removesuffix("/weight")
    return path.removesuffix("/weight") + "/kernel" if path.endswith("/weight") else path


def convert(variable: str, array: np.ndarray) -> np.ndarray:
    """Convert an array between Google's layout and Hugging Face's; its own inverse."""
    return np.ascontiguousarray(array.T) if variable.endswith("/kernel") else array
