"""The component `evaluate`: metrics of the trained model on the evaluation set."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def evaluate(
    recipe: str,
    workspace: str,
    model: str,
    evalset: str,
    training_records: str,
    manifest: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
) -> str:
    """Measure the trained model on the evaluation set.

    Args:
        recipe: The resolved recipe as JSON.
        workspace: URI of the workspace.
        model: URI of the directory with the trained model.
        evalset: URI of the directory with eval.tfrecord.
        training_records: URI of the directory of the record set that the evaluation set is made like, for the bigram
            baseline.

    Returns:
        Output: URI of the directory with evaluation.json.
        manifest: The stage's manifest.
        metrics: The metrics of the evaluation.
    """
    from berth.formats.records import PATTERN
    from berth.formats.results import read_evaluation
    from berth.stage.task import Task
    from trainer.evaluation.evaluate import evaluate

    with Task("evaluate", recipe, workspace) as task:
        result = evaluate(
            model=task.files(model, "*"),
            records=task.files(evalset, PATTERN),
            training_records=task.files(training_records, PATTERN),
            batch_size=task.recipe.evaluation.batch_size,
            engine=task.recipe.training.engine,
            checkpoints=task.recipe.evaluation.checkpoints,
            destination=task.destination,
        )
        figures = read_evaluation(result.uri)
        for prefix, values in (("", figures), ("baseline_", figures["baseline"]), ("bigram_", figures["bigram"])):
            for name, value in values.items():
                if isinstance(value, float):
                    metrics.log_metric(prefix + name, value)
        return task.finish(result, manifest, "evaluate")
