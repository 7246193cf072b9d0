"""Names and layouts of the TensorFlow Model Garden's object-based BERT checkpoints, to Google's TF1 names.

Supported are the layouts of `tf.train.Checkpoint` over the classes of tf-models-official (checked with 2.20.0):

- `BertEncoder` (functional): ``encoder/layer_with_weights-N/…``: 0 to 3 are the word, position and type embeddings and
  their normalisation, 4 and on the layers, the last one the pooler. As published for BERT, as ``encoder/…`` or
  ``model/…``;
- `BertEncoderV2`: ``encoder/_transformer_layers/N/…``, ``encoder/_embedding_layer/…`` and so on;
- either one inside a `BertPretrainerV2`, saved with its `checkpoint_items` or by the trainer alone
  (``model/encoder_network/…``): ``masked_lm/…`` with the word embeddings, ``next_sentence..pooler_dense/…``, and
  ``model/classification_heads/0/…``, the next-sentence head.

Attention kernels have the shape [hidden, heads, head size], that of the output projection [heads, head size, hidden];
biases [heads, head size]. Older versions call that projection ``_attention_output_dense``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"

# Where an encoder's embeddings are normalised, in either layout: what precedes is the path of the encoder itself.
_ENCODER = re.compile(r"(.+)/(?:layer_with_weights-3|_embedding_norm_layer)/gamma")
_FIRST_LAYER = 4  # layer_with_weights-4 is the first layer of a functional encoder

_EMBEDDINGS = {
    "layer_with_weights-0/embeddings": "word_embeddings",
    "layer_with_weights-1/embeddings": "position_embeddings",
    "layer_with_weights-2/embeddings": "token_type_embeddings",
    "layer_with_weights-3/gamma": "LayerNorm/gamma",
    "layer_with_weights-3/beta": "LayerNorm/beta",
    "_embedding_layer/embeddings": "word_embeddings",
    "_position_embedding_layer/embeddings": "position_embeddings",
    "_type_embedding_layer/embeddings": "token_type_embeddings",
    "_embedding_norm_layer/gamma": "LayerNorm/gamma",
    "_embedding_norm_layer/beta": "LayerNorm/beta",
}
_LAYER = re.compile(
    r"(?:layer_with_weights-([0-9]{1,9})|_transformer_layers/([0-9]{1,9}))/(_\w+(?:/_\w+)?)/(kernel|bias|gamma|beta)"
)
# The layers inside a transformer layer, and Google's name of each.
PARTS = {
    "_attention_layer/_query_dense": "attention/self/query",
    "_attention_layer/_key_dense": "attention/self/key",
    "_attention_layer/_value_dense": "attention/self/value",
    "_attention_layer/_output_dense": "attention/output/dense",
    "_attention_layer_norm": "attention/output/LayerNorm",
    "_intermediate_dense": "intermediate/dense",
    "_output_dense": "output/dense",
    "_output_layer_norm": "output/LayerNorm",
}
_READABLE = {**PARTS, "_attention_output_dense": "attention/output/dense"}  # with the older name
# How the names of variables end; what else is saved (counters, configurations) does not matter.
_VARIABLE = re.compile(r"/(kernel|bias|gamma|beta|embeddings|embedding_table|relative_attention_bias)$")
_POOLER = re.compile(r"(?:layer_with_weights-\d+|_pooler_layer)/(kernel|bias)")
_HEADS = (
    (re.compile(r"(?:model/)?masked_lm/embedding_table"), "bert/embeddings/word_embeddings"),
    (re.compile(r"(?:model/)?masked_lm/dense/(kernel|bias)"), r"cls/predictions/transform/dense/\1"),
    (re.compile(r"(?:model/)?masked_lm/layer_norm/(gamma|beta)"), r"cls/predictions/transform/LayerNorm/\1"),
    (re.compile(r"(?:model/)?masked_lm/output_bias\.Sbias"), "cls/predictions/output_bias"),
    (re.compile(r"next_sentence\.\.pooler_dense/(kernel|bias)"), r"bert/pooler/dense/\1"),
    (re.compile(r"model/classification_heads/0/dense/(kernel|bias)"), r"bert/pooler/dense/\1"),
    (re.compile(r"model/classification_heads/0/out_proj/kernel"), "cls/seq_relationship/output_weights"),
    (re.compile(r"model/classification_heads/0/out_proj/bias"), "cls/seq_relationship/output_bias"),
)


def keys_by_name(keys: Iterable[str]) -> dict[str, str]:
    """The checkpoint's key of each of BERT's variables, by Google's name; none where no encoder is found.

    Optimizer slots and counters are omitted. A next-sentence head has a pooler of its own, which is the one that was
    trained: it replaces the encoder's.
    """
    paths = sorted(key.removesuffix(SUFFIX) for key in keys if key.endswith(SUFFIX) and ".OPTIMIZER_SLOT" not in key)
    encoders = [match.group(1) for path in paths if (match := _ENCODER.fullmatch(path))]
    if not encoders:
        return {}
    encoder = min(encoders, key=len) + "/"
    inside = [path.removeprefix(encoder) for path in paths if path.startswith(encoder)]
    found = {name: encoder + path for path in inside if (name := _in_encoder(path))}
    for path in paths:
        for pattern, name in _HEADS:
            if match := pattern.fullmatch(path):
                found[match.expand(name)] = path
    return {name: path + SUFFIX for name, path in found.items()}


def strange(keys: Iterable[str]) -> list[str]:
    """Keys of variables inside the encoder that are none of BERT's, such as those of relative positions."""
    all_keys = list(keys)
    known = set(keys_by_name(all_keys).values())
    paths = [key.removesuffix(SUFFIX) for key in all_keys if key.endswith(SUFFIX) and ".OPTIMIZER_SLOT" not in key]
    encoders = [match.group(1) for path in paths if (match := _ENCODER.fullmatch(path))]
    encoder = min(encoders, key=len) + "/" if encoders else None
    return sorted(
        path + SUFFIX
        for path in paths
        if encoder is not None
        and path.startswith(encoder)
        and _VARIABLE.search(path)
        and path + SUFFIX not in known
        and not _in_encoder(path.removeprefix(encoder))
    )


def _in_encoder(path: str) -> str | None:
    """Google's name of a variable inside the encoder."""
    if path in _EMBEDDINGS:
        return f"bert/embeddings/{_EMBEDDINGS[path]}"
    if match := _POOLER.fullmatch(path):
        return f"bert/pooler/dense/{match.group(1)}"
    match = _LAYER.fullmatch(path)
    if match is None or match.group(3) not in _READABLE:
        return None
    index = int(match.group(2)) if match.group(1) is None else int(match.group(1)) - _FIRST_LAYER
    return f"bert/encoder/layer_{index}/{_READABLE[match.group(3)]}/{match.group(4)}"


def convert(variable: str, array: np.ndarray) -> np.ndarray:
    """An array of the checkpoint in Google's layout.

    Args:
        variable: Google's name.
        array: As the checkpoint has it.
    """
    if variable == "cls/seq_relationship/output_weights":
        return np.ascontiguousarray(array.T)
    if "/attention/self/" in variable:
        return array.reshape(-1) if variable.endswith("/bias") else array.reshape(array.shape[0], -1)
    if variable.endswith("/attention/output/dense/kernel"):
        return array.reshape(-1, array.shape[-1])
    return array
