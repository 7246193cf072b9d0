"""The stage that writes report.html."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from berth import storage
from berth.recipe import Recipe
from berth.report.run import Finished, Run
from berth.stage import Destination, Result, Stage, run
from berth.stage.inputs import Inputs
from berth.stage.manifest import Manifest
from berth.stage.output import Output

VERSION = 2
NAME = "report.html"


def build_report(
    *,
    recipe: Recipe,
    stages: Mapping[str, str],
    examples: Callable[[], Mapping[str, Sequence[Mapping[str, Any]]]],
    destination: Destination,
) -> Result:
    """Write one self-contained page about a run.

    Sections of which the stages have nothing (no training, no evaluation) are left out.

    Args:
        recipe: The resolved recipe.
        stages: URIs of the finished stages' directories by title, in order of the flow.
        examples: Gives explained records by what they are taken from, as :class:`berth.report.run.Run` describes them;
            called only if there is a report to write. They are taken from the stages' files, nothing else.
        destination: Where the output goes: report.html.

    Raises:
        BerthError: if a stage is not finished, or a file that it made cannot be read.
    """
    stage = Stage(
        name="report",
        version=VERSION,
        parameters={"recipe": recipe.identity(exclude={"cluster"}), "stages": list(stages)},
        inputs={title: Inputs.of_stage(directory, "*") for title, directory in stages.items()},
    )

    def work(output: Output) -> None:
        from berth.report.page import render  # brings Jinja2 and Bokeh

        finished = [Finished(title, uri, Manifest.read(uri)) for title, uri in stages.items()]
        with storage.atomic_write(output.path(NAME)) as file:
            file.write(render(Run(recipe, finished, examples())).encode("utf-8"))

    return run(stage, destination, work)
