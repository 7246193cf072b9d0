"""The shape and the words of a tiny model, and how it is fine-tuned."""

from typing import Any

from berth.recipe import FineTuning
from trainer.models.bert.configuration import BertConfig

WORDS = "the a film book story was is not very , . good fine great bad poor dull un ##good ##s".split()  # noqa: SIM905
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
GOOD, BAD = ["good", "fine", "great"], ["bad", "poor", "dull"]
CONFIG = BertConfig(
    vocab_size=len(TOKENS),
    hidden_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=32,
    max_position_embeddings=24,
    initializer_range=0.2,
)
HOW = {"max_seq_length": 10, "epochs": 8, "batch_size": 16, "learning_rate": 0.003}


def options(data: object, **values: Any) -> FineTuning:
    """A section of a recipe: a classification, learnt in some seconds."""
    return FineTuning(**{"task": "classification", "data": str(data), **HOW, **values})
