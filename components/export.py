"""The component `export`: the trained model for other libraries."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def export(recipe: str, workspace: str, model: str, format: str, manifest: dsl.Output[dsl.Artifact]) -> str:
    """Write the trained model in the format of another library.

    Args:
        recipe: The resolved recipe as JSON.
        workspace: URI of the workspace.
        model: URI of the directory with the trained model.
        format: `huggingface`, `savedmodel`, `encoder`, `tf1` or `tf2`.

    Returns:
        Output: URI of the directory with the exported model.
        manifest: The stage's manifest.
    """
    from berth.stage.task import Task
    from trainer.serving.export import export

    with Task("export", recipe, workspace) as task:
        result = export(model=task.files(model, "*"), format=format, destination=task.destination)
        return task.finish(result, manifest, f"export-{format}")
