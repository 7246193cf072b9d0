"""Component: training."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train(
    recipe: str,
    workspace: str,
    record_sets: str,
    vocabulary: str,
    manifest: dsl.Output[dsl.Artifact],
    evalset: str = "",
    before: str = "",
    until: int = 0,
) -> str:
    """Train the model, phase by phase.

    Args:
        recipe: The resolved recipe as JSON.
        workspace: URI of the workspace.
        record_sets: URIs of the record sets' directories by name, as JSON.
        vocabulary: URI of the directory with vocab.txt.
        evalset: URI of the directory with eval.tfrecord, if the recipe evaluates during training.
        before: URI of the directory of the segment of the training that this one continues; empty for the first.
        until: The last update of this segment; 0 for the last of the training.

    Returns:
        Output: URI of the directory with the checkpoints.
        manifest: The stage's manifest.
    """
    import json

    from berth.task import Task
    from trainer.train import train

    with Task("train", recipe, workspace) as task:
        directories = json.loads(record_sets)
        result = train(
            recipe=task.recipe,
            records={name: task.files(uri, "*.tfrecord*") for name, uri in directories.items()},
            vocabulary=task.files(vocabulary, "vocab.txt"),
            evaluation=task.files(evalset, "*.tfrecord*") if evalset else None,
            until=until or None,
            before=task.files(before, "*") if before else None,
            place=task.place,
        )
        return task.finish(result, manifest)
