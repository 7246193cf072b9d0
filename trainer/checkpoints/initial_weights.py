"""The first weights of a training run: random by seed, or those of a checkpoint of any format, checked and fitted."""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from berth.errors import BerthError
from berth.formats.vocabulary import MASK, VOCABULARY, padded, read_tokens
from berth.recipe import Recipe
from berth.stage import expected
from trainer import models
from trainer.checkpoints.checkpoint import Checkpoint, of_another_model
from trainer.checkpoints.compatibility import check_case, check_model
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
    check_model(source, config)
    _warn_of_differences(source, config)
    contents, names = source.read(shapes, architecture, config.num_hidden_layers), architecture.names
    entries = len(contents.arrays[names.word_embeddings]) if names.word_embeddings in contents.arrays else len(tokens)
    if how.vocabulary == "same":
        check_case(source, recipe.vocabulary.lower_case)
        if len(padded(tokens, entries)) == entries:
            contents = _without_padding(contents, names.vocabulary, len(tokens))
        _check_vocabulary(source, contents, tokens, names.word_embeddings)
    elif names.word_embeddings in contents.arrays:
        by_token = how.vocabulary == "by_token"
        rows = _rows_by_token(source, entries, tokens) if by_token else rows_by_position(entries, len(tokens))
        fresh = initial({name: shapes[name] for name in names.vocabulary}, seed, stddev)
        contents = CheckpointContents(resize(contents.arrays, fresh, rows, how.new_tokens), contents.layers)
    return _complete(uri, contents, architecture, shapes, seed, stddev, how.heads == "required")


def load(
    uri: str, shapes: Shapes, architecture: Architecture, seed: int, stddev: Stddev, layers: int | None = None
) -> dict[str, np.ndarray]:
    """Weights from a checkpoint; pre-training heads that it lacks are random.

    Args:
        uri: As for :meth:`Checkpoint.find`.
        shapes: Shapes of the model's variables; these are read, and nothing else.
        architecture: Of the model.
        seed: The recipe's seed, for heads that the checkpoint lacks.
        stddev: `initializer_range`, likewise.
        layers: Number of the model's layers; None if only a part of the model is wanted.

    Raises:
        BerthError: naming every variable that is missing or has another shape, or if the checkpoint has more layers.
    """
    contents = Checkpoint.find(uri).read(shapes, architecture, layers)
    return _complete(uri, contents, architecture, shapes, seed, stddev, heads_required=False)


def read_all(uri: str, shapes: Shapes, architecture: Architecture) -> CheckpointContents:
    """The weights of a checkpoint, nothing added: pre-training heads that it lacks are missing here too.

    Args:
        uri: As for :meth:`Checkpoint.find`.
        shapes: Shapes of the model's variables.
        architecture: Of the model.

    Raises:
        BerthError: naming every variable of the encoder that is missing, and every one of another shape.
    """
    contents = Checkpoint.find(uri).read(shapes, architecture)
    _missing(uri, contents.arrays, shapes, architecture.names.heads)
    return contents


def _complete(
    uri: str,
    contents: CheckpointContents,
    architecture: Architecture,
    shapes: Shapes,
    seed: int,
    stddev: Stddev,
    heads_required: bool,
) -> dict[str, np.ndarray]:
    names = architecture.names
    # A pooler without a next-sentence head takes no part in training.
    optional = names.heads if not heads_required else () if names.next_sentence in shapes else names.pooler
    missing = _missing(uri, contents.arrays, shapes, optional)
    if missing:
        log.warning("not in %s, initialized at random: %s", uri, ", ".join(missing))
    return {**initial({name: shapes[name] for name in missing}, seed, stddev), **contents.arrays}


def _missing(uri: str, found: Mapping[str, np.ndarray], shapes: Shapes, optional: tuple[str, ...]) -> list[str]:
    """The variables that a checkpoint lacks, all of which may be missing.

    Raises:
        BerthError: naming each other one that is missing, and each of another shape.
    """
    missing = [name for name in shapes if name not in found]
    problems = [f"no {name}" for name in missing if not name.startswith(optional)]
    problems += [
        f"{name} {list(found[name].shape)} where the model has {list(shape)}"
        for name, shape in shapes.items()
        if name in found and found[name].shape != shape
    ]
    if problems:
        raise of_another_model(uri, "; ".join(problems), "every variable of the model, in its shape")
    return missing


def _warn_of_differences(source: Checkpoint, config: Configuration) -> None:
    """Name the keys in which another model can be continued: a longer context has another base of the rotations."""
    if source.configuration is None or not (keys := models.get(config.architecture).hidden_keys):
        return
    theirs = models.read_configuration(source.configuration)
    for key in keys:
        if (found := getattr(theirs, key, None)) != (ours := getattr(config, key)):
            log.warning("%s has %s %s, the recipe's model %s", source.configuration, key, found, ours)


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


def _without_padding(contents: CheckpointContents, names: Iterable[str], entries: int) -> CheckpointContents:
    """The first rows of the tables that have one for each token."""
    arrays = {name: array[:entries] if name in names else array for name, array in contents.arrays.items()}
    return CheckpointContents(arrays, contents.layers)


def _rows_by_token(source: Checkpoint, entries: int, tokens: Sequence[str]) -> np.ndarray:
    described = source.vocabulary
    if described is None:
        raise BerthError(
            "the checkpoint's tokens are not known",
            where=source.directory,
            expected=f"its {VOCABULARY} in this directory, for initialization.vocabulary: by_token",
        )
    theirs = read_tokens(described, [MASK])
    if len(padded(theirs, entries)) != entries:
        raise BerthError(
            "the vocabulary and the checkpoint do not belong together",
            where=described,
            found=f"{len(theirs)} tokens",
            expected=f"{entries}, as the word embeddings of the checkpoint have",
        )
    return rows_by_token(theirs, tokens, described)
