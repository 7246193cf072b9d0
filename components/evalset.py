"""The component `evalset`: the evaluation set."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def evalset(recipe: str, workspace: str, records: str, manifest: dsl.Output[dsl.Artifact]) -> str:
    """Pick the evaluation records evenly from the records of the held-out documents.

    Args:
        recipe: The resolved recipe as JSON.
        workspace: URI of the workspace.
        records: URI of the directory with *.tfrecord.

    Returns:
        Output: URI of the directory with eval.tfrecord.
        manifest: The stage's manifest.
    """
    from berth.formats.records import PATTERN
    from berth.stage.task import Task
    from pipelines.evalset import pick_examples

    with Task("evalset", recipe, workspace) as task:
        result = pick_examples(
            records=task.files(records, PATTERN),
            examples=task.recipe.evaluation.examples,
            destination=task.destination,
        )
        return task.finish(result, manifest)
