"""The stage `export`: a trained model for Hugging Face transformers, as a TensorFlow SavedModel, or its encoder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from berth import storage
from berth.errors import UsageError
from berth.stage import Destination, Result, Stage, run
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from trainer.checkpoints import checkpoint, formats
from trainer.data.vocabulary import VOCABULARY
from trainer.models import huggingface_names as huggingface
from trainer.models.config import CONFIG

VERSION = 2
FORMATS = ("huggingface", "savedmodel", "encoder")
POOLER = "bert/pooler/"


def export(
    *,
    model: Inputs,
    format: Literal["huggingface", "savedmodel", "encoder"] | str = "huggingface",
    destination: Destination,
) -> Result:
    """Export the newest checkpoint of a training.

    Args:
        model: Files of the stage `train`, or one of its checkpoints.
        format: ``huggingface`` makes a directory that `transformers` loads as BertForPreTraining (BertForMaskedLM
            without a next-sentence head); ``savedmodel`` one whose signature takes token ids; ``encoder`` the
            encoder alone, for a training to start from: encoder.safetensors (Google's names, float32, no heads, no
            optimizer; the pooler only of a model with a next-sentence head, which trains it), bert_config.json,
            vocab.txt and tokenizer_config.json.
        destination: Where the output goes.

    Raises:
        UsageError: for another format.
        BerthError: if there is no checkpoint, or it is damaged.
    """
    if format not in FORMATS:
        raise UsageError("there is no such format", where="--format", found=format, expected=" or ".join(FORMATS))
    uri = checkpoint.newest(model)
    stage = Stage("export", VERSION, {"format": format}, {"model": checkpoint.with_description(uri)})
    write = {"huggingface": _write_huggingface, "savedmodel": _write_savedmodel, "encoder": _write_encoder}[format]
    return run(stage, destination, lambda output: write(uri, output))


def _write_huggingface(uri: str, output: Output) -> None:
    from trainer.evaluation.model import read_model

    arrays, config, _, next_sentence = read_model(uri)
    # BertForMaskedLM has no pooler. The decoder is tied to the word embeddings and not stored twice.
    exported = {
        huggingface.name_of(name): huggingface.convert(name, array)
        for name, array in arrays.items()
        if next_sentence or not name.startswith(POOLER)
    }
    checkpoint.write(output.path(formats.HUGGINGFACE_WEIGHTS), exported)
    _write_json(
        output,
        formats.HUGGINGFACE_CONFIG,
        {
            **config.model_dump(exclude_unset=True),
            "architectures": ["BertForPreTraining" if next_sentence else "BertForMaskedLM"],
            "layer_norm_eps": config.layer_norm_eps,
            "model_type": "bert",
            "pad_token_id": 0,
            "tie_word_embeddings": True,
        },
    )
    _write_tokenizer(uri, config.max_position_embeddings, output)


def _write_encoder(uri: str, output: Output) -> None:
    from trainer.evaluation.model import read_model

    arrays, config, _, next_sentence = read_model(uri)
    exported = {
        name: array
        for name, array in arrays.items()
        if name.startswith("bert/") and (next_sentence or not name.startswith(POOLER))
    }
    checkpoint.write(output.path(formats.ENCODER), exported, {"step": checkpoint.step_of(uri)})
    _write_bytes(output, CONFIG, config.to_json())
    _write_tokenizer(uri, config.max_position_embeddings, output)


def _write_tokenizer(uri: str, longest: int, output: Output) -> None:
    """The vocabulary and, as Hugging Face has it, how text becomes its tokens."""
    directory = storage.parent(uri)
    description = json.loads(storage.read_text(storage.join(directory, "training.json")))
    settings = {
        "do_lower_case": description["lower_case"],
        "model_max_length": longest,
        "strip_accents": None,
        "tokenize_chinese_chars": True,
        "tokenizer_class": "BertTokenizer",
    }
    _write_json(output, "tokenizer_config.json", settings)
    _write_bytes(output, VOCABULARY, storage.read_bytes(storage.join(directory, VOCABULARY)))


def _write_json(output: Output, name: str, content: Mapping[str, Any]) -> None:
    _write_bytes(output, name, (json.dumps(content, indent=2, sort_keys=True) + "\n").encode())


def _write_bytes(output: Output, name: str, content: bytes) -> None:
    with storage.atomic_write(output.path(name)) as file:
        file.write(content)


def _write_savedmodel(uri: str, output: Output) -> None:
    from trainer.evaluation.model import read_model
    from trainer.serving.savedmodel import save

    arrays, config, _, next_sentence = read_model(uri)
    save(arrays, config, next_sentence, output)
