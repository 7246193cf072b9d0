"""The first weights of a training run: random by seed, or those of a checkpoint of any format, checked and fitted."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from berth import storage
from berth.errors import BerthError
from berth.formats.vocabulary import MASK, VOCABULARY, read_tokens
from berth.recipe import Recipe
from berth.stage import expected
from trainer import models
from trainer.checkpoints.checkpoint import Checkpoint
from trainer.checkpoints.contents import CheckpointContents
from trainer.checkpoints.resize import resize, rows_by_position, rows_by_token
from trainer.models import Architecture, Configuration

log = logging.getLogger("berth.train")

Shapes = Mapping[str, tuple[int, ...]]
# The standard deviation of all random weights, or a function that gives that of a variable by its name.
Stddev = float | Callable[[str], float]


def initial(shapes: Shapes, seed: int, stddev: Stddev) -> dict[str, np.ndarray]:
    """Random weights: normal, cut off at two standard deviations; biases 0 and scales 1, as in Google's BERT.

    Each variable has a stream of its own, keyed by seed and name: the same for every engine and order.

    Args:
        shapes: Shapes of the model's variables by name.
        seed: The recipe's seed.
        stddev: `initializer_range` of the configuration, or what an architecture has instead.
    """
    return {
        name: _initial(name, shape, seed, stddev(name) if callable(stddev) else stddev)
        for name, shape in shapes.items()
    }


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


def of_recipe(recipe: Recipe, shapes: Shapes, config: Configuration, tokens: Sequence[str]) -> dict[str, np.ndarray]:
    """The first weights of a recipe's training run.

    Args:
        recipe: Its `initial_checkpoint`, `initialization` and seed.
        shapes: Shapes of the model's variables.
        config: The model.
        tokens: Its vocabulary, by id.

    Raises:
        BerthError: if the checkpoint is not the one that the recipe expects, is not one of this model, or has another
            vocabulary that the recipe does not say how to fit.
    """
    architecture = models.get(config.architecture)
    seed, stddev = recipe.seed, functools.partial(architecture.initial_stddev, recipe.model)
    uri, how = recipe.initial_checkpoint, recipe.initialization
    if uri is None:
        return initial(shapes, seed, stddev)
    expected.check_checkpoint(recipe)
    source = Checkpoint.find(uri)
    _check_description(source, config)
    contents, names = source.read(shapes, architecture), architecture.names
    if contents.layers > config.num_hidden_layers:  # the model would silently lack the others
        raise _of_another_model(uri, f"{contents.layers} layers", f"num_hidden_layers {config.num_hidden_layers}")
    if how.vocabulary == "same":
        _check_vocabulary(source, contents, tokens, names.word_embeddings)
    elif names.word_embeddings in contents.arrays:
        before = len(contents.arrays[names.word_embeddings])
        by_token = how.vocabulary == "by_token"
        rows = _rows_by_token(source, before, tokens) if by_token else rows_by_position(before, len(tokens))
        fresh = initial({name: shapes[name] for name in names.vocabulary}, seed, stddev)
        contents = CheckpointContents(resize(contents.arrays, fresh, rows, how.new_tokens), contents.layers)
    return _complete(uri, contents, architecture, shapes, seed, stddev, how.heads == "required")


def load(uri: str, shapes: Shapes, architecture: Architecture, seed: int, stddev: Stddev) -> dict[str, np.ndarray]:
    """Weights from a checkpoint; pre-training heads that it lacks are random.

    Args:
        uri: As for :meth:`Checkpoint.find`.
        shapes: Shapes of the model's variables; these are read, and nothing else.
        architecture: Of the model.
        seed: The recipe's seed, for heads that the checkpoint lacks.
        stddev: `initializer_range`, likewise.

    Raises:
        BerthError: naming every variable that is missing or has another shape.
    """
    contents = Checkpoint.find(uri).read(shapes, architecture)
    return _complete(uri, contents, architecture, shapes, seed, stddev, heads_required=False)


def _complete(
    uri: str,
    contents: CheckpointContents,
    architecture: Architecture,
    shapes: Shapes,
    seed: int,
    stddev: Stddev,
    heads_required: bool,
) -> dict[str, np.ndarray]:
    found, names = contents.arrays, architecture.names
    # A pooler without a next-sentence head takes no part in training.
    optional = names.heads if not heads_required else () if names.next_sentence in shapes else names.pooler
    missing = [name for name in shapes if name not in found]
    problems = [name for name in missing if not name.startswith(optional)]
    problems += [
        f"{name} {list(found[name].shape)} where the model has {list(shape)}"
        for name, shape in shapes.items()
        if name in found and found[name].shape != shape
    ]
    if problems:
        raise _of_another_model(uri, "; ".join(problems), "every variable of the model, in its shape")
    if missing:
        log.warning("not in %s, initialized at random: %s", uri, ", ".join(missing))
    return {**initial({name: shapes[name] for name in missing}, seed, stddev), **found}


def _check_description(source: Checkpoint, config: Configuration) -> None:
    """Check what no shape shows in the configuration next to the checkpoint: attention heads, a decoder of its own."""
    described = source.configuration
    if described is None:
        return
    content = json.loads(storage.read_text(described))
    heads = content.get("num_attention_heads")
    if heads not in (None, config.num_attention_heads):
        raise _of_another_model(
            described, f"num_attention_heads {heads}", f"num_attention_heads {config.num_attention_heads}"
        )
    if not content.get("tie_word_embeddings", True):
        raise _of_another_model(
            described, "tie_word_embeddings false", "true: models are trained whose decoder shares the word embeddings"
        )
    if keys := models.get(config.architecture).hidden_keys:
        theirs = models.read_configuration(described)
        for key in keys:
            if (found := getattr(theirs, key, None)) != (ours := getattr(config, key)):
                # No error: a longer context, for one, is trained with another base of the rotations.
                log.warning("%s has %s %s, the recipe's model %s", described, key, found, ours)


def _of_another_model(where: str, found: str, expected: str) -> BerthError:
    return BerthError(
        "the checkpoint belongs to another model",
        where=where,
        found=found,
        expected=expected,
        fix="Give the recipe the model section and the vocabulary of the checkpoint.",
    )


def _check_vocabulary(
    source: Checkpoint, contents: CheckpointContents, tokens: Sequence[str], word_embeddings: str
) -> None:
    """Ids of another vocabulary are other tokens, even if it has the same size."""
    fix = "Train with the checkpoint's vocabulary, or let the recipe's initialization.vocabulary say how to fit it."
    if word_embeddings in contents.arrays and (count := len(contents.arrays[word_embeddings])) != len(tokens):
        raise BerthError(
            "the checkpoint has another vocabulary",
            where=source.uri,
            found=f"{count} entries",
            expected=f"{len(tokens)}, as the vocabulary of the records has",
            fix=fix,
        )
    described = source.vocabulary
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


def _rows_by_token(source: Checkpoint, entries: int, tokens: Sequence[str]) -> np.ndarray:
    described = source.vocabulary
    if described is None:
        raise BerthError(
            "the checkpoint's tokens are not known",
            where=source.directory,
            expected=f"its {VOCABULARY} in this directory, for initialization.vocabulary: by_token",
        )
    theirs = read_tokens(described, [MASK])
    if len(theirs) != entries:
        raise BerthError(
            "the vocabulary and the checkpoint do not belong together",
            where=described,
            found=f"{len(theirs)} tokens",
            expected=f"{entries}, as the word embeddings of the checkpoint have",
        )
    return rows_by_token(theirs, tokens, described)
