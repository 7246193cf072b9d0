"""Sections of the recipe about the model: its shape, optimizer, phases, evaluation, export."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    PositiveInt,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from berth.recipe.section import Expected, FieldName, Fraction, Name, Section


class ModelConfig(Section):
    """The model, in the keys of Google's bert_config.json. `vocab_size` is that of the vocabulary."""

    architecture: Literal["bert"] = "bert"
    """The architecture, by its name in the registry of `trainer/models`."""
    hidden_size: PositiveInt = 768
    num_hidden_layers: PositiveInt = 12
    num_attention_heads: PositiveInt = 12
    intermediate_size: PositiveInt = 3072
    hidden_act: Literal["gelu", "gelu_new", "relu"] = "gelu"
    """`gelu` is the exact one (erf), `gelu_new` the tanh approximation."""
    hidden_dropout_prob: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    attention_probs_dropout_prob: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    max_position_embeddings: PositiveInt = 512
    type_vocab_size: PositiveInt = 2
    initializer_range: Annotated[float, Field(gt=0.0)] = 0.02
    layer_norm_eps: Annotated[float, Field(gt=0.0)] = 1e-12

    @model_validator(mode="after")
    def _is_possible(self) -> ModelConfig:
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size ({self.hidden_size}) must be a multiple of num_attention_heads "
                f"({self.num_attention_heads})"
            )
        return self


class ExpectedAccuracy(Section):
    """The masked_lm_accuracy of a checkpoint as its publisher measured it."""

    value: Fraction
    """For example 0.34085, MLPerf's for model.ckpt-28252."""
    tolerance: Annotated[float, Field(gt=0.0)] = 0.01
    """How far the measured one may be from it."""


class Initialization(Section):
    """How the model's first weights follow from `initial_checkpoint`."""

    heads: Literal["optional", "required"] = "optional"
    """`optional`: pre-training heads (and the pooler) that the checkpoint lacks begin with random weights, and a
    warning names them; `required`: that is an error."""
    vocabulary: Literal["same", "by_token", "by_position"] = "same"
    """`same`: another vocabulary than the checkpoint's is an error; `by_token`: a token keeps its embedding wherever
    it stands now (needs the checkpoint's vocab.txt in its directory); `by_position`: the table is cut off or
    lengthened."""
    new_tokens: Literal["random", "mean"] = "random"
    """What the embeddings of tokens that the checkpoint lacks begin with: random numbers, or the mean of all."""
    expected: dict[str, Expected] = {}
    """What files in the checkpoint's directory must be, by their names (`bert_config.json`)."""
    accuracy: ExpectedAccuracy | None = None
    """What the evaluation before the first update must give: it shows that the checkpoint was loaded as its authors
    meant it. Needs evaluations during training."""


class Optimizer(Section):
    """The optimizer; learning rates belong to the phases."""

    kind: Literal["lamb", "adamw"] = "lamb"
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: Annotated[float, Field(gt=0.0)] = 1e-6
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.01
    clip_global_norm: Annotated[float, Field(gt=0.0)] | None = 1.0
    """Gradients of all variables together are scaled to this norm at most; null does not clip."""
    bias_correction: bool = True
    """Adam's bias correction (Google's AdamWeightDecayOptimizer has none)."""
    exclude_from_weight_decay: list[str] = ["LayerNorm", "layer_norm", "bias"]
    """Variables whose path contains one of these texts are not decayed (and not layer-adapted by LAMB)."""


class Phase(Section):
    """One phase of training. Steps are optimizer updates."""

    name: Name
    records: str
    """Name of the record set."""
    steps: PositiveInt
    batch_size: PositiveInt
    """Global batch: sequences in one optimizer update."""
    accumulation: PositiveInt = 1
    """Micro-batches one update is summed from; must divide the batch."""
    learning_rate: Annotated[float, Field(gt=0.0)]
    """Peak rate, reached after warm-up."""
    end_learning_rate: Annotated[float, Field(ge=0.0)] = 0.0
    """Rate at the last step."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    start_warmup_step: int = 0
    """Step at which warm-up is counted from; may be negative (MLPerf)."""
    power: Annotated[float, Field(gt=0.0)] = 1.0
    """Exponent of the polynomial decay; 1 is linear."""
    optimizer_state: Literal["keep", "reset"] = "keep"
    """Whether the optimizer's moments are kept from the phase before."""

    @model_validator(mode="after")
    def _is_possible(self) -> Phase:
        if self.warmup_steps > self.steps:
            raise ValueError(f"warmup_steps ({self.warmup_steps}) is more than the phase's steps ({self.steps})")
        if self.batch_size % self.accumulation:
            raise ValueError(f"batch_size ({self.batch_size}) must be a multiple of accumulation ({self.accumulation})")
        return self


class Training(Section):
    """How the model is trained."""

    engine: Literal["tensorflow", "jax"] = "tensorflow"
    """What runs the steps; `jax` needs the extra of that name. Either continues what the other began."""
    attention: Literal["plain", "fused"] = "plain"
    """`fused` never writes the attention scores to memory (on NVIDIA GPUs by cuDNN's flash attention, elsewhere as XLA
    compiles it). Needs `engine: jax` and `model.attention_probs_dropout_prob: 0`: those kernels cannot drop scores by
    masks that are the same on any device."""
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    phases: list[Phase] = Field(min_length=1)
    """Phases, one after the other."""
    steps_per_epoch: PositiveInt | None = None
    """Updates that the authors of a recipe call an epoch; only plans and reports know of it."""
    checkpoint_every_steps: PositiveInt = 1000
    keep_checkpoints: PositiveInt = 3
    """How many of the newest checkpoints are kept."""
    log_every_steps: PositiveInt = 10
    """Every how many steps a line is added to metrics.jsonl."""


def _one_problem(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """One message for a value that is none of several kinds; pydantic would give one for each."""
    try:
        return check(value)
    except ValidationError as error:
        raise ValueError(f"found {value!r}, expected a number of sequences above 0, or mlperf") from error


class Target(Section):
    """A figure of the evaluation at which training ends."""

    metric: Literal["masked_lm_accuracy", "masked_lm_loss", "next_sentence_accuracy", "next_sentence_loss"] = (
        "masked_lm_accuracy"
    )
    """An accuracy (0 to 1) must come up to the value, a loss (nats) down to it."""
    value: float
    """For example 0.720, the masked_lm_accuracy of MLPerf."""


class Evaluation(Section):
    """What the model is measured on, and when."""

    records: str
    """Record set whose options the evaluation records are made with, from the held-out documents."""
    examples: PositiveInt = 1000
    """Records picked evenly for the evaluation set."""
    batch_size: PositiveInt = 64
    """Records evaluated at once; the figures do not depend on it but for rounding."""
    every_samples: Annotated[PositiveInt | Literal["mlperf"], WrapValidator(_one_problem)] | None = None
    """Evaluate during training too: before the first step, after every so many sequences of a phase, and at its end.
    `mlperf` is MLPerf's interval, which follows from the phase's batch. The best checkpoint is then kept too."""
    every_steps: PositiveInt | None = None
    """The same, counted in optimizer updates through all phases."""
    target: Target | None = None
    """Training ends as soon as an evaluation reaches it; needs every_samples or every_steps."""
    checkpoints: Literal["newest", "all"] = "newest"
    """Which of the checkpoints that training left are evaluated after it; `all` gives the report a curve."""

    def sequences_between(self, batch_size: int) -> int:
        """Sequences between two evaluations that are counted in sequences, in a phase of this global batch.

        `mlperf` is `floor(0.05 * (230.23 * batch + 3,000,000) / 25,000) * 25,000`, from "Stopping criteria" in
        language_model/tensorflow/bert/README.md of https://github.com/mlcommons/training.
        """
        if self.every_samples == "mlperf":
            return math.floor(0.05 * (230.23 * batch_size + 3_000_000) / 25_000) * 25_000
        return self.every_samples or 0

    @property
    def is_during_training(self) -> bool:
        """Whether the model is evaluated before its training has ended."""
        return self.every_samples is not None or self.every_steps is not None

    @model_validator(mode="after")
    def _is_possible(self) -> Evaluation:
        if self.every_samples is not None and self.every_steps is not None:
            raise ValueError("give only one of every_samples and every_steps")
        if self.target is not None and not self.is_during_training:
            raise ValueError("a target needs evaluations during training: give every_samples or every_steps")
        return self


class FineTuning(Section):
    """A task that the model is fine-tuned on, to measure it by."""

    task: Literal["mnli", "qqp", "qnli", "sst2", "cola", "stsb", "mrpc", "rte", "classification"]
    """A task of GLUE, or any other classification of texts or pairs of texts."""
    data: str
    """Directory (local, gs:// or package://) of the task's files: those of GLUE by their names; for `classification`
    train and dev, each as .tsv, .csv or .jsonl."""
    fields: Annotated[list[FieldName], Field(min_length=1, max_length=2)] = ["text"]
    """For `classification`: the column of the text, or the two of a pair of texts."""
    label_field: FieldName = "label"
    """For `classification`: the column of the label."""
    max_seq_length: Annotated[int, Field(ge=5)] = 128
    """Tokens of a text or pair, special ones included; longer ones are cut."""
    epochs: PositiveInt = 3
    batch_size: PositiveInt = 32
    learning_rate: Annotated[float, Field(gt=0.0)] = 2e-5
    """Peak rate, reached after warm-up; it then sinks to 0 in a straight line."""
    warmup_proportion: Fraction = 0.1
    """Share of the steps that are warm-up."""
    every_steps: PositiveInt | None = None
    """Fine-tune the model of every so many updates of pre-training too, not only the last, without holding it up."""

    def steps(self, total: int) -> list[int]:
        """The updates of a pre-training of ``total`` after which the model is fine-tuned; the last is one of them."""
        return [*range(self.every_steps, total, self.every_steps), total] if self.every_steps is not None else [total]

    @model_validator(mode="after")
    def _is_possible(self) -> FineTuning:
        if self.task != "classification" and (self.fields != ["text"] or self.label_field != "label"):
            raise ValueError(f"fields and label_field are for task: classification; the files of {self.task} are known")
        return self


class Export(Section):
    """What the trained model is exported to."""

    formats: list[Literal["huggingface", "savedmodel", "encoder"]] = ["huggingface"]
