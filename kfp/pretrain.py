"""The pre-training DAG: the only file that knows the order of the stages.

``berth run`` executes it on this machine; ``berth compile`` and, for the quickstart, ``kfp dsl compile --py
kfp/pretrain.py`` write it for a cluster.
"""

import json
from collections.abc import Mapping, Sequence

from kfp import dsl

from berth.cluster.package import pipeline_name
from berth.cluster.tasks import check_engines, configure, is_distributed
from berth.errors import UsageError
from berth.formats.sentences import EVALUATION, PATTERN
from berth.recipe import Recipe
from berth.recipe.file import load
from components.evalset import evalset
from components.evaluate import evaluate
from components.export import export
from components.extract import extract
from components.filter import filter_
from components.finetune import finetune
from components.image import required
from components.records import records
from components.report import report
from components.segment import segment
from components.train import train
from components.vocab import vocab

MAX_SLICES = 200


def pretrain_pipeline(
    resolved: Recipe, for_cluster: bool = False, until: str = "report"
) -> dsl.base_component.BaseComponent:
    """The pipeline of a recipe: each record set is a task, and the recipe itself is a default argument.

    Pipeline parameters: ``recipe`` (the resolved recipe as JSON), ``workspace`` (URI) and ``beam_arguments``; output:
    the URI of the report's directory.

    Args:
        resolved: The recipe.
        for_cluster: Configure each task as the recipe's `cluster` section says: image, resources, placement, retries.
        until: `report` for the whole pipeline; `data` stops before training, with a report on the data.

    Raises:
        UsageError: if it is for a cluster and no image is given, or a task cannot be configured as the recipe says.
    """
    image = required(resolved.cluster.image) if for_cluster else ""
    if for_cluster:
        check_engines(resolved)

    @dsl.pipeline(name=pipeline_name(resolved.name), description=resolved.description)
    def pretrain(workspace: str, recipe: str = resolved.model_dump_json(), beam_arguments: list[str] = []) -> str:  # noqa: B006
        common = {"recipe": recipe, "workspace": workspace}
        beam = {**common, "beam_arguments": beam_arguments}
        stages: dict[str, str] = {}

        def add(title: str, task: dsl.PipelineTask) -> str:
            """Register a task; returns its output: a channel while this is compiled, the URI when tasks run."""
            stages[title] = task.outputs["Output"]
            task.set_display_name(title)
            if for_cluster:
                configure(task, resolved.cluster)
            return stages[title]

        if (prepared := resolved.corpus.prepared) is None:
            articles = add("extract", extract(**beam))
            if resolved.corpus.filter is not None:
                articles = add("filter", filter_(articles=articles, **beam))
            sentences, text, evaluation = add("segment", segment(articles=articles, **beam)), PATTERN, EVALUATION
        else:
            sentences, text, evaluation = "", prepared.text, prepared.evaluation
        vocabulary = add("vocabulary", vocab(sentences=sentences, text=text, **beam))
        corpus = {"sentences": sentences, "vocabulary": vocabulary}
        record_sets = {
            name: add(f"records {name}", records(record_set=name, text=text, **corpus, **beam))
            for name in resolved.records
        }
        held_out = add(
            "held-out records", records(record_set=resolved.evaluation.records, text=evaluation, **corpus, **beam)
        )
        examples = add("evaluation set", evalset(records=held_out, **common))
        if until == "data":
            return add("report", report(stages=_by_name(stages), **common))
        training = {"record_sets": _by_name(record_sets), "vocabulary": vocabulary, "evalset": examples, **common}
        *middles, last = resolved.slice_ends
        _check_number(middles)
        if for_cluster and is_distributed(resolved.cluster):
            _check_undivided(middles)
            training["image"] = image
        models: dict[int, str] = {}
        previous: dict[str, str] = {}
        for end in middles:
            models[end] = add(f"train to {end}", train(until=end, **previous, **training))
            previous = {"before": models[end]}
        model = models[last] = add("train", train(**previous, **training))
        text_records = record_sets[resolved.evaluation.records]
        add("evaluate", evaluate(model=model, evalset=examples, training_records=text_records, **common))
        # Fine-tuning waits for the slice of the training run that it uses; the next slice does not wait for it.
        for name, options in resolved.fine_tuning.items():
            for end in options.steps(last):
                title = f"fine-tune {name}" if end == last else f"fine-tune {name} at {end}"
                add(title, finetune(model=models[end], name=name, **common))
        for name in resolved.export.formats:
            add(f"export {name}", export(model=model, format=name, **common))
        return add("report", report(stages=_by_name(stages), **common))

    return pretrain


def _check_number(middles: Sequence[int]) -> None:
    """Each slice is a task, and the time to compile a pipeline grows faster than its tasks. Raises UsageError."""
    if len(middles) >= MAX_SLICES:
        raise UsageError(
            "fine-tuning during training would divide it into too many tasks",
            where="fine_tuning",
            found=f"every_steps, which makes {len(middles) + 1:,} slices of the training run",
            expected=f"at most {MAX_SLICES}",
            fix="Increase every_steps.",
        )


def _check_undivided(middles: Sequence[int]) -> None:
    """A JobSet trains without interruption. Raises UsageError if fine-tuning needs slices of the training run."""
    if middles:
        raise UsageError(
            "training on several machines cannot be divided into slices",
            where="fine_tuning",
            found=f"every_steps, which ends slices at the steps {', '.join(map(str, middles))}",
            fix="Remove every_steps, or train on one machine.",
        )


def _by_name(outputs: Mapping[str, str]) -> str:
    """The outputs of several tasks as one JSON text, filled in when the task that reads it starts."""
    return json.dumps({name: str(output) for name, output in outputs.items()})


if not __package__:  # `kfp dsl compile` loads this file alone
    pretrain = pretrain_pipeline(load("quickstart"), for_cluster=True)
