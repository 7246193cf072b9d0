"""The recipe as a whole: its sections, and the checks across them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    Field,
    field_validator,
    model_validator,
)

from berth.recipe.cluster import Cluster
from berth.recipe.corpus import (
    Corpus,
    RecordSet,
    Segmentation,
    Vocabulary,
)
from berth.recipe.execution import Execution
from berth.recipe.model import ModelConfig
from berth.recipe.published import Published
from berth.recipe.section import Location, Name, Section
from berth.recipe.statistics import Statistics
from berth.recipe.training import (
    Evaluation,
    Export,
    FineTuning,
    Initialization,
    Optimizer,
    Training,
)


class Recipe(Section):
    """A whole run, from raw text to an evaluated model."""

    name: Name
    """Name of the recipe."""
    description: str = ""
    """Purpose of the recipe, in one sentence."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 12345
    """Seed of all randomness."""
    corpus: Corpus
    segmentation: Segmentation = Segmentation()
    vocabulary: Vocabulary = Vocabulary()
    records: dict[Name, RecordSet] = Field(min_length=1)
    """Record sets by name; training phases refer to them."""
    model: ModelConfig = ModelConfig()
    initial_checkpoint: Location | None = None
    """Weights to start from: prefix of a TF1 or TF2 checkpoint (`…/bert_model.ckpt`), Hugging Face directory, or output
    of `berth train` or `berth export --format encoder`. By default training starts from random weights."""
    initialization: Initialization = Initialization()
    optimizer: Optimizer = Optimizer()
    training: Training
    evaluation: Evaluation
    fine_tuning: dict[Name, FineTuning] = Field(default={})
    """Fine-tuning tasks by name."""
    export: Export = Export()
    statistics: Statistics = Statistics()
    published: Published = Published()
    execution: Execution = Execution()
    cluster: Cluster = Cluster()

    @property
    def slice_ends(self) -> list[int]:
        """The steps that end a slice of the training run: those whose model is fine-tuned, and the last one."""
        total = sum(phase.steps for phase in self.training.phases)
        return sorted({total}.union(*(task.steps(total) for task in self.fine_tuning.values())))

    @field_validator("segmentation", "initialization", mode="before")
    @classmethod
    def _of_base(cls, value: Any) -> Any:
        """Null removes what a recipe inherits by `extends`."""
        return {} if value is None else value

    @model_validator(mode="after")
    def _is_possible(self) -> Recipe:
        known = ", ".join(self.records)
        for index, phase in enumerate(self.training.phases):
            if phase.records not in self.records:
                raise ValueError(
                    f"training.phases.{index}.records names the record set {phase.records!r}; there are: {known}"
                )
        names = [phase.name for phase in self.training.phases]
        if len(set(names)) < len(names):
            raise ValueError(f"training.phases: two phases have the same name ({', '.join(names)})")
        if self.model.architecture == "modernbert":
            for phase in self.training.phases:
                if self.records[phase.records].objective != "mlm":
                    raise ValueError(
                        f"records.{phase.records}.objective is {self.records[phase.records].objective}, but "
                        "model.architecture: modernbert has no next-sentence head; set it to mlm"
                    )
        if self.training.attention == "fused":
            if self.training.engine != "jax":
                raise ValueError("training.attention: fused needs training.engine: jax; TensorFlow has no such kernel")
            if self.model.architecture == "modernbert":
                raise ValueError(
                    "training.attention: fused is not available for model.architecture: modernbert, whose layers "
                    "attend to windows; remove it"
                )
            if self.model.attention_probs_dropout_prob > 0.0:
                raise ValueError(
                    "training.attention: fused needs model.attention_probs_dropout_prob: 0 (it is "
                    f"{self.model.attention_probs_dropout_prob:g}): fused kernels do not apply this dropout"
                )
        if self.initial_checkpoint is None and self.initialization != Initialization():
            raise ValueError(
                "initialization is given, but initial_checkpoint names none; remove it (initialization: null)"
            )
        if (first := self.training.phases[0]).first_step and self.initial_checkpoint is None:
            raise ValueError(
                f"training.phases.0.schedule continues at step {first.first_step:,}, but initial_checkpoint names no "
                "checkpoint of that step"
            )
        if self.initialization.accuracy is not None and not self.evaluation.is_during_training:
            raise ValueError(
                "initialization.accuracy needs an evaluation before the first step: give evaluation.every_samples or "
                "every_steps"
            )
        for name, task in self.fine_tuning.items():
            if task.max_seq_length > self.model.max_position_embeddings:
                raise ValueError(
                    f"fine_tuning.{name}.max_seq_length ({task.max_seq_length}) is more than "
                    f"model.max_position_embeddings ({self.model.max_position_embeddings})"
                )
        self.statistics.check(self.records)
        if self.evaluation.records not in self.records:
            raise ValueError(f"evaluation.records names the record set {self.evaluation.records!r}; there are: {known}")
        target = self.evaluation.target
        if target is not None and target.metric.startswith("next_sentence"):
            trained = {self.records[phase.records].objective for phase in self.training.phases}
            if "mlm+nsp" not in trained:
                raise ValueError(f"evaluation.target.metric is {target.metric}, but no phase has objective: mlm+nsp")
        if self.corpus.prepared is not None:
            if self.segmentation != Segmentation():
                raise ValueError(
                    "segmentation is given, but corpus.prepared is already split into sentences; remove it "
                    "(segmentation: null)"
                )
        elif self.segmentation.eval_documents == 0:
            raise ValueError("segmentation.eval_documents is 0, but evaluation needs held-out documents")
        longest = max(self.records.values(), key=lambda records: records.max_seq_length).max_seq_length
        if longest > self.model.max_position_embeddings:
            raise ValueError(
                f"a record set has max_seq_length {longest}, more than model.max_position_embeddings "
                f"({self.model.max_position_embeddings})"
            )
        return self
