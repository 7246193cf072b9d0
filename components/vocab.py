"""The component `vocab`: the vocabulary."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def vocab(
    recipe: str,
    workspace: str,
    sentences: str,
    text: str,
    beam_arguments: list[str],
    manifest: dsl.Output[dsl.Artifact],
) -> str:
    """Learn the vocabulary from the sentence shards, or check the given one.

    Args:
        recipe: The resolved recipe as JSON.
        workspace: URI of the workspace.
        sentences: URI of the directory with the sentence shards; empty for prepared text.
        text: Pattern of the text files there (`part-*.txt`); for prepared text, its path or pattern.
        beam_arguments: Flags for Beam.

    Returns:
        Output: URI of the directory with vocab.txt.
        manifest: The stage's manifest.
    """
    from berth.stage import expected
    from berth.stage.inputs import Inputs
    from berth.stage.task import Task
    from pipelines.vocab import vocabulary

    with Task("vocab", recipe, workspace) as task:
        if task.recipe.corpus.prepared is not None:  # then this is the first task
            expected.check(task.recipe, task.destination)
        given = task.recipe.vocabulary.path
        result = vocabulary(
            text=task.files(sentences, text),
            given=Inputs.at(given) if given else None,
            options=task.recipe.vocabulary,
            seed=task.recipe.seed,
            destination=task.destination,
            beam_arguments=task.beam_arguments(beam_arguments),
        )
        return task.finish(result, manifest)
