"""The component `train`: training, or one slice of it."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train(
    recipe: str,
    workspace: str,
    record_sets: str,
    vocabulary: str,
    evalset: str,
    manifest: dsl.Output[dsl.Artifact],
    before: str = "",
    until: int = 0,
    image: str = "",
) -> str:
    """Train the model, phase by phase.

    Args:
        recipe: The resolved recipe as JSON.
        workspace: URI of the workspace.
        record_sets: URIs of the record sets' directories by name, as JSON.
        vocabulary: URI of the directory with vocab.txt.
        evalset: URI of the directory with eval.tfrecord.
        before: URI of the directory of the previous slice of the training run; empty for the first slice.
        until: The last step of this slice; 0 for the end of the training run.
        image: Image of the JobSet that trains on several machines, which this task starts and follows; empty to train
            in this task.

    Returns:
        Output: URI of the directory with the checkpoints.
        manifest: The stage's manifest.
    """
    import json

    from berth.cluster import jobset
    from berth.formats.records import PATTERN
    from berth.formats.vocabulary import VOCABULARY
    from berth.stage import run_index
    from berth.stage.stable_names import checkpoint_name
    from berth.stage.task import Task
    from trainer.loop.train import train

    with Task("train", recipe, workspace) as task:
        directories = json.loads(record_sets)
        if image:
            data = {run_index.RECORDS + name: uri for name, uri in directories.items()}
            data |= {run_index.VOCABULARY: vocabulary, run_index.EVALUATION_SET: evalset}
            jobset.train(recipe=task.recipe, workspace=workspace, image=image, stages=data)
        result = train(
            recipe=task.recipe,
            records={name: task.files(uri, PATTERN) for name, uri in directories.items()},
            vocabulary=task.files(vocabulary, VOCABULARY),
            evaluation=task.files(evalset, PATTERN) if task.recipe.evaluation.is_during_training else None,
            until=until or None,
            before=task.files(before, "*") if before else None,
            destination=task.destination,
        )
        step = until or task.recipe.slice_ends[-1]
        return task.finish(result, manifest, f"{checkpoint_name(task.recipe, step)}/train")
