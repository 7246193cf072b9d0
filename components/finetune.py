"""The component `finetune`: fine-tuning on a task."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def finetune(
    recipe: str,
    workspace: str,
    model: str,
    name: str,
    manifest: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
) -> str:
    """Fine-tune the trained model on a task and measure it.

    Args:
        recipe: The resolved recipe as JSON.
        workspace: URI of the workspace.
        model: URI of the directory with the trained model (its newest checkpoint), or of one checkpoint.
        name: The task's name in the recipe's `fine_tuning`.

    Returns:
        Output: URI of the directory with finetuning.json and the model for serving.
        manifest: The stage's manifest.
        metrics: The metrics of the task on each held-out set.
    """
    from berth.formats.results import read_finetuning
    from berth.stage.stable_names import checkpoint_name
    from berth.stage.task import Task
    from trainer.finetuning.finetune import finetune

    with Task("finetune", recipe, workspace) as task:
        options, seed = task.recipe.fine_tuning[name], task.recipe.seed
        result = finetune(options=options, model=model, seed=seed, destination=task.destination)
        figures = read_finetuning(result.uri)
        for held_out, values in figures["metrics"].items():
            for metric, value in values.items():
                metrics.log_metric(f"{held_out}_{metric}", value)
        model_name = checkpoint_name(task.recipe, figures["step"] or task.recipe.slice_ends[-1])
        return task.finish(result, manifest, f"{model_name}/fine-tune-{name}")
