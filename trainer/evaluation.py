"""A trained model with its records, and what it scores on them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from berth import storage
from berth.errors import BerthError
from berth.inputs import Inputs
from berth.progress import Progress
from trainer import checkpoint
from trainer.config import CONFIG, BertConfig
from trainer.data import Limits, RecordSet, evaluation_batches
from trainer.engines import Engine, Settings, create
from trainer.metrics import Totals
from trainer.vocabulary import VOCABULARY, read_vocabulary

SLOTS = ("/adam_m", "/adam_v")
NEXT_SENTENCE_VARIABLE = "cls/seq_relationship/output_weights"


@dataclass(frozen=True)
class Trained:
    """A model loaded from a checkpoint, ready to predict the records."""

    engine: Engine
    records: RecordSet
    tokens: list[str]
    next_sentence: bool


def read_model(uri: str) -> tuple[dict[str, np.ndarray], BertConfig, list[str], bool]:
    """Variables (without optimizer slots), configuration, vocabulary and whether there is a next-sentence head.

    Args:
        uri: A checkpoint file with bert_config.json and vocab.txt beside it.

    Raises:
        BerthError: if the files do not belong together.
    """
    directory = storage.parent(uri)
    config = BertConfig.read(storage.join(directory, CONFIG))
    tokens = read_vocabulary(storage.join(directory, VOCABULARY))
    if len(tokens) != config.vocab_size:
        raise BerthError(
            "vocabulary and model do not belong together",
            where=storage.join(directory, VOCABULARY),
            found=f"{len(tokens)} tokens",
            expected=f"{config.vocab_size}, as {CONFIG} says",
        )
    arrays, _ = checkpoint.read(uri, lambda name: name.startswith(("bert/", "cls/")) and not name.endswith(SLOTS))
    return arrays, config, tokens, NEXT_SENTENCE_VARIABLE in arrays


def load(uri: str, records: Inputs, engine_name: str = "tensorflow") -> Trained:
    """Load a checkpoint and open the records it is evaluated on."""
    arrays, config, tokens, next_sentence = read_model(uri)
    limits = Limits(config.vocab_size, config.type_vocab_size, config.max_position_embeddings)
    opened = RecordSet(records, limits)
    engine = create(engine_name, Settings(config, next_sentence))
    if missing := sorted(set(engine.shapes) - set(arrays)):
        raise BerthError("the checkpoint lacks variables of the model", where=uri, found=", ".join(missing))
    engine.assign({name: arrays[name] for name in engine.shapes})
    return Trained(engine, opened, tokens, next_sentence)


@dataclass
class Labels:
    """What was to be guessed: how often each token id was masked, and each next-sentence label given."""

    masked: np.ndarray
    next_sentence: np.ndarray = field(default_factory=lambda: np.zeros(2, dtype=np.int64))


def measure(trained: Trained, batch_size: int) -> tuple[dict[str, float], Labels]:
    """Mean losses and accuracies over all records, each counted once, and the labels seen."""
    totals, labels = Totals(), Labels(np.zeros(len(trained.tokens), dtype=np.int64))
    with Progress("evaluate", total=trained.records.count, unit="record") as progress:
        for features, real in evaluation_batches(trained.records, batch_size):
            features["example_weights"] = (np.arange(batch_size) < real).astype(np.float32)
            totals.add(trained.engine.evaluate(features))
            counted = features["masked_lm_ids"][features["masked_lm_weights"] > 0]
            labels.masked += np.bincount(counted, minlength=len(trained.tokens))
            labels.next_sentence += np.bincount(features["next_sentence_labels"][:real, 0], minlength=2)
            progress.update(real)
    return {"masked_positions": int(labels.masked.sum()), **totals.means(trained.next_sentence)}, labels
