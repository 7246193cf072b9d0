"""A pre-trained model as a TensorFlow SavedModel whose signature takes token ids."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from berth import storage
from berth.formats.records import PRETRAINING_INPUTS
from berth.stage.output import Output
from trainer.engines import Settings, loading_tensorflow, quiet
from trainer.models import Configuration

# Contains a random number, and is not needed to load the model.
FINGERPRINT = "fingerprint.pb"


def save(arrays: dict[str, np.ndarray], config: Configuration, next_sentence: bool, output: Output) -> None:
    """Write the SavedModel into a stage's output.

    The signature `serving_default` takes int32 input_ids, input_mask, segment_ids [batch, length] and
    masked_lm_positions [batch, predictions]. It returns masked_lm_logits [batch, predictions, vocabulary] and
    next_sentence_logits [batch, 2] (with that head).

    Args:
        arrays: The variables by name.
        config: The model's configuration.
        next_sentence: Whether the model has the next-sentence head.
        output: The stage's output.
    """
    with loading_tensorflow():
        import tensorflow as tf

        from trainer.engines.tensorflow import TensorFlowEngine

    engine = TensorFlowEngine(Settings(config, next_sentence))
    engine.assign({name: arrays[name] for name in engine.shapes})

    def serve(**features: Any) -> dict[str, Any]:
        outputs = engine.model(*(features[name] for name in PRETRAINING_INPUTS))
        logits = {"masked_lm_logits": outputs.masked_lm_logits}
        if next_sentence:
            logits["next_sentence_logits"] = outputs.next_sentence_logits
        return logits

    module = tf.Module()
    module.variables_by_name = dict(engine.variables)
    module.serve = tf.function(serve, autograph=False)
    signature = {name: tf.TensorSpec([None, None], tf.int32, name=name) for name in PRETRAINING_INPUTS}
    write(module, module.serve.get_concrete_function(**signature), output)


def write(module: Any, signature: Any, output: Output, subdirectory: str = "") -> None:
    """Write a `tf.Module` with one signature as a SavedModel into a stage's output, or a subdirectory of it."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as directory, quiet():
        tf.saved_model.save(module, directory, signatures=signature)
        for path in sorted(Path(directory).rglob("*")):
            if path.is_file() and path.name != FINGERPRINT:
                name = str(Path(subdirectory) / path.relative_to(directory))
                with storage.atomic_write(output.path(name)) as file:
                    file.write(path.read_bytes())
