"""A fine-tuned model as a TensorFlow SavedModel that takes raw text: serving it needs TensorFlow alone."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from berth.errors import BerthError
from berth.stage.output import Output
from trainer.checkpoints import safetensors
from trainer.engines import loading_tensorflow
from trainer.evaluation.model import read_description
from trainer.finetuning import CLASSIFIER

DIRECTORY = "savedmodel"


def save(output: Output, is_pair: bool, lower_case: bool, max_seq_length: int) -> None:
    """Write the SavedModel of the model in a stage's output, into `savedmodel/` there.

    The signature `serving_default` takes UTF-8 strings text [n] and, for pairs, text_b [n]. It returns probabilities
    float32 [n, labels] and label, the likeliest one, as a string [n]; a model of scores returns score float32 [n].

    Args:
        output: Has classifier.safetensors (with the labels; none for a score), bert_config.json and vocab.txt.
        is_pair: Whether the model takes pairs of texts.
        lower_case: Whether text is lower-cased.
        max_seq_length: Tokens of a text or pair; longer ones are cut.

    Raises:
        BerthError: if it cannot be written.
    """
    # TensorFlow numbers all functions of a process, and the numbers get into the file: only a process that does nothing
    # else writes the same bytes each time.
    options = json.dumps([output.uri, is_pair, lower_case, max_seq_length])
    # -P: packages in the current directory must not shadow ours.
    done = subprocess.run([sys.executable, "-P", "-m", __name__, options], capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise BerthError(
            "the SavedModel could not be written",
            where=output.path(DIRECTORY),
            found=lines[-1] if lines else f"exit status {done.returncode}",
        )


def _save(output: Output, is_pair: bool, lower_case: bool, max_seq_length: int) -> None:
    """Write the SavedModel, in a process of its own."""
    with loading_tensorflow():
        import tensorflow as tf

        from trainer.finetuning.engine import ClassifierEngine
        from trainer.finetuning.heads import head_of
        from trainer.serving.graph_tokenizer import GraphTokenizer
        from trainer.serving.savedmodel import write

        tf.config.set_visible_devices([], "GPU")  # the process that trains the model may hold all of its memory
    config, tokens = read_description(output.uri)
    arrays, state = safetensors.read(output.path(CLASSIFIER))
    head = head_of(state["labels"] if state is not None else ())
    engine = ClassifierEngine(config, head)
    engine.assign(arrays)
    tokenizer = GraphTokenizer(tokens, lower_case=lower_case)

    def serve(text: Any, text_b: Any = None) -> dict[str, Any]:
        features = tokenizer.encode(text, text_b, max_seq_length)
        longest = tf.maximum(tf.reduce_max(tf.reduce_sum(features["input_mask"], axis=1)), 1)  # of no texts: 1
        logits = engine.logits({name: values[:, :longest] for name, values in features.items()})
        return head.serve(logits)

    module = tf.Module()
    module.variables_by_name = dict(engine.variables)
    module.tokenizer = tokenizer
    module.serve = tf.function(serve, autograph=False)
    names = ("text", "text_b") if is_pair else ("text",)
    signature = {name: tf.TensorSpec([None], tf.string, name=name) for name in names}
    write(module, module.serve.get_concrete_function(**signature), output, DIRECTORY)


if __name__ == "__main__":
    uri, *rest = json.loads(sys.argv[1])
    _save(Output(uri), *rest)
