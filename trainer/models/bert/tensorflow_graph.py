"""BERT as the object graph of a TensorFlow Model Garden checkpoint: what `tensorflow_names` reads, written.

The graph is that of ``Checkpoint(model=pretrainer, **pretrainer.checkpoint_items)`` of a `BertPretrainerV2` whose
classification head is called ``next_sentence``. Its encoder can be loaded as `BertEncoderV2` and as the functional
`BertEncoder`, each layer having the names of both, and also as the ``model`` of the first BERT checkpoints in TF2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from trainer.models.bert.tensorflow_names import PARTS

# Google's names in the order of layer_with_weights-N, with the encoder's attribute for each.
_EMBEDDINGS = {
    "_embedding_layer": {"embeddings": "bert/embeddings/word_embeddings"},
    "_position_embedding_layer": {"embeddings": "bert/embeddings/position_embeddings"},
    "_type_embedding_layer": {"embeddings": "bert/embeddings/token_type_embeddings"},
    "_embedding_norm_layer": {
        "gamma": "bert/embeddings/LayerNorm/gamma",
        "beta": "bert/embeddings/LayerNorm/beta",
    },
}
_OUTPUT_BIAS = "cls/predictions/output_bias"
_NEXT_SENTENCE = "cls/seq_relationship/output_weights"
_KINDS = ("kernel", "bias", "gamma", "beta")


def graph(arrays: Mapping[str, np.ndarray], heads: int) -> dict[str, Any]:
    """The checkpoint's objects: dictionaries and lists of the children, arrays as the variables.

    An object that is reached by several paths is the same Python object at each. Heads and pooler that ``arrays`` lacks
    are left out.

    Args:
        arrays: The variables by Google's names.
        heads: Attention heads of each layer.
    """
    encoder = _encoder(arrays, heads)
    root: dict[str, Any] = {"encoder": encoder, "model": {**encoder, "encoder_network": encoder}}
    if _OUTPUT_BIAS in arrays:
        root["masked_lm"] = {
            "dense": _children(arrays, "cls/predictions/transform/dense"),
            "layer_norm": _children(arrays, "cls/predictions/transform/LayerNorm"),
            "embedding_table": encoder["_embedding_layer"]["embeddings"],
            "output_bias/bias": arrays[_OUTPUT_BIAS],
        }
        root["model"]["masked_lm"] = root["masked_lm"]
    if _NEXT_SENTENCE in arrays:
        # The Model Garden has two poolers, the encoder's and the head's: one each, or a loader takes only the first.
        pooler = {kind: array.copy() for kind, array in _children(arrays, "bert/pooler/dense").items()}
        root["next_sentence.pooler_dense"] = pooler
        projection = {"kernel": arrays[_NEXT_SENTENCE].T, "bias": arrays["cls/seq_relationship/output_bias"]}
        root["model"]["classification_heads"] = [{"dense": pooler, "out_proj": projection}]
    return root


def _encoder(arrays: Mapping[str, np.ndarray], heads: int) -> dict[str, Any]:
    embeddings = {
        layer: {child: arrays[name] for child, name in children.items()} for layer, children in _EMBEDDINGS.items()
    }
    layers = [_layer(arrays, f"bert/encoder/layer_{index}", heads) for index in range(_count(arrays))]
    in_order = [*embeddings.values(), *layers]
    encoder: dict[str, Any] = {**embeddings, "_transformer_layers": layers}
    if pooler := _children(arrays, "bert/pooler/dense"):
        encoder["_pooler_layer"] = pooler
        in_order.append(pooler)
    return {**encoder, **{f"layer_with_weights-{number}": layer for number, layer in enumerate(in_order)}}


def _count(names: Iterable[str]) -> int:
    """Layers of the encoder."""
    prefix = "bert/encoder/layer_"
    return len({name.removeprefix(prefix).split("/")[0] for name in names if name.startswith(prefix)})


def _layer(arrays: Mapping[str, np.ndarray], prefix: str, heads: int) -> dict[str, Any]:
    layer: dict[str, Any] = {}
    for path, ours in PARTS.items():
        *parents, last = path.split("/")
        place = layer
        for parent in parents:
            place = place.setdefault(parent, {})
        name = f"{prefix}/{ours}"
        place[last] = {kind: _divided(ours, kind, array, heads) for kind, array in _children(arrays, name).items()}
    return layer


def _divided(part: str, kind: str, array: np.ndarray, heads: int) -> np.ndarray:
    """An attention variable with an axis for the heads, as an einsum over them has it; the inverse of `convert`."""
    if part.startswith("attention/self/"):
        return array.reshape(*array.shape[:-1], heads, -1)
    if part == "attention/output/dense" and kind == "kernel":
        return array.reshape(heads, -1, array.shape[-1])
    return array


def _children(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The variables of one layer, by the last part of their names."""
    return {kind: arrays[name] for kind in _KINDS if (name := f"{prefix}/{kind}") in arrays}
