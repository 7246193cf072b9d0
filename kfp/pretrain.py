"""The pre-training DAG: the only place where the order of the stages stands.

``berth run`` executes it on this machine, ``berth compile`` and ``kfp dsl compile --py kfp/pretrain.py`` write it for a
cluster.
"""

import json

from kfp import dsl

from berth.cluster.package import pipeline_name
from berth.cluster.tasks import configure, is_distributed
from berth.errors import UsageError
from berth.formats.sentences import EVALUATION, PATTERN
from berth.recipe import Recipe
from berth.recipe import file as recipe_file
from components.evalset import evalset
from components.evaluate import evaluate
from components.export import export
from components.extract import extract
from components.filter import filter
from components.finetune import finetune
from components.image import IMAGE
from components.records import records
from components.report import report
from components.segment import segment
from components.train import train
from components.vocab import vocab


def pretrain_pipeline(
    resolved: Recipe, for_cluster: bool = False, until: str = "report"
) -> dsl.base_component.BaseComponent:
    """The pipeline of one recipe: each of its record sets is a task, the recipe itself is a default argument.

    Pipeline parameters: ``recipe`` (the resolved recipe as JSON), ``workspace`` (URI) and ``beam_arguments``; output:
    the URI of the report's directory.

    Args:
        resolved: The recipe.
        for_cluster: Give each task what the recipe's `cluster` section says: image, resources, placement, retries.
        until: `report` for the whole way; `data` ends, with a report on the data, before the training.
    """

    @dsl.pipeline(name=pipeline_name(resolved.name), description=resolved.description)
    def pretrain(workspace: str, recipe: str = resolved.model_dump_json(), beam_arguments: list = []) -> str:  # noqa: B006
        common = {"recipe": recipe, "workspace": workspace}
        beam = {**common, "beam_arguments": beam_arguments}
        stages = {}

        def add(title, task):
            stages[title] = task.outputs["Output"]
            task.set_display_name(title)
            if for_cluster:
                configure(task, resolved.cluster)
            return stages[title]

        if (prepared := resolved.corpus.prepared) is None:
            articles = add("extract", extract(**beam))
            if resolved.corpus.filter is not None:
                articles = add("filter", filter(articles=articles, **beam))
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
        if for_cluster and is_distributed(resolved.cluster):
            _check_undivided(middles)
            training["image"] = resolved.cluster.image or IMAGE
        models, segment_before = {}, {}
        for end in middles:
            models[end] = add(f"train to {end}", train(until=end, **segment_before, **training))
            segment_before = {"before": models[end]}
        model = models[last] = add("train", train(**segment_before, **training))
        add("evaluate", evaluate(model=model, evalset=examples, **common))
        # A fine-tuning waits for the segment of the training that it uses; the next segment does not wait for it.
        for name, options in resolved.fine_tuning.items():
            for end in options.steps(last):
                title = f"fine-tune {name}" if end == last else f"fine-tune {name} at {end}"
                add(title, finetune(model=models[end], name=name, **common))
        for name in resolved.export.formats:
            add(f"export {name}", export(model=model, format=name, **common))
        return add("report", report(stages=_by_name(stages), **common))

    return pretrain


def _check_undivided(middles):
    """A JobSet trains in one piece. Raises UsageError if fine-tunings ask for segments."""
    if middles:
        raise UsageError(
            "a training on several machines is not divided into segments",
            where="fine_tuning",
            found=f"every_steps, which ends segments at {', '.join(map(str, middles))}",
            fix="Leave every_steps out, or train on one machine.",
        )


def _by_name(outputs):
    """Outputs of several tasks as one JSON text, filled in when the task that takes it starts."""
    return json.dumps({name: str(output) for name, output in outputs.items()})


pretrain = pretrain_pipeline(recipe_file.load("quickstart"))
