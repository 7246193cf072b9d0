"""The component `extract`: articles from dumps and other sources."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def extract(recipe: str, workspace: str, beam_arguments: list[str], manifest: dsl.Output[dsl.Artifact]) -> str:
    """Extract clean articles from the corpus's sources.

    Args:
        recipe: The resolved recipe as JSON.
        workspace: URI of the workspace.
        beam_arguments: Flags for Beam.

    Returns:
        Output: URI of the directory with articles-*.parquet.
        manifest: The stage's manifest.
    """
    from berth.stage import expected
    from berth.stage.task import Task
    from pipelines.corpora.sources import find
    from pipelines.extract import extract

    with Task("extract", recipe, workspace) as task:
        expected.check(task.recipe, task.destination)
        corpus = task.recipe.corpus
        dumps, corpora = find(corpus.sources)
        result = extract(
            dumps=dumps,
            corpora=corpora,
            options=corpus.extract,
            language=corpus.language,
            destination=task.destination,
            beam_arguments=task.beam_arguments(beam_arguments),
        )
        return task.finish(result, manifest)
