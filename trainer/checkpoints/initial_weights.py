"""What a training begins with: random numbers by seed, or a checkpoint of any known kind, checked and made to fit."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence

import numpy as np

from berth import storage
from berth.errors import BerthError
from berth.formats.vocabulary import MASK, VOCABULARY, read_tokens
from berth.recipe import Recipe
from berth.stage import expected
from trainer.checkpoints import formats
from trainer.checkpoints.resize import TABLES, resize, rows_by_position, rows_by_token
from trainer.models.config import CONFIG, BertConfig
from trainer.models.huggingface_names import WORD_EMBEDDINGS

log = logging.getLogger("berth.train")

Shapes = Mapping[str, tuple[int, ...]]

# What an encoder lacks: the heads, and the pooler, which belongs to the next-sentence head.
HEADS = ("cls/", "bert/pooler/")
RELATION = "cls/seq_relationship/output_weights"


def initial(shapes: Shapes, seed: int, stddev: float) -> dict[str, np.ndarray]:
    """Random weights: normal, cut off at two standard deviations; biases 0 and scales 1, as in Google's BERT.

    Each variable has a stream of its own, keyed by seed and name: the same for every engine and order.

    Args:
        shapes: Shapes of the model's variables by name.
        seed: The recipe's seed.
        stddev: `initializer_range` of the configuration.
    """
    return {name: _initial(name, shape, seed, stddev) for name, shape in shapes.items()}


def _initial(name: str, shape: tuple[int, ...], seed: int, stddev: float) -> np.ndarray:
    if name.endswith("gamma"):
        return np.ones(shape, dtype=np.float32)
    if name.endswith(("beta", "bias")):
        return np.zeros(shape, dtype=np.float32)
    key = hashlib.sha256(f"{seed} {name}".encode()).digest()[:16]
    generator = np.random.Generator(np.random.Philox(key=np.frombuffer(key, dtype=np.uint64)))
    values = generator.standard_normal(shape)
    while (outside := np.abs(values) > 2.0).any():
        values[outside] = generator.standard_normal(int(outside.sum()))
    return (values * stddev).astype(np.float32)


def of_recipe(recipe: Recipe, shapes: Shapes, config: BertConfig, tokens: Sequence[str]) -> dict[str, np.ndarray]:
    """What the training of a recipe begins with.

    Args:
        recipe: Its `initial_checkpoint`, `initialization` and seed.
        shapes: Shapes of the model's variables.
        config: The model.
        tokens: Its vocabulary, by id.

    Raises:
        BerthError: if the checkpoint is not the one that the recipe expects, is not one of this model, or has another
            vocabulary that the recipe does not say how to fit.
    """
    seed, stddev = recipe.seed, config.initializer_range
    uri, how = recipe.initial_checkpoint, recipe.initialization
    if uri is None:
        return initial(shapes, seed, stddev)
    expected.check_checkpoint(recipe)
    _check_attention_heads(uri, config)
    stored = formats.read(uri, shapes)
    if stored.layers > config.num_hidden_layers:  # what a smaller model would leave out without a word
        raise _of_another_model(uri, f"{stored.layers} layers", f"num_hidden_layers {config.num_hidden_layers}")
    if how.vocabulary == "same":
        _check_vocabulary(uri, stored, tokens)
    elif WORD_EMBEDDINGS in stored.arrays:
        before = len(stored.arrays[WORD_EMBEDDINGS])
        by_token = how.vocabulary == "by_token"
        rows = _rows_by_token(uri, before, tokens) if by_token else rows_by_position(before, len(tokens))
        fresh = initial({name: shapes[name] for name in TABLES}, seed, stddev)
        stored = formats.Stored(resize(stored.arrays, fresh, rows, how.new_tokens), stored.layers)
    return _complete(uri, stored, shapes, seed, stddev, how.heads == "required")


def load(uri: str, shapes: Shapes, seed: int, stddev: float) -> dict[str, np.ndarray]:
    """Weights from a checkpoint; pre-training heads that it lacks are random.

    Args:
        uri: As for :func:`formats.files_of`.
        shapes: Shapes of the model's variables; these are read, and nothing else.
        seed: The recipe's seed, for heads that the checkpoint lacks.
        stddev: `initializer_range`, likewise.

    Raises:
        BerthError: naming every variable that is missing or has another shape.
    """
    return _complete(uri, formats.read(uri, shapes), shapes, seed, stddev, heads_required=False)


def _complete(
    uri: str, stored: formats.Stored, shapes: Shapes, seed: int, stddev: float, heads_required: bool
) -> dict[str, np.ndarray]:
    found = stored.arrays
    missing = [name for name in shapes if name not in found]
    problems = [name for name in missing if not name.startswith(HEADS) or (heads_required and _is_needed(name, shapes))]
    problems += [
        f"{name} {list(found[name].shape)} where the model has {list(shape)}"
        for name, shape in shapes.items()
        if name in found and found[name].shape != shape
    ]
    if problems:
        raise _of_another_model(uri, "; ".join(problems), "every variable of the model, in its shape")
    if missing:
        log.warning("not in %s, started from random weights: %s", uri, ", ".join(missing))
    return {**initial({name: shapes[name] for name in missing}, seed, stddev), **found}


def _is_needed(name: str, shapes: Shapes) -> bool:
    """Whether a head takes part in training: a pooler without a next-sentence head above it does not."""
    return RELATION in shapes or not name.startswith("bert/pooler/")


def _check_attention_heads(uri: str, config: BertConfig) -> None:
    """The number of attention heads shows in no shape, but in the configuration beside the checkpoint."""
    described = formats.beside(uri, CONFIG) or formats.beside(uri, formats.HUGGINGFACE_CONFIG)
    if described is None:
        return
    theirs = json.loads(storage.read_text(described)).get("num_attention_heads")
    if theirs not in (None, config.num_attention_heads):
        raise _of_another_model(
            described, f"num_attention_heads {theirs}", f"num_attention_heads {config.num_attention_heads}"
        )


def _of_another_model(where: str, found: str, expected: str) -> BerthError:
    return BerthError(
        "the checkpoint is not one of this model",
        where=where,
        found=found,
        expected=expected,
        fix="Give the recipe the model section and the vocabulary of the checkpoint.",
    )


def _check_vocabulary(uri: str, stored: formats.Stored, tokens: Sequence[str]) -> None:
    """Ids of another vocabulary mean other words, also where there are as many."""
    fix = "Train with the checkpoint's vocabulary, or let the recipe's initialization.vocabulary say how to fit it."
    if WORD_EMBEDDINGS in stored.arrays and (count := len(stored.arrays[WORD_EMBEDDINGS])) != len(tokens):
        raise BerthError(
            "the checkpoint has another vocabulary",
            where=uri,
            found=f"{count} entries",
            expected=f"{len(tokens)}, as the vocabulary of the records has",
            fix=fix,
        )
    described = formats.beside(uri, VOCABULARY)
    if described is None:
        return
    theirs = read_tokens(described, [MASK])
    if different := [number for number, pair in enumerate(zip(theirs, tokens, strict=False)) if pair[0] != pair[1]]:
        first = different[0]
        raise BerthError(
            "the checkpoint has another vocabulary",
            where=f"{described}, line {first + 1}",
            found=f"{theirs[first]!r}, and other differences in {len(different) - 1} lines",
            expected=repr(tokens[first]),
            fix=fix,
        )


def _rows_by_token(uri: str, entries: int, tokens: Sequence[str]) -> np.ndarray:
    described = formats.beside(uri, VOCABULARY)
    if described is None:
        raise BerthError(
            "the checkpoint's tokens are not known",
            where=storage.parent(uri),
            expected=f"its {VOCABULARY} in this directory, for initialization.vocabulary: by_token",
        )
    theirs = read_tokens(described, [MASK])
    if len(theirs) != entries:
        raise BerthError(
            "vocabulary and checkpoint do not belong together",
            where=described,
            found=f"{len(theirs)} tokens",
            expected=f"{entries}, as the word embeddings of the checkpoint have",
        )
    return rows_by_token(theirs, tokens, described)
