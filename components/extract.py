"""Component: articles from dumps."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def extract(recipe: str, workspace: str, beam_arguments: list, manifest: dsl.Output[dsl.Artifact]) -> str:
    """Extract clean articles from the corpus's sources.

    Args:
        recipe: The resolved recipe as JSON.
        workspace: URI of the workspace.
        beam_arguments: Flags for Beam.
        manifest: The stage's manifest.

    Returns:
        URI of the directory with articles-*.parquet.
    """
    from berth.inputs import Inputs
    from berth.task import Task
    from pipelines.extract import extract

    with Task("extract", recipe, workspace) as task:
        corpus = task.recipe.corpus
        result = extract(
            dumps=Inputs.of(*(source.path for source in corpus.sources)),
            options=corpus.extract,
            language=corpus.language,
            place=task.place,
            beam_arguments=beam_arguments,
        )
        return task.finish(result, manifest)
