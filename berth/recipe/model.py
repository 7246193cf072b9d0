"""The recipe's section `model`: the architecture and its shape."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, model_validator

from berth.recipe.section import Section

Rate = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0)]

# The keys that one architecture obeys and the other does not; all others are common to both.
BERT_KEYS = ("hidden_dropout_prob", "attention_probs_dropout_prob", "type_vocab_size", "layer_norm_eps")
MODERNBERT_KEYS = (
    "global_attn_every_n_layers",
    "local_attention",
    "global_rope_theta",
    "local_rope_theta",
    "norm_eps",
    "embedding_dropout",
    "attention_dropout",
    "mlp_dropout",
    "init_method",
)


class ModelConfig(Section):
    """The model, with the keys of Google's bert_config.json and, where BERT has none, those of Hugging Face.

    `vocab_size` is the size of the vocabulary.
    """

    architecture: Literal["bert", "modernbert"] = "bert"
    """The architecture, by its name in the registry of `trainer/models`. Keys that it does not obey cannot be set."""
    hidden_size: PositiveInt = 768
    """Width of the hidden layers and of the embeddings. Must be a multiple of `num_attention_heads`."""
    num_hidden_layers: PositiveInt = 12
    """Number of transformer layers."""
    num_attention_heads: PositiveInt = 12
    """Attention heads per layer."""
    intermediate_size: PositiveInt = 3072
    """Width of the feed-forward layers. ModernBERT's have twice as many inputs: one half is the gate."""
    hidden_act: Literal["gelu", "gelu_new", "relu"] = "gelu"
    """Activation of the feed-forward layers: `gelu` is exact (erf), `gelu_new` is the tanh approximation."""
    hidden_dropout_prob: Rate = 0.1
    """BERT: dropout rate of embeddings and hidden layers."""
    attention_probs_dropout_prob: Rate = 0.1
    """BERT: dropout rate of attention scores."""
    max_position_embeddings: PositiveInt = 512
    """The longest sequence that the model takes. BERT has an embedding for each position."""
    type_vocab_size: PositiveInt = 2
    """BERT: number of segment embeddings (A and B)."""
    initializer_range: Positive = 0.02
    """Standard deviation of the truncated normal distribution of initial weights."""
    layer_norm_eps: Positive = 1e-12
    """BERT: epsilon of layer normalisation."""
    global_attn_every_n_layers: PositiveInt = 3
    """ModernBERT: layers 0, n, 2n … attend to the whole sequence, the others to a window; 1 means all layers do."""
    local_attention: Annotated[int, Field(ge=2)] = 128
    """ModernBERT: size of the window: half of it to each side of a position."""
    global_rope_theta: Positive = 160000.0
    """ModernBERT: base of the rotary position embeddings in layers that attend to the whole sequence."""
    local_rope_theta: Positive = 10000.0
    """ModernBERT: base of the rotary position embeddings in layers with a window."""
    norm_eps: Positive = 1e-5
    """ModernBERT: epsilon of layer normalisation."""
    embedding_dropout: Rate = 0.0
    """ModernBERT: dropout rate of the embeddings."""
    attention_dropout: Rate = 0.0
    """ModernBERT: dropout rate of attention scores and of the output of attention."""
    mlp_dropout: Rate = 0.0
    """ModernBERT: dropout rate inside the feed-forward layers."""
    init_method: Literal["megatron", "normal"] = "megatron"
    """ModernBERT: initial weights. `megatron`, as published, divides the standard deviation of output projections by
    the square root of twice the number of layers; `normal` has `initializer_range` everywhere."""

    def obeyed(self) -> dict[str, Any]:
        """The keys that the architecture obeys, with their values, but for `architecture` itself."""
        return self.model_dump(exclude={"architecture", *self._foreign_keys})

    @property
    def _foreign_keys(self) -> tuple[str, ...]:
        return BERT_KEYS if self.architecture == "modernbert" else MODERNBERT_KEYS

    @model_validator(mode="after")
    def _is_possible(self) -> ModelConfig:
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size ({self.hidden_size}) must be a multiple of num_attention_heads "
                f"({self.num_attention_heads})"
            )
        if foreign := [key for key in self._foreign_keys if getattr(self, key) != self.default(key)]:
            found = ", ".join(f"{key} ({getattr(self, key)})" for key in foreign)
            defaults = ", ".join(f"{key}: {self.default(key)}" for key in foreign)
            obeyed = MODERNBERT_KEYS if self.architecture == "modernbert" else BERT_KEYS
            raise ValueError(
                f"the architecture {self.architecture} does not obey {found}; remove what is set, or leave the default "
                f"({defaults}). The keys that it obeys and others do not: {', '.join(obeyed)}"
            )
        if self.architecture == "modernbert" and self.hidden_size // self.num_attention_heads % 2:
            raise ValueError(
                f"hidden_size / num_attention_heads ({self.hidden_size // self.num_attention_heads}) must be even: "
                "rotary position embeddings rotate pairs of features"
            )
        return self
