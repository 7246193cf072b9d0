"""The report stage: writes report.html."""

from __future__ import annotations

from collections.abc import Mapping

from berth import storage
from berth.formats.results import REPORT
from berth.recipe import Recipe
from berth.report.run import FinishedStage, Run
from berth.stage import Destination, Result, Stage, run
from berth.stage.inputs import Inputs
from berth.stage.manifest import Manifest
from berth.stage.output import Output

VERSION = 2


def build_report(
    *,
    recipe: Recipe,
    stages: Mapping[str, str],
    destination: Destination,
) -> Result:
    """Write one self-contained page about a run.

    Sections without content (no training, no evaluation) are omitted.

    Args:
        recipe: The resolved recipe.
        stages: URIs of the finished stages' directories by title, in pipeline order.
        destination: Where the output goes: report.html.

    Raises:
        BerthError: if a stage is not finished, or a file of its output cannot be read.
    """
    stage = Stage(
        name="report",
        version=VERSION,
        parameters={"recipe": recipe.identity(exclude={"cluster", "published"}), "stages": list(stages)},
        inputs={title: Inputs.of_stage(directory, "*") for title, directory in stages.items()},
    )

    def work(output: Output) -> None:
        from berth.report.page import render  # imports Jinja2 and Bokeh
        from berth.report.record_view import examples

        finished = [FinishedStage(title, uri, Manifest.read(uri)) for title, uri in stages.items()]
        with storage.atomic_write(output.path(REPORT)) as file:
            file.write(render(Run(recipe, finished, examples(finished))).encode("utf-8"))

    return run(stage, destination, work)
