"""The plan of a recipe: what it reads, trains, writes and costs. `docs/planning.md` explains each key."""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict
from typing import Any

from berth import storage
from berth.planning import sizes
from berth.planning.accelerators import Machines
from berth.planning.contradictions import contradictions
from berth.planning.figures import Figures, LearningRate
from berth.planning.measured import measured
from berth.planning.published import compared
from berth.planning.stage_resources import shortages, stage_resources
from berth.planning.statistics import RecordStatistics, statistics, vocabulary_size
from berth.recipe import Evaluation, Phase, Recipe
from berth.stage import run_index as runs
from berth.stage.manifest import NAME as MANIFEST

# Tokens that BERT-Base was trained on: 1,000,000 steps of 256 sequences of 512 (Devlin et al. 2019, section A.2).
# StagedML counts reference epochs by them: how many of a run's own epochs would see as many.
REFERENCE_TOKENS = 1_000_000 * 256 * 512

# Words of BERT's corpus: 800 million of BooksCorpus and 2,500 million of English Wikipedia (ibid., section 3.1).
BERT_WORDS = 800_000_000 + 2_500_000_000

Plan = dict[str, Any]


def plan(
    recipe: Recipe,
    figures: Figures,
    learning_rate: LearningRate,
    *,
    workspace: str | None = None,
    machines: Machines | None = None,
    price: float | None = None,
) -> Plan:
    """The plan of a recipe as JSON values; None where something they need is not known.

    Args:
        recipe: The recipe.
        figures: Size and cost of its model architecture.
        learning_rate: The rate of an update, by its phase and the updates of the phase before it.
        workspace: Where its data was made, to measure sizes; None to take the recipe's own statistics.
        machines: The accelerators it is trained on; None for no hours.
        price: Of one accelerator for an hour, in any currency; None for no cost.

    Raises:
        UsageError: if the workspace holds no data of this recipe.
    """
    vocab_size = vocabulary_size(recipe, workspace)
    known = statistics(recipe, vocab_size, workspace)
    phases = [
        _phase(recipe, phase, known[phase.records], figures, vocab_size, machines) | _rates(phase, learning_rate)
        for phase in recipe.training.phases
    ]
    records = {name: _records(recipe, name, known[name], phases) for name in recipe.records}
    measures = _measured(recipe, workspace) if workspace is not None else {}
    total = _total(recipe, phases, records)
    model = _model(recipe, figures, vocab_size)
    result: Plan = {
        "recipe": recipe.name,
        "model": model,
        "records": records,
        "phases": phases,
        "evaluation": _evaluation(recipe),
        "total": total,
        "corpus": _corpus(measures.get("corpus", {}).get("words", recipe.statistics.words), total["passes"]),
        "compute": _compute(phases, machines, price),
        "warnings": contradictions(recipe, model, records, machines),
    }
    stages = stage_resources(recipe, result, machines)
    result["stages"] = [asdict(stage) for stage in stages]
    result["warnings"] += shortages(recipe, result, stages, machines)
    planned = plan(recipe, figures, learning_rate, machines=machines, price=price) if measures else result
    result["published"] = [figure.json() for figure in compared(recipe, planned, measures)]
    return result


def _measured(recipe: Recipe, workspace: str) -> Plan:
    """What the recipe's data and, if it is finished, its training run in a workspace have measured."""
    stages = runs.data(workspace, recipe)
    trained = runs.training(workspace, recipe)
    if trained is not None and storage.exists(storage.join(trained, MANIFEST)):
        stages[runs.TRAIN] = trained
    return measured(stages)


def _corpus(words: int | None, passes: float | None) -> Plan:
    """The corpus in sizes of BERT's, and the run in epochs of BERT's corpus."""
    times = words / BERT_WORDS if words is not None else None
    return {
        "words": words,
        "times_bert": times,
        "bert_epochs": times * passes if times is not None and passes is not None else None,
    }


def _model(recipe: Recipe, figures: Figures, vocab_size: int) -> Plan:
    count = figures.parameters(recipe.model, vocab_size, _has_next_sentence(recipe))
    return {
        "vocabulary": vocab_size,
        "parameters": count,
        "checkpoint_bytes": sizes.checkpoint_bytes(count),
        "checkpoint_seconds": sizes.checkpoint_seconds(count),
        "kept_bytes": sizes.checkpoint_bytes(count) * recipe.training.keep_checkpoints,
    }


def _has_next_sentence(recipe: Recipe) -> bool:
    return any("nsp" in recipe.records[phase.records].objective for phase in recipe.training.phases)


def _phase(
    recipe: Recipe,
    phase: Phase,
    known: RecordStatistics,
    figures: Figures,
    vocab_size: int,
    machines: Machines | None,
) -> Plan:
    options = recipe.records[phase.records]
    sequences = phase.steps * phase.batch_size
    operations = sequences * figures.flops_per_sequence(
        recipe.model,
        vocab_size=vocab_size,
        length=options.max_seq_length,
        predictions=options.max_predictions,
        next_sentence=_has_next_sentence(recipe),
    )
    return {
        "name": phase.name,
        "records": phase.records,
        "steps": phase.steps,
        "batch_size": phase.batch_size,
        "warmup_steps": phase.warmup_steps,
        "sequences": sequences,
        "tokens": sequences * options.max_seq_length,
        "passes": sequences / known.per_pass if known.per_pass else None,
        "evaluation_interval": evaluation_interval(recipe.evaluation, phase),
        "evaluations": evaluations(recipe.evaluation, phase),
        "flops": operations,
        "hours": machines.hours(operations) if machines else None,
    }


def evaluation_interval(evaluation: Evaluation, phase: Phase) -> int | None:
    """Sequences between two evaluations in a phase; None where evaluations are counted in steps, or there are none."""
    return evaluation.sequences_between(phase.batch_size) if evaluation.every_samples is not None else None


def _rates(phase: Phase, learning_rate: LearningRate) -> Plan:
    """The rates with which a phase begins, peaks and ends: of a schedule that it continues, only a part is run."""
    rates = {step: learning_rate(phase, step) for step in _turning_points(phase)}
    return {
        "first_learning_rate": rates[0],
        "peak_learning_rate": max(rates.values()),
        "last_learning_rate": rates[phase.steps - 1],
    }


def _turning_points(phase: Phase) -> set[int]:
    """The steps of a phase at which its rate is highest: the first, the last, the end of its warm-up."""
    warm = phase.warmup_steps + phase.start_warmup_step - phase.first_step
    return {step for step in (0, warm - 1, warm, phase.steps - 1) if 0 <= step < phase.steps}


def evaluations(evaluation: Evaluation, phase: Phase) -> int | None:
    """Evaluations in a phase that are counted in sequences, the one at its end included; None for others."""
    interval, sequences = evaluation_interval(evaluation, phase), phase.steps * phase.batch_size
    if interval is None:
        return None
    within = (sequences - phase.batch_size) // interval  # the last update's is the one at the end
    return min(within, phase.steps - 1) + 1


def _records(recipe: Recipe, name: str, known: RecordStatistics, phases: list[Plan]) -> Plan:
    options = recipe.records[name]
    sequences = sum(phase["sequences"] for phase in phases if phase["records"] == name)
    passes = sequences / known.per_pass if known.per_pass else None
    return {
        "max_seq_length": options.max_seq_length,
        "max_predictions": options.max_predictions,
        "duplicates": options.dupe_factor,
        "per_pass": known.per_pass,
        "records": known.records,
        "tokens_per_record": known.tokens_per_record,
        "bytes_per_record": known.bytes_per_record,
        "bytes": known.records * known.bytes_per_record if known.records is not None else None,
        "shards": known.shards,
        "files": {file: {"records": count, "bytes": size} for file, (count, size) in known.files.items()},
        "measured": known.is_measured,
        "sequences": sequences,
        "passes": passes,
        "duplicates_needed": duplicates_needed(passes) if passes is not None else None,
        "epochs": sequences / known.records if known.records else None,
    }


def duplicates_needed(passes: float) -> int:
    """Duplicates with which each record is seen about once in a number of passes over the text, rounded."""
    return max(1, math.floor(passes + 0.5))


def _total(recipe: Recipe, phases: list[Plan], records: dict[str, Plan]) -> Plan:
    steps, tokens = sum(phase["steps"] for phase in phases), sum(phase["tokens"] for phase in phases)
    passes = [phase["passes"] for phase in phases]
    sizes_of_records = [entry["bytes"] for entry in records.values()]
    per_epoch = recipe.training.steps_per_epoch
    return {
        "steps": steps,
        "sequences": sum(phase["sequences"] for phase in phases),
        "tokens": tokens,
        "passes": sum(passes) if None not in passes else None,
        "epochs": steps / per_epoch if per_epoch else None,
        "reference_epochs": REFERENCE_TOKENS / (tokens / steps * per_epoch) if per_epoch else None,
        "evaluations": _evaluations(recipe, phases, steps),
        "checkpoints": -(-steps // recipe.training.checkpoint_every_steps),
        "record_bytes": sum(sizes_of_records) if None not in sizes_of_records else None,
        "flops": sum(phase["flops"] for phase in phases),
    }


def _evaluations(recipe: Recipe, phases: list[Plan], steps: int) -> int:
    """All evaluations during training, including the one before the first step."""
    evaluation = recipe.evaluation
    if evaluation.every_samples is not None:
        return 1 + sum(int(phase["evaluations"]) for phase in phases)
    if evaluation.every_steps is None:
        return 0
    ends = itertools.accumulate(phase.steps for phase in recipe.training.phases)
    return 1 + steps // evaluation.every_steps + sum(end % evaluation.every_steps != 0 for end in ends)


def _evaluation(recipe: Recipe) -> Plan:
    evaluation, first = recipe.evaluation, recipe.initialization.accuracy
    return {
        "examples": evaluation.examples,
        "every_steps": evaluation.every_steps,
        "first_accuracy": first.value if first is not None else None,
        "first_accuracy_tolerance": first.tolerance if first is not None else None,
        "target_metric": evaluation.target.metric if evaluation.target is not None else None,
        "target": evaluation.target.value if evaluation.target is not None else None,
    }


def _compute(phases: list[Plan], machines: Machines | None, price: float | None) -> Plan | None:
    if machines is None:
        return None
    hours = sum(phase["hours"] for phase in phases)
    return {
        "accelerator": machines.shape.name,
        "hosts": machines.hosts,
        "devices": machines.devices,
        "peak_flops_per_second": machines.peak,
        "utilisation": machines.utilisation,
        "hours": hours,
        "device_hours": hours * machines.devices,
        "cost": hours * machines.devices * price if price is not None else None,
    }
