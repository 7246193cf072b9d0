"""A recipe at a small scale: the same stages and options with little text, a small model and few steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from berth.errors import UsageError
from berth.recipe import Initialization, Recipe, Segmentation, Statistics

TINY = "tiny"

# The quickstart's excerpt of English Wikipedia, and samples of fine-tuning tasks, which are packaged with Berth.
EXCERPT = "package://gensim/test/test_data/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
SAMPLES = {"mnli": "package://berth_recipes/samples/mnli"}

# Upper limits of each quantity.
LAYERS, HIDDEN_SIZE, INTERMEDIATE_SIZE, ATTENTION_HEADS = 2, 64, 256, 2
LAYERS_FACTOR = 3  # layers are divided by at least this, so that the larger of two models stays larger
STEPS, BATCH_SIZE, MICRO_BATCHES = 24, 8, 2
VOCABULARY_SIZE, SAMPLE_SENTENCES = 2000, 2000
SHARDS, SHARD_LINES, EVAL_DOCUMENTS = 4, 4000, 8
EXAMPLES, EVALUATION_BATCH_SIZE = 100, 50


@dataclass(frozen=True)
class Change:
    """One quantity before and after scaling."""

    name: str
    before: int
    after: int

    def __str__(self) -> str:
        if self.before == self.after:
            return f"{self.after:,}"
        return f"{self.before:,} → {self.after:,} (÷{_three_digits(self.before / self.after)})"


def scaled(recipe: Recipe, scale: str) -> Recipe:
    """The recipe at a scale, called ``NAME_SCALE``.

    At `tiny` the corpus is the quickstart's excerpt, extracted even if the recipe has prepared text; a vocabulary is
    learned from it even if one is given; weights are random at first; fine-tuning uses the sample of its task or, if
    there is none, is dropped. Everything counted in steps is divided by the same factor. The cluster section is kept,
    and so is everything that is not a size: filter, sentence splitter, case, masking, optimizer, learning rates.

    Raises:
        UsageError: for an unknown scale.
    """
    if scale != TINY:
        raise UsageError("no such scale", where=f"--scale {scale}", expected=TINY)
    content = recipe.model_dump()
    content["name"] = f"{recipe.name}_{scale}"
    content["corpus"] |= {"language": "en", "sources": [{"path": EXCERPT}], "prepared": None}
    if content["corpus"]["filter"] is not None:
        content["corpus"]["filter"]["languages"] = None
    content["segmentation"] = _segmentation(recipe.segmentation)
    content["vocabulary"] |= {"path": None, "expected": None}
    _shrink(content["vocabulary"], size=VOCABULARY_SIZE, sample_sentences=SAMPLE_SENTENCES)
    for records in content["records"].values():
        records["dupe_factor"] = 1
    if recipe.model.hidden_size > HIDDEN_SIZE:
        content["model"] |= {
            "hidden_size": HIDDEN_SIZE,
            "intermediate_size": INTERMEDIATE_SIZE,
            "num_attention_heads": ATTENTION_HEADS,
        }
    layers = max(1, recipe.model.num_hidden_layers // LAYERS_FACTOR)
    content["model"]["num_hidden_layers"] = min(LAYERS, layers)
    content |= {"initial_checkpoint": None, "initialization": Initialization(), "statistics": Statistics()}
    content["training"] |= _training(recipe)
    _shrink(content["evaluation"], examples=EXAMPLES, batch_size=EVALUATION_BATCH_SIZE)
    every = recipe.evaluation.every_steps
    content["evaluation"]["every_steps"] = every and _divided(every, _steps_factor(recipe))
    total = sum(phase["steps"] for phase in content["training"]["phases"])
    content["published"]["log"] = _log(recipe)
    content["fine_tuning"] = {
        name: {**content["fine_tuning"][name], **_fine_tuning(task.task, task.every_steps, total)}
        for name, task in recipe.fine_tuning.items()
        if task.task in SAMPLES
    }
    return Recipe.model_validate(content)


def changes(recipe: Recipe, small: Recipe) -> list[Change]:
    """The quantities of a recipe before and after scaling."""

    def steps(any_recipe: Recipe) -> int:
        return sum(phase.steps for phase in any_recipe.training.phases)

    def largest(any_recipe: Recipe) -> int:
        return max(phase.batch_size for phase in any_recipe.training.phases)

    def most(any_recipe: Recipe) -> int:
        return max(records.dupe_factor for records in any_recipe.records.values())

    return [
        Change("layers", recipe.model.num_hidden_layers, small.model.num_hidden_layers),
        Change("hidden size", recipe.model.hidden_size, small.model.hidden_size),
        Change("steps", steps(recipe), steps(small)),
        Change("batch", largest(recipe), largest(small)),
        Change("duplicates", most(recipe), most(small)),
        Change("vocabulary", recipe.vocabulary.size, small.vocabulary.size),
        Change("evaluation records", recipe.evaluation.examples, small.evaluation.examples),
    ]


def describe(recipe: Recipe, small: Recipe, scale: str) -> str:
    """The changes on one line, for the log."""
    listed = ", ".join(f"{change.name} {change}" for change in changes(recipe, small))
    return f"{scale}: {listed}; the corpus is the quickstart's excerpt, and training starts from random weights"


def _segmentation(segmentation: Segmentation) -> dict[str, Any]:
    content = segmentation.model_dump()
    _shrink(content, shards=SHARDS, shard_lines=SHARD_LINES)
    content["eval_documents"] = EVAL_DOCUMENTS
    return content


def _training(recipe: Recipe) -> dict[str, Any]:
    """Phases of few steps for any machine: in float32, by the engine that is always installed."""
    factor = _steps_factor(recipe)
    phases: list[dict[str, Any]] = []
    for phase in recipe.training.phases:
        content = phase.model_dump()
        content["steps"] = _divided(phase.steps, factor)
        whole = content["steps"]
        if phase.schedule is not None:
            # Weights are random: the schedule begins with the first phase. What follows the phase remains.
            before, after = sum(each["steps"] for each in phases), phase.schedule_steps - phase.first_step - phase.steps
            whole += before + round(after / factor)
            content["schedule"] = {"from_step": before, "total_steps": whole}
        content["warmup_steps"] = min(whole, round(phase.warmup_steps / factor))
        content["start_warmup_step"] = round(phase.start_warmup_step / factor)
        _shrink(content, batch_size=BATCH_SIZE, accumulation=MICRO_BATCHES)
        content["batch_size"] -= content["batch_size"] % content["accumulation"]
        phases.append(content)
    counted = recipe.training.model_dump(
        include={"steps_per_epoch", "checkpoint_every_steps", "log_every_steps"}, exclude_none=True
    )
    settings = {"engine": "tensorflow", "attention": "plain", "precision": "float32", "phases": phases}
    return settings | {name: _divided(value, factor) for name, value in counted.items()}


def _log(recipe: Recipe) -> list[dict[str, Any]]:
    """The published log's lines; of those that fall on one step, the last."""
    factor = _steps_factor(recipe)
    lines = {_divided(line.step, factor): line.model_dump() for line in recipe.published.log}
    return [{**line, "step": step} for step, line in lines.items()]


def _fine_tuning(task: str, every_steps: int | None, total: int) -> dict[str, Any]:
    """One epoch over the sample; fine-tuning during pre-training happens once in the middle and once at the end."""
    return {"data": SAMPLES[task], "epochs": 1, "every_steps": every_steps and -(-total // 2)}


def _steps_factor(recipe: Recipe) -> float:
    """The divisor of everything counted in steps."""
    return max(1.0, sum(phase.steps for phase in recipe.training.phases) / STEPS)


def _divided(steps: int, factor: float) -> int:
    return max(1, round(steps / factor))


def _shrink(content: dict[str, Any], **limits: int) -> None:
    """Lower values to their limits; None stays None."""
    for name, limit in limits.items():
        if content[name] is not None:
            content[name] = min(content[name], limit)


def _three_digits(factor: float) -> str:
    return f"{factor:,.0f}" if factor >= 100 else f"{factor:.3g}"
