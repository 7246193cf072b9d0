"""The component `report`: the report on the whole run."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def report(
    recipe: str, workspace: str, stages: str, manifest: dsl.Output[dsl.Artifact], html: dsl.Output[dsl.HTML]
) -> str:
    """Write a self-contained page about the whole run.

    Args:
        recipe: The resolved recipe as JSON.
        workspace: URI of the workspace.
        stages: URIs of all stages' directories by title, as JSON.

    Returns:
        Output: URI of the directory with report.html, report.md and datasets.csv.
        manifest: The stage's manifest.
        html: The report.
    """
    import json

    from berth import storage
    from berth.formats.results import REPORT
    from berth.planning.accelerators import Machines
    from berth.planning.plan import plan
    from berth.report.build import build_report
    from berth.stage import run_index
    from berth.stage.task import Task
    from trainer import models
    from trainer.schedules.schedule import learning_rate

    with Task("report", recipe, workspace) as task:
        directories = json.loads(stages)
        figures = models.get(task.recipe.model.architecture).figures
        result = build_report(
            recipe=task.recipe,
            stages=directories,
            planned=plan(task.recipe, figures, learning_rate, machines=Machines.of_recipe(task.recipe)),
            destination=task.destination,
        )
        run_index.record_data(workspace, task.recipe, directories)
        with open(html.path, "wb") as file:
            file.write(storage.read_bytes(storage.join(result.uri, REPORT)))
        return task.finish(result, manifest, "report")
