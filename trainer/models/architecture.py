"""What the trainer needs of a model architecture: the interface that each registered architecture fulfils.

Nothing here imports Keras: networks are built by functions that import it when they are called, so that plans and
`berth --help` stay fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from berth.planning.figures import Figures
from berth.recipe import ModelConfig

Tensor = Any  # a tensor of whichever engine runs the model
# Attention as one kernel of an engine: query, key, value [batch, length, heads, head size] and lengths int32 [batch] to
# [batch, length, heads, head size].
FusedAttention = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


class Outputs(NamedTuple):
    """What a model predicts in pre-training.

    Args:
        masked_lm_logits: [batch, predictions, vocabulary].
        next_sentence_logits: [batch, 2]; index 1 is "random next". None for a model without that head.
    """

    masked_lm_logits: Tensor
    next_sentence_logits: Tensor | None


class Configuration(Protocol):
    """A model's shape, as the configuration file of a checkpoint holds it."""

    @property
    def architecture(self) -> str:
        """Name in the registry."""

    @property
    def vocab_size(self) -> int:
        """Entries of the vocabulary."""

    @property
    def hidden_size(self) -> int:
        """Features of a hidden state."""

    @property
    def num_hidden_layers(self) -> int:
        """Layers of the encoder."""

    @property
    def num_attention_heads(self) -> int:
        """Heads of each attention layer."""

    @property
    def head_size(self) -> int:
        """Features of one attention head."""

    @property
    def max_position_embeddings(self) -> int:
        """Tokens in the longest sequence."""

    @property
    def type_vocab_size(self) -> int:
        """Number of segments: 2 where the model takes pairs of texts."""

    @property
    def initializer_range(self) -> float:
        """Standard deviation of random weights."""

    def differences(self, content: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Where a checkpoint's configuration file describes another model, in ways that no variable's shape shows.

        Returns:
            Value there and value here, by key of the file.
        """

    def to_json(self) -> bytes:
        """Content of the configuration file."""

    def huggingface(self, next_sentence: bool) -> dict[str, Any]:
        """Content of Hugging Face's config.json for a model with or without the next-sentence head."""

    def tensorflow(self) -> dict[str, Any]:
        """Content of the configuration file for the programs of the TensorFlow checkpoints' authors."""


class ConfigurationType(Protocol):
    """How a configuration is made; the class of a configuration fulfils it."""

    def of(self, model: Any, vocab_size: int) -> Configuration:
        """The configuration of a recipe's `model` section (a `ModelConfig`) over a vocabulary of this size."""

    def parse(self, content: Mapping[str, Any], uri: str) -> Configuration:
        """The configuration in a file's JSON object. Raises UsageError, naming file and key, if it is impossible."""


class Network(Protocol):
    """A built Keras layer whose variables are zero until they are assigned."""

    trainable_variables: list[Any]

    def named_variables(self) -> dict[str, Any]:
        """All variables by their name in checkpoints, sorted."""

    def __call__(self, *inputs: Tensor) -> Any:
        """The forward pass.

        Pre-training: input_ids, input_mask, segment_ids int32 [batch, length], masked_lm_positions int32 [batch,
        predictions], dropout keys uint32 [batch, 2] or None; gives :class:`Outputs`. Classification: the same without
        the positions; gives logits [batch, outputs].
        """

    def stateless_call(self, variables: list[Tensor], state: list[Tensor], *inputs: Tensor) -> Any:
        """Keras' call with variables as arguments: the outputs and the new state."""


class PretrainingFactory(Protocol):
    """Builds the network with its pre-training heads."""

    def __call__(
        self, config: Any, next_sentence: bool, precision: str, fused_attention: FusedAttention | None
    ) -> Network:
        """Build it.

        Args:
            config: The model's shape.
            next_sentence: Whether it has the next-sentence head.
            precision: Keras dtype policy: ``float32``, ``mixed_bfloat16`` or ``mixed_float16``.
            fused_attention: The engine's kernel; None computes attention in plain operations.
        """


@dataclass(frozen=True)
class VariableNames:
    """The names of an architecture's variables in checkpoints, as far as others need them.

    Args:
        encoder: What the names of all encoder variables begin with.
        pooler: What the names of the next-sentence head's pooler begin with; empty without such a head.
        heads: What the names of those variables begin with that an encoder's checkpoint may lack.
        next_sentence: A variable that exists in checkpoints with the next-sentence head only; None for an architecture
            without such a head.
        word_embeddings: The table of word embeddings [vocabulary, hidden].
        vocabulary: All variables with a row for each entry of the vocabulary.
        is_strange: Whether a name in a checkpoint looks like the model's, but is none that any of its networks has.
    """

    encoder: str
    pooler: tuple[str, ...]
    heads: tuple[str, ...]
    next_sentence: str | None
    word_embeddings: str
    vocabulary: tuple[str, ...]
    is_strange: Callable[[str], bool]

    @property
    def pretraining(self) -> tuple[str, ...]:
        """What the names of all variables of the pre-training model begin with."""
        return (self.encoder, *self.heads)


@dataclass(frozen=True)
class HuggingFaceNames:
    """Names and layouts in Hugging Face's checkpoints.

    Args:
        name_of: Hugging Face's name of a variable. Raises KeyError for a name that is not one of the model's.
        candidates: All names that a variable may have there, in published checkpoints of any age.
        convert: (our name, array) to the array in the other side's layout; its own inverse.
        is_strange: Whether a name looks like the model's, but is none that any of its networks has.
        tied: Names of second copies of a variable, by our name of the variable. They must be equal to it.
    """

    name_of: Callable[[str], str]
    candidates: Callable[[str], list[str]]
    convert: Callable[[str, np.ndarray], np.ndarray]
    is_strange: Callable[[str], bool]
    tied: Mapping[str, str]


@dataclass(frozen=True)
class TensorFlowNames:
    """Names and layouts in object-based (TF2) checkpoints; in name-based ones (TF1) they are ours.

    Args:
        keys_by_name: The checkpoint's key of each variable, by our name; empty where no model is found.
        convert: (our name, array) to the array in our layout.
        strange: Of all keys, the variables of the encoder that no network of the model has.
        graph: (arrays by our names, attention heads) to the objects of a checkpoint: nested dictionaries and lists
            with arrays in their layout; an object that is reached by several paths is the same Python object at each.
        expected: The classes whose checkpoints are known, for messages.
    """

    keys_by_name: Callable[[Iterable[str]], dict[str, str]]
    convert: Callable[[str, np.ndarray], np.ndarray]
    strange: Callable[[Iterable[str]], list[str]]
    graph: Callable[[Mapping[str, np.ndarray], int], dict[str, Any]]
    expected: str


def _initializer_range(model: ModelConfig, variable: str) -> float:
    return model.initializer_range


@dataclass(frozen=True)
class Architecture:
    """A model architecture: all that the trainer asks for, so that only this object names the architecture.

    A variation of an architecture is made with `dataclasses.replace`.

    Args:
        name: In the registry and in recipes (`model.architecture`).
        configuration: The class of its configurations.
        figures: Parameters and floating-point operations, by arithmetic.
        names: Names of its variables.
        huggingface: Names and layouts at Hugging Face.
        tensorflow: Names and layouts in TF2 checkpoints.
        pretraining: Builds the network with its pre-training heads.
        classifier: (configuration, outputs) to the network with `outputs` logits, or scores, for each sequence.
        initial_stddev: (a recipe's model, variable's name) to the standard deviation of its random weights.
        reads_vocabulary: Whether its tokenizer in transformers reads vocab.txt; another needs a tokenizer.json.
        hidden_keys: Keys of the configuration that change what the model computes, but no shape of a variable.
    """

    name: str
    configuration: ConfigurationType
    figures: Figures
    names: VariableNames
    huggingface: HuggingFaceNames
    tensorflow: TensorFlowNames
    pretraining: PretrainingFactory
    classifier: Callable[[Any, int], Network]
    initial_stddev: Callable[[ModelConfig, str], float] = _initializer_range
    reads_vocabulary: bool = True
    hidden_keys: tuple[str, ...] = ()

    def configuration_of(self, model: ModelConfig, vocab_size: int) -> Configuration:
        """The configuration of a recipe's model over a vocabulary of ``vocab_size`` entries."""
        return self.configuration.of(model, vocab_size)
