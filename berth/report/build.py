"""The report stage: writes report.html, the same as report.md, and datasets.csv."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from berth import storage
from berth.formats.results import DATASETS, REPORT, REPORT_TEXT
from berth.recipe import Recipe
from berth.report.run import FinishedStage, Run
from berth.stage import Destination, Result, Stage, run
from berth.stage.inputs import Inputs
from berth.stage.manifest import Manifest
from berth.stage.output import Output

VERSION = 4


def build_report(
    *,
    recipe: Recipe,
    stages: Mapping[str, str],
    planned: Mapping[str, Any],
    destination: Destination,
) -> Result:
    """Write a report on a run: one self-contained page, the same in Markdown, and the table of its datasets as CSV.

    Sections without content (no training, no evaluation) are omitted.

    Args:
        recipe: The resolved recipe.
        stages: URIs of the finished stages' directories by title, in pipeline order.
        planned: The recipe's plan, which published and measured figures are compared with. It follows from the recipe.
        destination: Where the output goes: report.html, report.md, datasets.csv.

    Raises:
        BerthError: if a stage is not finished, or a file of its output cannot be read.
    """
    stage = Stage(
        name="report",
        version=VERSION,
        parameters={"recipe": recipe.identity(exclude={"cluster", "execution", "published"}), "stages": list(stages)},
        inputs={title: Inputs.of_stage(directory, "*") for title, directory in stages.items()},
    )

    def work(output: Output) -> None:
        from berth.report import dataset, markdown
        from berth.report.page import render  # imports Jinja2 and Bokeh
        from berth.report.record_view import examples

        finished = [FinishedStage(title, uri, Manifest.read(uri)) for title, uri in stages.items()]
        finished_run = Run(recipe, finished, examples(finished), planned)
        contents = {
            REPORT: render(finished_run),
            REPORT_TEXT: markdown.render(finished_run),
            DATASETS: dataset.as_csv(dataset.datasets(finished_run)),
        }
        for name, content in contents.items():
            with storage.atomic_write(output.path(name)) as file:
                file.write(content.encode("utf-8"))

    return run(stage, destination, work)
