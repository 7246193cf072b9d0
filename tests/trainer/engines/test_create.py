"""What engines have in common: one a process, by name."""

import pytest

from berth.errors import UsageError
from trainer.engines import Settings, check_backend, create
from trainer.models.bert.configuration import BertConfig


def test_a_process_has_one_engine():
    """Keras is loaded once; the tests' process has it for TensorFlow."""
    create("tensorflow", Settings(BertConfig(vocab_size=10, hidden_size=4, num_hidden_layers=1, num_attention_heads=2)))
    check_backend("tensorflow")
    with pytest.raises(
        UsageError, match=r"already loaded for another engine.*Found tensorflow. Expected jax.*processes"
    ):
        check_backend("jax")


def test_an_unknown_engine_is_refused():
    with pytest.raises(UsageError, match=r"training\.engine: there is no such engine. Found torch"):
        create("torch", Settings(BertConfig(vocab_size=10)))
