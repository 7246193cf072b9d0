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
        Output: URI of the directory with report.html.
        manifest: The stage's manifest.
        html: The report.
    """
    import json

    from berth import storage
    from berth.formats.results import REPORT
    from berth.report.build import build_report
    from berth.stage import run_index
    from berth.stage.task import Task

    with Task("report", recipe, workspace) as task:
        directories = json.loads(stages)
        result = build_report(recipe=task.recipe, stages=directories, destination=task.destination)
        run_index.record_data(workspace, task.recipe, directories)
        with open(html.path, "wb") as file:
            file.write(storage.read_bytes(storage.join(result.uri, REPORT)))
        return task.finish(result, manifest)
