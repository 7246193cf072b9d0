"""Several runs side by side: their figures, and the keys in which their recipes differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from berth import formatting, storage
from berth.errors import UsageError
from berth.formats.results import TRAINING
from berth.recipe import Recipe
from berth.report import evaluation, fine_tuning
from berth.report.fine_tuning import FineTuning
from berth.report.run import FinishedStage, Run
from berth.stage import lineage
from berth.stage.manifest import Manifest

REPORT, TRAIN = "report", "train"
SHORT = 6
MISSING = "–"
# Keys that do not affect the model.
NOT_COMPARED = ("name", "description", "published")
# Keys of training.json.
TRAINING_FIGURES = ("parameters", "steps", "sequences")


@dataclass(frozen=True)
class NamedRun:
    """A run with a name that is unique among those compared, and its fine-tuning results."""

    name: str
    run: Run
    fine_tunings: Sequence[FineTuning]


@dataclass(frozen=True)
class Row:
    """A row of a table: its title, and one formatted value per run."""

    title: str
    values: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the runs have different values."""
        return len(set(self.values)) > 1


def find(paths: Sequence[str]) -> list[NamedRun]:
    """The finished runs at the given paths, in their order.

    Args:
        paths: Workspaces (all finished runs in them), output directories of the stage `report`, or report.html files.

    Raises:
        UsageError: if there is no report at a path.
        BerthError: if a manifest cannot be read.
    """
    directories: list[str] = []
    for path in paths:
        found = [uri for uri in lineage.finished_stages(path) if Manifest.read(uri).stage == REPORT]
        if not found:
            raise UsageError(
                "there is no finished run here",
                where=path,
                expected="a workspace in which `berth run` has written a report, or the directory of a report",
            )
        directories += [uri for uri in found if uri not in directories]
    return _named([(uri, _run(uri)) for uri in directories])


def _run(directory: str) -> Run:
    manifest = Manifest.read(directory)
    finished = []
    for title in manifest.parameters["stages"]:
        uri = lineage.origin_uri(manifest.inputs[title], directory)
        finished.append(FinishedStage(title, uri, Manifest.read(uri)))
    return Run(Recipe.model_validate_json(json.dumps(manifest.parameters["recipe"])), finished, {})


def _named(found: Sequence[tuple[str, Run]]) -> list[NamedRun]:
    """The runs with unique names: the recipe's, followed by the report's digest where several runs share it."""
    names = [run.recipe.name for _, run in found]
    return [
        NamedRun(
            name if names.count(name) == 1 else f"{name} {storage.basename(uri)[:SHORT]}",
            run,
            fine_tuning.fine_tunings(run),
        )
        for name, (uri, run) in zip(names, found, strict=True)
    ]


def figures(runs: Sequence[NamedRun]) -> list[Row]:
    """The model, the training run and the results of each run."""
    rows = [
        Row("layers", tuple(formatting.count(each.run.recipe.model.num_hidden_layers) for each in runs)),
        Row("hidden size", tuple(formatting.count(each.run.recipe.model.hidden_size) for each in runs)),
        *(
            Row(key, tuple(formatting.count(_training_figure(each.run, key)) for each in runs))
            for key in TRAINING_FIGURES
        ),
        Row("pre-training took", tuple(formatting.duration(_seconds(each.run, TRAIN)) for each in runs)),
        Row("all stages took", tuple(formatting.duration(_seconds(each.run)) for each in runs)),
    ]
    measured = [evaluation.scores(each.run) for each in runs]
    for key, name, is_share in evaluation.FIGURES:
        values = [_figure(scores, key) for scores in measured]
        show = formatting.share if is_share else formatting.fixed
        rows.append(Row(f"{name.lower()} on held-out text", tuple(show(value) for value in values)))
    return rows + list(_tasks(runs))


def _training_row(runs: Sequence[NamedRun], key: str) -> Row:
    return Row(key, tuple(formatting.count(_training_figure(each.run, key)) for each in runs))


def _training_figure(run: Run, key: str) -> int | None:
    train = run.training
    summary: Mapping[str, Any] = train.json(TRAINING) if train is not None else {}
    ended: Mapping[str, Any] = summary.get("ended", {})  # a training run may reach its target before its last step
    return {"steps": ended.get("step"), "sequences": ended.get("sequences")}.get(key) or summary.get(key)


def _seconds(run: Run, kind: str = "") -> float:
    return sum(stage.manifest.seconds for stage in run.stages if not kind or stage.kind == kind)


def _figure(scores: evaluation.Scores | None, key: str) -> float | None:
    return next((score.value for score in scores.figures if score.key == key), None) if scores is not None else None


def _tasks(runs: Sequence[NamedRun]) -> Iterator[Row]:
    """The scores of each task after the last step of pre-training."""
    last = [{result.task: result for result in sorted(each.fine_tunings, key=lambda r: r.step or 0)} for each in runs]
    keys = {
        (task, held_out, metric): None
        for results in last
        for task, result in results.items()
        for held_out, metrics in result.metrics.items()
        for metric in metrics
    }
    for task, held_out, metric in keys:
        values = [results[task].metrics.get(held_out, {}).get(metric) if task in results else None for results in last]
        yield Row(
            f"{task} {held_out}, {metric}".replace("_", " "),
            tuple(fine_tuning.formatted_score(metric, value) for value in values),
        )


def differences(runs: Sequence[NamedRun]) -> list[Row]:
    """The keys in which the recipes differ, with the value of each run."""
    flat = [dict(_flat(each.run.recipe.model_dump(mode="json", exclude=set(NOT_COMPARED)))) for each in runs]
    paths = {path: None for recipe in flat for path in recipe}
    rows = [Row(path, tuple(_value(recipe, path) for recipe in flat)) for path in paths]
    return [row for row in rows if row.differs]


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    parts = list(items)
    if not parts:
        yield path, value
    for key, inner in parts:
        yield from _flat(inner, f"{path}.{key}" if path else str(key))


def _value(recipe: Mapping[str, Any], path: str) -> str:
    return json.dumps(recipe[path], ensure_ascii=False) if path in recipe else MISSING
