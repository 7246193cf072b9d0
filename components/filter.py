"""The component `filter`: normalisation and filters between extraction and sentence splitting."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def filter_(
    recipe: str, workspace: str, articles: str, beam_arguments: list[str], manifest: dsl.Output[dsl.Artifact]
) -> str:
    """Normalise articles; drop those that are too short, in other languages or duplicates.

    Args:
        recipe: The resolved recipe as JSON, with `corpus.filter`.
        workspace: URI of the workspace.
        articles: URI of the directory with articles-*.parquet.
        beam_arguments: Flags for Beam.

    Returns:
        Output: URI of the directory with the remaining articles-*.parquet.
        manifest: The stage's manifest.
    """
    from berth.stage.task import Task
    from pipelines.filter import filter_articles

    with Task("filter", recipe, workspace) as task:
        options = task.recipe.corpus.filter
        assert options is not None  # the pipeline has this task only if the recipe has the section
        result = filter_articles(
            articles=task.files(articles, "articles-*.parquet"),
            options=options,
            destination=task.destination,
            beam_arguments=task.beam_arguments(beam_arguments),
        )
        return task.finish(result, manifest)
