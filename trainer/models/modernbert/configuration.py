"""ModernBERT's configuration: Hugging Face's config.json, in its published and its newer spelling."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from berth.errors import UsageError
from berth.recipe import ModelConfig
from berth.recipe.model import Positive, Rate

MOST_LAYERS = 10_000
GLOBAL, LOCAL = "full_attention", "sliding_attention"
# Hugging Face's names of our activations. ("gelu_pytorch_tanh" is another name of gelu_new.)
Activation = Literal["gelu", "gelu_new", "gelu_pytorch_tanh", "relu"]
ACTIVATIONS = {"gelu_pytorch_tanh": "gelu_new"}


def _object(value: Any, name: str, known: tuple[str, ...]) -> dict[str, Any]:
    """A JSON object with some of the known keys; empty for null."""
    if not isinstance(value, dict | None):
        raise ValueError(f"{name} is not an object")
    if unknown := sorted({*(value or {})} - {*known}):
        raise ValueError(f"{name}.{unknown[0]} is not obeyed; remove it")
    return value or {}


class ModernBertConfig(BaseModel):
    """A model's shape, with Hugging Face's keys and defaults.

    Keys that say how to compute (``reference_compile``) and ids of tokens are kept and written back unchanged. A key
    that changes the model is either obeyed or accepted with one value only.
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    model_type: Literal["modernbert"] = "modernbert"
    vocab_size: PositiveInt
    hidden_size: PositiveInt = 768
    intermediate_size: PositiveInt = 1152
    num_hidden_layers: PositiveInt = 22
    num_attention_heads: PositiveInt = 12
    hidden_activation: Activation = "gelu"
    max_position_embeddings: PositiveInt = 8192
    initializer_range: Positive = 0.02
    norm_eps: Positive = 1e-5
    layer_types: list[Literal["full_attention", "sliding_attention"]]
    local_attention: Annotated[int, Field(ge=2)] = 128
    global_rope_theta: Positive = 160000.0
    local_rope_theta: Positive = 10000.0
    embedding_dropout: Rate = 0.0
    attention_dropout: Rate = 0.0
    mlp_dropout: Rate = 0.0
    tie_word_embeddings: bool = True
    classifier_activation: Activation = "gelu"
    classifier_pooling: Literal["cls", "mean"] = "cls"
    classifier_dropout: Rate = 0.0
    # Not obeyed: only these values are accepted.
    attention_bias: Literal[False] = False
    mlp_bias: Literal[False] = False
    norm_bias: Literal[False] = False
    classifier_bias: Literal[False] = False
    decoder_bias: Literal[True] = True
    rope_scaling: None = None

    @classmethod
    def of(cls, model: ModelConfig, vocab_size: int) -> ModernBertConfig:
        """The configuration of a recipe's model over a vocabulary of ``vocab_size`` entries."""
        content = model.obeyed()
        content["hidden_activation"] = content["classifier_activation"] = content.pop("hidden_act")
        del content["init_method"]  # matters for the first weights only
        return cls.parse({**content, "vocab_size": vocab_size}, "model")

    @classmethod
    def parse(cls, content: Mapping[str, Any], uri: str) -> ModernBertConfig:
        """The configuration in a JSON object, in either spelling.

        Args:
            content: The object.
            uri: Its file, for messages.

        Raises:
            UsageError: if it describes no ModernBERT that Berth computes.
        """
        try:
            return cls(**content)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            raise UsageError(
                f"the model configuration is not that of a ModernBERT that Berth computes: {first['msg']}",
                where=f"{uri}, key {key or '(all)'}",
                found=json.dumps(content.get(key)) if key in content else "",
            ) from error

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, content: Any) -> Any:
        """The newer spelling of layers, the published one of the bases: what the fields above hold."""
        content = dict(content)
        every = content.pop("global_attn_every_n_layers", 3)
        if content.get("layer_types") is None:
            layers = content.get("num_hidden_layers", 22)
            if not all(isinstance(number, int) and 0 < number <= MOST_LAYERS for number in (every, layers)):
                raise ValueError(
                    f"global_attn_every_n_layers and num_hidden_layers must be integers above 0, at most {MOST_LAYERS}"
                )
            content["layer_types"] = [GLOBAL if index % every == 0 else LOCAL for index in range(layers)]
        if content.get("local_rope_theta", 0.0) is None:  # local layers then have the base of the global ones
            content["local_rope_theta"] = content.get("global_rope_theta", 160000.0)
        kinds = _object(content.pop("rope_parameters", None), "rope_parameters", (GLOBAL, LOCAL))
        for kind, key in ((GLOBAL, "global_rope_theta"), (LOCAL, "local_rope_theta")):
            rope = _object(kinds.get(kind), f"rope_parameters.{kind}", ("rope_theta", "rope_type"))
            if rope.get("rope_type", "default") != "default":
                raise ValueError(f"rope_parameters.{kind}.rope_type is {rope['rope_type']!r}; expected 'default'")
            if "rope_theta" in rope:
                if content.get(key, rope["rope_theta"]) != rope["rope_theta"]:
                    raise ValueError(f"{key} and rope_parameters.{kind}.rope_theta differ")
                content[key] = rope["rope_theta"]
        return content

    @model_validator(mode="after")
    def _is_possible(self) -> ModernBertConfig:
        if self.hidden_size % (2 * self.num_attention_heads):
            raise ValueError(
                f"hidden_size ({self.hidden_size}) must be an even multiple of num_attention_heads "
                f"({self.num_attention_heads})"
            )
        if len(self.layer_types) != self.num_hidden_layers:
            raise ValueError(
                f"layer_types has {len(self.layer_types)} entries, num_hidden_layers is {self.num_hidden_layers}"
            )
        return self

    def differences(self, content: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """What no shape shows and no training run may change: heads, layers, whether the decoder is tied."""
        keys = ("num_attention_heads", "num_hidden_layers", "tie_word_embeddings")
        pairs = {key: (content.get(key), getattr(self, key)) for key in keys}
        return {key: (theirs, ours) for key, (theirs, ours) in pairs.items() if theirs not in (None, ours)}

    def tensorflow(self) -> dict[str, Any]:
        """There is no such file. Raises UsageError."""
        raise UsageError(
            "ModernBERT has no TensorFlow checkpoints", where="--format", found="tf1 or tf2", expected="huggingface"
        )

    def to_json(self) -> bytes:
        """The file's content, in both spellings, so that every version of transformers reads it."""
        return (json.dumps(self._both_spellings(), indent=2, sort_keys=True) + "\n").encode()

    def huggingface(self, next_sentence: bool) -> dict[str, Any]:
        """Hugging Face's config.json."""
        # Hugging Face's defaults are ids in the vocabulary of the published models.
        tokens = {"pad_token_id": 0, **dict.fromkeys(("bos_token_id", "cls_token_id", "eos_token_id", "sep_token_id"))}
        return {**tokens, **self._both_spellings(), "architectures": ["ModernBertForMaskedLM"]}

    def _both_spellings(self) -> dict[str, Any]:
        content = self.model_dump(exclude={"rope_scaling"})
        content["rope_parameters"] = {
            GLOBAL: {"rope_theta": self.global_rope_theta, "rope_type": "default"},
            LOCAL: {"rope_theta": self.local_rope_theta, "rope_type": "default"},
        }
        # Older versions of transformers know this key only; layers in any other order they cannot have.
        for every in range(1, self.num_hidden_layers + 1):
            if all((kind == GLOBAL) == (index % every == 0) for index, kind in enumerate(self.layer_types)):
                content["global_attn_every_n_layers"] = every
                break
        return content

    def is_global(self, layer: int) -> bool:
        """Whether a layer attends to the whole sequence, not to a window."""
        return self.layer_types[layer] == GLOBAL

    @property
    def reach(self) -> int:
        """Positions to each side that a local layer attends to."""
        return self.local_attention // 2

    @property
    def architecture(self) -> str:
        """Name in the registry."""
        return self.model_type

    @property
    def head_size(self) -> int:
        """Features of one attention head."""
        return self.hidden_size // self.num_attention_heads

    @property
    def type_vocab_size(self) -> int:
        """Segments that records may have: ModernBERT takes pairs of texts, but has no embeddings of segments."""
        return 2

    def activation(self, name: str) -> str:
        """Our name of an activation."""
        return ACTIVATIONS.get(name, name)
