"""The component `records`: masked records from sentence shards."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def records(
    recipe: str,
    workspace: str,
    record_set: str,
    sentences: str,
    text: str,
    vocabulary: str,
    beam_arguments: list[str],
    manifest: dsl.Output[dsl.Artifact],
) -> str:
    """Make one set of masked records.

    Args:
        recipe: The resolved recipe as JSON.
        workspace: URI of the workspace.
        record_set: Name of the record set in the recipe.
        sentences: URI of the directory with the sentence shards; empty for prepared text.
        text: Name or pattern of the text files there: `part-*.txt` (training) or `eval.txt` (held out); for prepared
            text, its path or pattern.
        vocabulary: URI of the directory with vocab.txt.
        beam_arguments: Flags for Beam.

    Returns:
        Output: URI of the directory with *.tfrecord.
        manifest: The stage's manifest.
    """
    from berth.formats.vocabulary import VOCABULARY
    from berth.stage.task import Task
    from pipelines.records import create_records

    with Task("records", recipe, workspace) as task:
        result = create_records(
            text=task.files(sentences, text),
            vocabulary=task.files(vocabulary, VOCABULARY),
            options=task.recipe.records[record_set],
            lower_case=task.recipe.vocabulary.lower_case,
            seed=task.recipe.seed,
            destination=task.destination,
            beam_arguments=task.beam_arguments(beam_arguments),
        )
        return task.finish(result, manifest)
