"""Checkpoints loaded for evaluation, and their losses and accuracies on records."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from berth import storage
from berth.errors import BerthError
from berth.formats.vocabulary import MASK, VOCABULARY, padded, read_tokens
from berth.progress import Progress
from berth.stage.inputs import Inputs
from trainer import models
from trainer.checkpoints.checkpoint import Checkpoint, beside
from trainer.checkpoints.huggingface import CONFIG as HUGGINGFACE_CONFIG
from trainer.data.records import Limits, RecordSet, Share, evaluation_batches
from trainer.engines import Engine, Settings, create
from trainer.evaluation.bigram import BigramTable
from trainer.evaluation.positions import Labels, corrupted_weights, count_labels
from trainer.models import CONFIG, Configuration, read_configuration
from trainer.models.metrics import EvaluationTotals


@dataclass
class LoadedModel:
    """A model loaded from a checkpoint, and the records to evaluate it on.

    Args:
        uri: The checkpoint.
        engine: The model on its devices.
        records: The records.
        tokens: The vocabulary; a token's index is its id.
        next_sentence: Whether the model has the next-sentence head.
    """

    uri: str
    engine: Engine
    records: RecordSet
    tokens: list[str]
    next_sentence: bool

    @functools.cached_property
    def labels(self) -> Labels:
        """Counts of the records' labels."""
        return count_labels(self.records, len(self.tokens))

    def assign(self, uri: str) -> None:
        """Load the variables of another checkpoint of the same model.

        Raises:
            BerthError: if it is damaged, or a variable is missing or has another shape.
        """
        config, shapes = read_configuration(description_files(uri)[0]), self.engine.shapes
        architecture = models.get(config.architecture)
        arrays = Checkpoint.find(uri).read(list(shapes), architecture, config.num_hidden_layers).arrays
        pooler = architecture.names.pooler  # used by the next-sentence head alone
        needed = [name for name in shapes if self.next_sentence or not name.startswith(pooler)]
        problems = [f"no {name}" for name in needed if name not in arrays]
        problems += [
            f"{name} of shape {list(array.shape)}, where the model has {list(shapes[name])}"
            for name, array in arrays.items()
            if array.shape != shapes[name]
        ]
        if problems:
            raise BerthError(
                "the checkpoint does not fit the model with its pre-training heads",
                where=uri,
                found="; ".join(problems),
                fix="Evaluate a checkpoint with heads, and keep the bert_config.json that belongs to it next to it.",
            )
        self.engine.assign(arrays)
        self.uri = uri

    def evaluate(self, batch_size: int, bigram: BigramTable | None = None) -> dict[str, float]:
        """Mean losses (nats) and accuracies over all records, as :func:`measure` gives them.

        Raises:
            BerthError: if one is NaN or infinite, since weights or logits are.
        """
        figures = measure(self.engine, self.records, batch_size, self.next_sentence, bigram)
        if broken := [f"{name} {value}" for name, value in figures.items() if not math.isfinite(value)]:
            raise self.not_finite(", ".join(broken))
        return figures

    def not_finite(self, found: str) -> BerthError:
        """The error for a loss or for logits that are NaN or infinite."""
        return BerthError(
            "the model gives values that are not finite: its weights are NaN or infinite, or overflow",
            where=self.uri,
            found=found,
            expected="finite losses and logits",
            fix="Evaluate an earlier checkpoint: training diverged before this one, or its file is corrupt.",
        )


def description_files(uri: str) -> tuple[str, str]:
    """URIs of the model configuration and of the vocabulary next to a checkpoint of any format.

    Raises:
        BerthError: if one of them does not exist.
    """
    config = beside(uri, CONFIG) or beside(uri, HUGGINGFACE_CONFIG)
    vocabulary = beside(uri, VOCABULARY)
    if config is None or vocabulary is None:
        raise BerthError(
            "a checkpoint needs its model configuration and its vocabulary next to it",
            where=uri,
            found=f"no {VOCABULARY}" if config is not None else f"neither {CONFIG} nor {HUGGINGFACE_CONFIG}",
            fix="Put the file into the checkpoint's directory.",
        )
    return config, vocabulary


def read_model(uri: str) -> tuple[dict[str, np.ndarray], Configuration, list[str], bool]:
    """Variables (without optimizer slots), configuration, vocabulary and whether there is a next-sentence head.

    Args:
        uri: A checkpoint file with bert_config.json and vocab.txt next to it.

    Raises:
        BerthError: if the files do not belong together.
    """
    config, tokens = read_description(uri)
    architecture = models.get(config.architecture)
    arrays = Checkpoint.find(uri).variables(architecture)
    return arrays, config, tokens, architecture.names.next_sentence in arrays


def read_description(uri: str) -> tuple[Configuration, list[str]]:
    """The model configuration and the vocabulary next to a checkpoint of any format, with names for rows of padding.

    Raises:
        BerthError: if one does not exist, or their vocabulary sizes differ.
    """
    config_uri, vocabulary = description_files(uri)
    config = read_configuration(config_uri)
    tokens = padded(read_tokens(vocabulary, [MASK]), config.vocab_size)
    if len(tokens) != config.vocab_size:
        raise BerthError(
            "the vocabulary and the model configuration do not belong together",
            where=vocabulary,
            found=f"{len(tokens)} tokens",
            expected=f"{config.vocab_size}, the vocab_size of {storage.basename(config_uri)}",
        )
    return config, tokens


def load(uri: str, records: Inputs, engine_name: str = "tensorflow") -> LoadedModel:
    """Load a checkpoint and open the records to evaluate it on.

    Args:
        uri: A checkpoint of any format that :meth:`Checkpoint.find` finds, with its configuration and vocabulary.
        records: TFRecord files.
        engine_name: ``tensorflow`` or ``jax``.
    """
    config, tokens = read_description(uri)
    architecture = models.get(config.architecture)
    variable = architecture.names.next_sentence
    next_sentence = variable is not None and variable in Checkpoint.find(uri).read([variable], architecture).arrays
    limits = Limits(config.vocab_size, config.type_vocab_size, config.max_position_embeddings)
    opened = RecordSet(records, limits)
    engine = create(engine_name, Settings(config, next_sentence))
    model = LoadedModel(uri, engine, opened, tokens, next_sentence)
    model.assign(uri)
    return model


def measure(
    engine: Engine, records: RecordSet, batch_size: int, next_sentence: bool, bigram: BigramTable | None = None
) -> dict[str, float]:
    """Mean losses (nats) and accuracies over all records, each counted once.

    All processes of a training run call this together: each computes its share of every batch, and all get the same
    figures. The numbers of processes and devices change these by rounding only.

    Args:
        engine: The model.
        records: The records.
        batch_size: Records in a batch over all devices; rounded up to a multiple of the devices.
        next_sentence: Whether the model has the next-sentence head.
        bigram: A baseline to compare the model with, position by position.
    """
    totals, share = EvaluationTotals(), Share(engine.process, engine.processes)
    whole = -(-batch_size // engine.replicas) * engine.replicas
    with Progress("evaluate", total=-(-records.count // share.processes), unit="record") as progress:
        for features, real in evaluation_batches(records, whole, share):
            features["example_weights"] = (np.arange(len(features["input_ids"])) < real).astype(np.float32)
            features["corrupted_weights"] = corrupted = corrupted_weights(features)
            is_right = bigram.is_right(features) if bigram is not None else True
            features["bigram_wrong_weights"] = np.where(is_right, np.float32(0), corrupted)
            totals.add(engine.evaluate(features))
            progress.update(real)
    return totals.means(next_sentence, with_bigram=bigram is not None)
