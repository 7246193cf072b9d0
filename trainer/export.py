"""The stage `export`: a trained model for Hugging Face transformers, or as a TensorFlow SavedModel."""

from __future__ import annotations

import json
from typing import Any, Literal

from berth import storage
from berth.errors import UsageError
from berth.inputs import Inputs
from berth.output import Output
from berth.stage import Place, Result, Stage, run
from trainer import checkpoint, huggingface

VERSION = 1
FORMATS = ("huggingface", "savedmodel")


def export(
    *, model: Inputs, format: Literal["huggingface", "savedmodel"] | str = "huggingface", place: Place
) -> Result:
    """Export the newest checkpoint of a training.

    Args:
        model: Files of the stage `train`, or one of its checkpoints.
        format: ``huggingface`` makes a directory that `transformers` loads as BertForPreTraining (BertForMaskedLM
            without a next-sentence head); ``savedmodel`` one whose signature takes token ids.
        place: Where the output goes.

    Raises:
        UsageError: for another format.
        BerthError: if there is no checkpoint, or it is damaged.
    """
    if format not in FORMATS:
        raise UsageError("there is no such format", where="--format", found=format, expected=" or ".join(FORMATS))
    uri = checkpoint.newest(model)
    stage = Stage("export", VERSION, {"format": format}, {"model": checkpoint.with_description(uri)})
    write = _write_huggingface if format == "huggingface" else _write_savedmodel
    return run(stage, place, lambda output: write(uri, output))


def _write_huggingface(uri: str, output: Output) -> None:
    from trainer.evaluation import read_model

    arrays, config, _, next_sentence = read_model(uri)
    directory = storage.parent(uri)
    description = json.loads(storage.read_text(storage.join(directory, "training.json")))
    # BertForMaskedLM has no pooler. The decoder is tied to the word embeddings and not stored twice.
    exported = {
        huggingface.name_of(name): huggingface.convert(name, array)
        for name, array in arrays.items()
        if next_sentence or not name.startswith("bert/pooler/")
    }
    checkpoint.write(output.path("model.safetensors"), exported)
    _write_json(
        output,
        "config.json",
        {
            **config.model_dump(exclude_unset=True),
            "architectures": ["BertForPreTraining" if next_sentence else "BertForMaskedLM"],
            "layer_norm_eps": config.layer_norm_eps,
            "model_type": "bert",
            "pad_token_id": 0,
            "tie_word_embeddings": True,
        },
    )
    _write_json(
        output,
        "tokenizer_config.json",
        {
            "do_lower_case": description["lower_case"],
            "model_max_length": config.max_position_embeddings,
            "strip_accents": None,
            "tokenize_chinese_chars": True,
            "tokenizer_class": "BertTokenizer",
        },
    )
    with storage.atomic_write(output.path("vocab.txt")) as file:
        file.write(storage.read_bytes(storage.join(directory, "vocab.txt")))


def _write_json(output: Output, name: str, content: dict[str, Any]) -> None:
    with storage.atomic_write(output.path(name)) as file:
        file.write((json.dumps(content, indent=2, sort_keys=True) + "\n").encode())


def _write_savedmodel(uri: str, output: Output) -> None:
    from trainer.evaluation import read_model
    from trainer.savedmodel import save

    arrays, config, _, next_sentence = read_model(uri)
    save(arrays, config, next_sentence, output)
