"""The stage `export`: a model for other libraries, as a SavedModel, a TensorFlow checkpoint, or its encoder alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from berth import storage
from berth.errors import UsageError
from berth.formats.results import read_lower_case
from berth.formats.vocabulary import VOCABULARY, read_tokens
from berth.stage import Destination, Result, Stage, run
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from trainer import models
from trainer.checkpoints import checkpoint, encoder, huggingface, tensorflow
from trainer.checkpoints.contents import CheckpointContents
from trainer.models import Configuration
from trainer.serving import tokenizer_json

VERSION = 2
# What is written from checkpoints of other programs too.
CONVERSIONS = ("tf1", "tf2")


def export(
    *,
    model: Inputs,
    format: Literal["huggingface", "savedmodel", "encoder", "tf1", "tf2"] | str = "huggingface",
    destination: Destination,
) -> Result:
    """Export the newest checkpoint of a training run.

    Args:
        model: Files of the stage `train`, or one of its checkpoints.
        format: ``huggingface`` makes a directory that `transformers` loads as BertForPreTraining (BertForMaskedLM
            without a next-sentence head) or ModernBertForMaskedLM; ``savedmodel`` one whose signature takes token ids;
            ``encoder`` the encoder alone, for a training run to start from: encoder.safetensors (our names, which for
            BERT are Google's; float32, no heads, no optimizer; the pooler only of a model with a next-sentence head,
            which trains it), bert_config.json, vocab.txt and tokenizer_config.json; ``tf1`` a checkpoint for
            google-research/bert, and ``tf2`` one for the TensorFlow Model Garden: bert_model.ckpt.*, without optimizer
            slots, bert_config.json and vocab.txt.
        destination: Where the output goes.

    Raises:
        UsageError: for another format.
        BerthError: if there is no checkpoint, or it is damaged.
    """
    if format not in _WRITERS:
        raise UsageError(
            "there is no such export format", where="--format", found=format, expected=" or ".join(_WRITERS)
        )
    uri = checkpoint.newest(model).uri
    stage = Stage("export", VERSION, {"format": format}, {"model": checkpoint.with_description(uri)})
    return run(stage, destination, lambda output: _WRITERS[format](uri, output))


def export_other(*, uri: str, format: str, destination: Destination) -> Result:
    """Write a checkpoint that Berth's trainer did not write as a TensorFlow checkpoint.

    Args:
        uri: Any format that :meth:`trainer.checkpoints.checkpoint.Checkpoint.find` knows, with bert_config.json (or
            config.json) and vocab.txt next to it.
        format: ``tf1`` or ``tf2``, as for :func:`export`.
        destination: Where the output goes.

    Raises:
        UsageError: for another format.
        BerthError: if there is no checkpoint, it lacks its description, or it is not one of the model described.
    """
    from trainer.evaluation.model import description_files

    source = checkpoint.Checkpoint.find(uri)
    if format not in CONVERSIONS:
        raise UsageError(
            "a checkpoint of another program is only converted to a TensorFlow checkpoint",
            where="--format",
            found=f"{format}, and a checkpoint of the kind {source.kind!r}",
            expected=" or ".join(CONVERSIONS),
        )
    files = {file.uri for file in source.files.files} | set(description_files(uri))
    stage = Stage("export", VERSION, {"format": format}, {"model": Inputs.at(*sorted(files))})
    return run(stage, destination, lambda output: _WRITERS[format](uri, output))


def _write_huggingface(uri: str, output: Output) -> None:
    from trainer.evaluation.model import read_model

    arrays, config, _, next_sentence = read_model(uri)
    huggingface.write(output, arrays, config, models.get(config.architecture), next_sentence)
    _write_tokenizer(uri, config, output)


def _write_encoder(uri: str, output: Output) -> None:
    from trainer.evaluation.model import read_model

    arrays, config, _, next_sentence = read_model(uri)
    architecture = models.get(config.architecture)
    encoder.write(output, arrays, config, architecture, next_sentence, checkpoint.step_of(uri))
    _write_tokenizer(uri, config, output)


def _write_tokenizer(uri: str, config: models.Configuration, output: Output) -> None:
    """The vocabulary, and Hugging Face's settings of the tokenizer."""
    directory = storage.parent(uri)
    lower_case = read_lower_case(directory)
    settings = {
        "do_lower_case": lower_case,
        "model_max_length": config.max_position_embeddings,
        "strip_accents": None,
        "tokenize_chinese_chars": True,
        "tokenizer_class": "BertTokenizer",
    }
    if not models.get(config.architecture).reads_vocabulary:
        settings |= tokenizer_json.settings()
        tokens = read_tokens(storage.join(directory, VOCABULARY))
        _write_json(output, "tokenizer.json", tokenizer_json.content(tokens, lower_case))
    _write_json(output, "tokenizer_config.json", settings)
    _write_bytes(output, VOCABULARY, storage.read_bytes(storage.join(directory, VOCABULARY)))


def _write_json(output: Output, name: str, content: Mapping[str, Any]) -> None:
    _write_bytes(output, name, (json.dumps(content, indent=2, sort_keys=True) + "\n").encode())


def _write_bytes(output: Output, name: str, content: bytes) -> None:
    with storage.atomic_write(output.path(name)) as file:
        file.write(content)


def _write_tf1(uri: str, output: Output) -> None:
    contents, config = _read_any(uri)
    step = checkpoint.step_of(uri)
    tensorflow.write_tf1(output, contents.arrays, config, contents.step if step is None else step)
    _copy_vocabulary(uri, output)


def _write_tf2(uri: str, output: Output) -> None:
    contents, config = _read_any(uri)
    tensorflow.write_tf2(output, contents.arrays, config, models.get(config.architecture))
    _copy_vocabulary(uri, output)


def _read_any(uri: str) -> tuple[CheckpointContents, Configuration]:
    """The model's variables in a checkpoint of any format, and its configuration."""
    from trainer.checkpoints.initial_weights import read_all
    from trainer.engines import Settings, create
    from trainer.evaluation.model import read_description

    config, _ = read_description(uri)
    shapes = create("tensorflow", Settings(config)).shapes
    return read_all(uri, shapes, models.get(config.architecture)), config


def _copy_vocabulary(uri: str, output: Output) -> None:
    from trainer.evaluation.model import description_files

    _write_bytes(output, VOCABULARY, storage.read_bytes(description_files(uri)[1]))


def _write_savedmodel(uri: str, output: Output) -> None:
    from trainer.evaluation.model import read_model
    from trainer.serving.savedmodel import save

    arrays, config, _, next_sentence = read_model(uri)
    save(arrays, config, next_sentence, output)


_WRITERS = {
    "huggingface": _write_huggingface,
    "savedmodel": _write_savedmodel,
    "encoder": _write_encoder,
    "tf1": _write_tf1,
    "tf2": _write_tf2,
}
