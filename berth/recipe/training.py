"""Sections of the recipe about training: first weights, optimizer, phases, evaluation, fine-tuning, export."""

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

from berth.recipe.section import Expected, FieldName, Fraction, Location, Name, Section


class ExpectedAccuracy(Section):
    """The published masked_lm_accuracy of a checkpoint."""

    value: Fraction
    """Published accuracy: 0.34085 for MLPerf's model.ckpt-28252."""
    tolerance: Annotated[float, Field(gt=0.0)] = 0.01
    """Largest difference between the measured and the published accuracy."""


class Initialization(Section):
    """How weights are loaded from `initial_checkpoint`."""

    heads: Literal["optional", "required"] = "optional"
    """If the checkpoint lacks pre-training heads or the pooler: `optional` starts them from random weights, with a
    warning that names them; `required` makes it an error."""
    vocabulary: Literal["same", "by_token", "by_position"] = "same"
    """If the vocabulary differs from the checkpoint's: `same` makes it an error; `by_token` gives each token its
    embedding in the checkpoint, whatever its id (needs vocab.txt in the checkpoint's directory); `by_position`
    truncates or extends the embedding table."""
    new_tokens: Literal["random", "mean"] = "random"
    """Initial embeddings of tokens that the checkpoint lacks: random numbers, or the mean of all its embeddings."""
    expected: dict[str, Expected] = {}
    """Size and digests of files in the checkpoint's directory, by file name (`bert_config.json`)."""
    accuracy: ExpectedAccuracy | None = None
    """Accuracy that the evaluation before the first update must reach, as proof that the checkpoint was loaded
    correctly. Needs evaluation during training."""


class Optimizer(Section):
    """The optimizer. Learning rates belong to the phases."""

    kind: Literal["lamb", "adamw"] = "lamb"
    """LAMB (layer-wise adaptive rates, for large batches) or AdamW."""
    beta_1: Fraction = 0.9
    """Decay rate of the first moment."""
    beta_2: Fraction = 0.999
    """Decay rate of the second moment."""
    epsilon: Annotated[float, Field(gt=0.0)] = 1e-6
    """Added to the square root of the second moment."""
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.01
    """Decoupled weight decay, multiplied by the learning rate."""
    clip_global_norm: Annotated[float, Field(gt=0.0)] | None = 1.0
    """Maximum global norm of the gradients of all variables; null disables clipping."""
    bias_correction: bool = True
    """Use Adam's bias correction (Google's AdamWeightDecayOptimizer has none)."""
    exclude_from_weight_decay: list[str] = ["LayerNorm", "layer_norm", "bias"]
    """Exclude variables whose path contains one of these strings from weight decay (and from LAMB's layer-wise
    rates)."""


class Schedule(Section):
    """The schedule of learning rates that a phase continues: it began before the phase, or ends after it."""

    from_step: Annotated[int, Field(ge=0)]
    """Step of the schedule at which the phase begins: the number of steps of all phases before it, plus the step of
    `initial_checkpoint` if the first phase continues that checkpoint's schedule."""
    total_steps: PositiveInt
    """Number of steps of the whole schedule: warm-up and decay are counted over these."""

    @model_validator(mode="after")
    def _is_possible(self) -> Schedule:
        if self.total_steps <= self.from_step:
            raise ValueError(
                f"the schedule ends at step {self.total_steps:,} (total_steps), before the phase starts at step "
                f"{self.from_step:,} (from_step)"
            )
        return self


class Phase(Section):
    """One phase of training. A step is one optimizer update."""

    name: Name
    """Name of the phase, in logs and in the report."""
    records: str
    """Name of the record set to train on."""
    steps: PositiveInt
    """Number of steps."""
    batch_size: PositiveInt
    """Global batch size: sequences per step."""
    accumulation: PositiveInt = 1
    """Number of micro-batches whose gradients are summed in one step. Must divide `batch_size`."""
    learning_rate: Annotated[float, Field(gt=0.0)]
    """Peak learning rate, reached at the end of warm-up."""
    end_learning_rate: Annotated[float, Field(ge=0.0)] = 0.0
    """Learning rate at the last step of the schedule."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Number of steps of linear warm-up."""
    start_warmup_step: int = 0
    """Step from which warm-up is counted; may be negative (MLPerf)."""
    power: Annotated[float, Field(gt=0.0)] = 1.0
    """Exponent of the polynomial decay; 1 is linear."""
    schedule: Schedule | None = None
    """The schedule of which the phase is a part. By default the phase is a schedule of its own."""
    optimizer_state: Literal["keep", "reset"] = "keep"
    """Keep or reset the optimizer's moments of the previous phase."""

    @property
    def first_step(self) -> int:
        """The step of its schedule that its first step is, from 0."""
        return self.schedule.from_step if self.schedule is not None else 0

    @property
    def schedule_steps(self) -> int:
        """Number of steps of its schedule."""
        return self.schedule.total_steps if self.schedule is not None else self.steps

    @model_validator(mode="after")
    def _is_possible(self) -> Phase:
        if self.first_step + self.steps > self.schedule_steps:
            raise ValueError(
                f"the schedule ends at step {self.schedule_steps:,} (schedule.total_steps), before the phase: its "
                f"{self.steps:,} steps from {self.first_step:,} (schedule.from_step) end at "
                f"{self.first_step + self.steps:,}"
            )
        if self.warmup_steps > self.schedule_steps:
            whole = "the phase's steps" if self.schedule is None else "the schedule's total_steps"
            raise ValueError(f"warmup_steps ({self.warmup_steps}) is more than {whole} ({self.schedule_steps})")
        if self.batch_size % self.accumulation:
            raise ValueError(f"batch_size ({self.batch_size}) must be a multiple of accumulation ({self.accumulation})")
        return self


class Training(Section):
    """How the model is trained."""

    engine: Literal["tensorflow", "jax"] = "tensorflow"
    """Library that computes: TensorFlow, or JAX (needs the extra `jax`). Either reads the other's checkpoints."""
    attention: Literal["plain", "fused"] = "plain"
    """Attention kernel. `fused` does not write attention scores to memory (cuDNN's flash attention on NVIDIA GPUs,
    XLA's own fusion elsewhere). It needs `engine: jax` and `model.attention_probs_dropout_prob: 0`, since fused
    kernels cannot apply dropout masks that are the same on every device."""
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """Precision of the computation. Weights and optimizer moments are always float32."""
    phases: list[Phase] = Field(min_length=1)
    """Phases, in order."""
    order: Literal["blocks", "global"] = "blocks"
    """Order of the records in an epoch. `blocks`: blocks of about 1 MiB in random order, then records in random order
    within windows of blocks, so that files in a bucket are read once an epoch, piece by piece. A set smaller than the
    windows is in random order as a whole. `global`: always that; for sets that fit into `read_buffer_mib`."""
    order_streams: PositiveInt = 64
    """For `order: blocks`: number of parallel sequences of blocks from which each batch takes equal shares. If it
    divides the batch size, and processes times micro-batches divide it, each process reads its share of the files
    only."""
    order_window_mib: PositiveInt = 512
    """For `order: blocks`: MiB of records that the windows of all streams hold together. Larger windows mix better and
    need more of `read_buffer_mib`."""
    read_buffer_mib: PositiveInt = 1024
    """MiB of records that a process holds in memory. Results do not depend on it."""
    read_cache: Location | None = None
    """Directory on a local disk for what is read of the record files, so that later epochs do not fetch it again."""
    read_cache_gib: PositiveInt = 100
    """GiB that `read_cache` may take."""
    steps_per_epoch: PositiveInt | None = None
    """Number of steps that the recipe's authors call an epoch, for plans and reports only."""
    checkpoint_every_steps: PositiveInt = 1000
    """Interval between checkpoints, in steps. The last step is always saved."""
    keep_checkpoints: PositiveInt = 3
    """Number of newest checkpoints to keep."""
    log_every_steps: PositiveInt = 10
    """Interval between lines of metrics.jsonl, in steps."""

    @model_validator(mode="after")
    def _is_possible(self) -> Training:
        before = self.phases[0].first_step
        for index, phase in enumerate(self.phases):
            if phase.schedule is not None and phase.first_step != before:
                raise ValueError(
                    f"phases.{index}.schedule.from_step is {phase.first_step:,}, but the phase {phase.name!r} begins "
                    f"after step {before:,}: that is the sum of the steps before it. Give it from_step: {before}"
                )
            before += phase.steps
        return self


def _one_problem(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """One message for a value that is none of several kinds; pydantic would give one for each."""
    try:
        return check(value)
    except ValidationError as error:
        raise ValueError(f"found {value!r}, expected a number of sequences above 0, or mlperf") from error


class Target(Section):
    """A metric at whose value training ends."""

    metric: Literal["masked_lm_accuracy", "masked_lm_loss", "next_sentence_accuracy", "next_sentence_loss"] = (
        "masked_lm_accuracy"
    )
    """Metric of the evaluation. An accuracy (0 to 1) must rise to the value, a loss (nats) fall to it."""
    value: float
    """Value to reach, for example MLPerf's masked_lm_accuracy of 0.720."""


class Evaluation(Section):
    """Evaluation of the model on held-out records, after training and, optionally, during it."""

    records: str
    """Record set whose options are used to make the evaluation records from the held-out documents."""
    examples: PositiveInt = 1000
    """Number of records in the evaluation set, picked evenly from all."""
    batch_size: PositiveInt = 64
    """Records per batch of the evaluation. Results do not depend on it, except for rounding."""
    every_samples: Annotated[PositiveInt | Literal["mlperf"], WrapValidator(_one_problem)] | None = None
    """Evaluate during training as well: before the first step, at this interval (in sequences of a phase), and at the
    end of each phase. `mlperf` is MLPerf's interval for the phase's batch size. The best checkpoint is kept too."""
    every_steps: PositiveInt | None = None
    """Like `every_samples`, but with the interval in steps, counted across phases."""
    target: Target | None = None
    """Stop training as soon as an evaluation reaches this target. Needs `every_samples` or `every_steps`."""
    checkpoints: Literal["newest", "all"] = "newest"
    """Checkpoints to evaluate after training: the `newest`, or `all` that were kept (a curve in the report)."""

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
        """Whether the model is evaluated during training, not only after it."""
        return self.every_samples is not None or self.every_steps is not None

    @model_validator(mode="after")
    def _is_possible(self) -> Evaluation:
        if self.every_samples is not None and self.every_steps is not None:
            raise ValueError("give only one of every_samples and every_steps")
        if self.target is not None and not self.is_during_training:
            raise ValueError("a target needs evaluations during training: give every_samples or every_steps")
        return self


class FineTuning(Section):
    """A task on which the trained model is fine-tuned and measured."""

    task: Literal["mnli", "qqp", "qnli", "sst2", "cola", "stsb", "mrpc", "rte", "classification"]
    """A GLUE task, or `classification` of texts or pairs of texts."""
    data: Location
    """Directory (local, gs:// or package://) of the task's files: for GLUE tasks with GLUE's file names; for
    `classification` train and dev, each as .tsv, .csv or .jsonl."""
    fields: Annotated[list[FieldName], Field(min_length=1, max_length=2)] = ["text"]
    """For `classification`: the column of the text, or the two columns of a pair of texts."""
    label_field: FieldName = "label"
    """For `classification`: the column of the label."""
    max_seq_length: Annotated[int, Field(ge=5)] = 128
    """Maximum number of tokens of a text or pair, including special tokens. Longer ones are truncated."""
    epochs: PositiveInt = 3
    """Number of passes over the training examples."""
    batch_size: PositiveInt = 32
    """Examples per step."""
    learning_rate: Annotated[float, Field(gt=0.0)] = 2e-5
    """Peak learning rate, reached at the end of warm-up. It then decays linearly to 0."""
    warmup_proportion: Fraction = 0.1
    """Fraction of the steps that are warm-up."""
    every_steps: PositiveInt | None = None
    """Fine-tune not only the final model but also the model at every multiple of this number of pre-training steps.
    Pre-training does not wait for it."""

    def steps(self, total: int) -> list[int]:
        """The steps of a pre-training run of ``total`` steps after which the model is fine-tuned, the last included."""
        return [*range(self.every_steps, total, self.every_steps), total] if self.every_steps is not None else [total]

    @model_validator(mode="after")
    def _is_possible(self) -> FineTuning:
        if self.task != "classification" and (self.fields != ["text"] or self.label_field != "label"):
            raise ValueError(
                f"fields and label_field are for task: classification; the columns of {self.task} are fixed"
            )
        return self


class Export(Section):
    """Export of the trained model for other libraries."""

    formats: list[Literal["huggingface", "savedmodel", "encoder", "tf1", "tf2"]] = ["huggingface"]
    """Formats: `huggingface` (a directory that `transformers` loads), `savedmodel` (a TensorFlow SavedModel that takes
    token ids), `encoder` (weights without heads, as `initial_checkpoint` of another recipe), `tf1` (a checkpoint for
    google-research/bert), `tf2` (one for the TensorFlow Model Garden)."""
