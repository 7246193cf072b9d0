"""An engine of a few lines of NumPy in place of TensorFlow or JAX: the training loop's files without the model's time.

The weights after an update depend on the weights before it, the batch and the learning rate, as those of a real model
do; so a run that loses or repeats an update ends with other bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trainer.engines import Scalars, Settings, host
from trainer.models.metrics import SUMS

Arrays = Mapping[str, np.ndarray]


def bert_shapes(config: Any, next_sentence: bool = True) -> dict[str, tuple[int, ...]]:
    """Shapes of BERT's variables, by Google's names."""
    hidden, inner = config.hidden_size, config.intermediate_size
    dense = {"kernel": (hidden, hidden), "bias": (hidden,)}
    norm = {"gamma": (hidden,), "beta": (hidden,)}
    shapes: dict[str, tuple[int, ...]] = {
        "bert/embeddings/word_embeddings": (config.vocab_size, hidden),
        "bert/embeddings/position_embeddings": (config.max_position_embeddings, hidden),
        "bert/embeddings/token_type_embeddings": (config.type_vocab_size, hidden),
        "cls/predictions/output_bias": (config.vocab_size,),
    }
    parts = {"bert/embeddings/LayerNorm": norm, "cls/predictions/transform/dense": dense}
    parts["cls/predictions/transform/LayerNorm"] = norm
    if next_sentence:
        parts["bert/pooler/dense"] = dense
        parts["cls/seq_relationship"] = {"output_weights": (2, hidden), "output_bias": (2,)}
    for number in range(config.num_hidden_layers):
        layer = f"bert/encoder/layer_{number}"
        for name in ("self/query", "self/key", "self/value", "output/dense"):
            parts[f"{layer}/attention/{name}"] = dense
        parts[f"{layer}/attention/output/LayerNorm"] = parts[f"{layer}/output/LayerNorm"] = norm
        parts[f"{layer}/intermediate/dense"] = {"kernel": (hidden, inner), "bias": (inner,)}
        parts[f"{layer}/output/dense"] = {"kernel": (inner, hidden), "bias": (hidden,)}
    return shapes | {f"{part}/{name}": shape for part, shapes_ in parts.items() for name, shape in shapes_.items()}


class ToyEngine:
    """Implements :class:`trainer.engines.Engine`: see there."""

    process, processes, replicas, device = 0, 1, 1, "toy"
    lost: tuple[type[Exception], ...] = ()

    def __init__(self, settings: Settings) -> None:
        self.shapes = bert_shapes(settings.config, settings.next_sentence)
        self._arrays = {name: np.zeros(shape, np.float32) for name, shape in self.shapes.items()}
        self._next_sentence = settings.next_sentence
        if settings.optimizer is not None:
            self._arrays |= {f"{name}/adam_m": np.zeros(shape, np.float32) for name, shape in self.shapes.items()}

    def assign(self, arrays: Arrays) -> None:
        """Set variables and slots."""
        self._arrays |= {name: np.array(array, np.float32) for name, array in arrays.items() if name in self._arrays}

    def reset_optimizer(self) -> None:
        """Set the slots to zero."""
        for name in self._arrays:
            if name not in self.shapes:
                self._arrays[name] = np.zeros_like(self._arrays[name])

    def arrays(self, into: dict[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
        """Variables and slots."""
        return host.copies(self._arrays.items(), into)

    def train(self, features: Arrays, scalars: Scalars) -> np.ndarray:
        """One update."""
        gradient = np.float32(float(features["input_ids"].sum() % 1009) / 1009 + scalars.update)
        for name in self.shapes:
            self._arrays[f"{name}/adam_m"] = self._arrays[f"{name}/adam_m"] * np.float32(0.5) + gradient
            self._arrays[name] = self._arrays[name] - np.float32(scalars.learning_rate) * self._arrays[f"{name}/adam_m"]
        flat = {name: values.reshape(-1, *values.shape[2:]) for name, values in features.items()}
        return np.append(self.evaluate(flat)[: len(SUMS)], gradient)

    def total(self, number: int) -> int:
        """The number itself: there is one process."""
        return number

    def evaluate(self, features: Arrays) -> np.ndarray:
        """Sums that depend on batch and weights."""
        examples = features["example_weights"].astype(np.float64)
        weight = float((features["masked_lm_weights"].sum(axis=1) * examples).sum())
        level = float(np.abs(self._arrays["cls/predictions/output_bias"]).mean()) % 1.0
        count = float(examples.sum())
        sums = [weight * (1 + level), weight * level, weight, count, count * level, count]
        return np.array([*sums, weight * level, weight, weight * level, weight])

    def predict(self, features: Arrays) -> tuple[np.ndarray, np.ndarray | None]:
        """Logits that depend on positions and weights."""
        positions = features["masked_lm_positions"]
        bias = self._arrays["cls/predictions/output_bias"]
        logits = (positions[..., None] % 7 * np.arange(len(bias)) % 11 + bias).astype(np.float32)
        relation = np.zeros((len(positions), 2), np.float32) if self._next_sentence else None
        return logits, relation
