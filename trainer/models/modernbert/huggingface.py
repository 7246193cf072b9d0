"""Names and layouts of Hugging Face's ModernBertForMaskedLM, to and from ours."""

from __future__ import annotations

import re

import numpy as np

# Our name and Hugging Face's; kernels are transposed (torch keeps [out, in]).
_RULES = (
    (r"modernbert/embeddings/word_embeddings", r"model.embeddings.tok_embeddings.weight"),
    (r"modernbert/embeddings/LayerNorm/gamma", r"model.embeddings.norm.weight"),
    (r"modernbert/layer_(\d+)/attention/LayerNorm/gamma", r"model.layers.\1.attn_norm.weight"),
    (r"modernbert/layer_(\d+)/attention/qkv/kernel", r"model.layers.\1.attn.Wqkv.weight"),
    (r"modernbert/layer_(\d+)/attention/output/kernel", r"model.layers.\1.attn.Wo.weight"),
    (r"modernbert/layer_(\d+)/mlp/LayerNorm/gamma", r"model.layers.\1.mlp_norm.weight"),
    (r"modernbert/layer_(\d+)/mlp/input/kernel", r"model.layers.\1.mlp.Wi.weight"),
    (r"modernbert/layer_(\d+)/mlp/output/kernel", r"model.layers.\1.mlp.Wo.weight"),
    (r"modernbert/LayerNorm/gamma", r"model.final_norm.weight"),
    (r"modernbert/transform/dense/kernel", r"head.dense.weight"),
    (r"modernbert/transform/LayerNorm/gamma", r"head.norm.weight"),
    (r"cls/output_weights", r"decoder.weight"),
    (r"cls/output_bias", r"decoder.bias"),
)


def name_of(variable: str) -> str:
    """Hugging Face's name of a variable.

    Raises:
        KeyError: for a name that is not one of ModernBERT's.
    """
    for pattern, replacement in _RULES:
        if match := re.fullmatch(pattern, variable):
            return match.expand(replacement)
    raise KeyError(variable)


def candidates(variable: str) -> list[str]:
    """All names that Hugging Face may have for a variable: encoder-only exports have no ``model.`` prefix."""
    name = name_of(variable)
    return list(dict.fromkeys([name, name.removeprefix("model.")]))


def convert(variable: str, array: np.ndarray) -> np.ndarray:
    """Convert an array between our layout and Hugging Face's; its own inverse."""
    return np.ascontiguousarray(array.T) if variable.endswith("/kernel") else array


def _is_strange(name: str, prefixes: tuple[str, ...], known: list[str]) -> bool:
    return name.startswith(prefixes) and not any(re.fullmatch(pattern, name) for pattern in known)


def is_strange(name: str) -> bool:
    """Whether a name of theirs looks like ModernBERT's, but is none of the variables that ours has."""
    known = [theirs.replace(".", r"\.").replace(r"\1", r"\d+") for _, theirs in _RULES]
    return _is_strange(name, ("model.", "head.", "decoder."), known)


def is_strange_here(name: str) -> bool:
    """Whether a name of ours is none of ModernBERT's variables, nor of an optimizer's slot for one."""
    known = [f"{ours}(/\\w+)?" for ours, _ in _RULES]
    return _is_strange(name, ("modernbert/", "cls/"), known)
