"""The component `segment`: sentence shards from articles."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def segment(
    recipe: str, workspace: str, articles: str, beam_arguments: list[str], manifest: dsl.Output[dsl.Artifact]
) -> str:
    """Split articles into sentences, in shards, with documents held out for evaluation.

    Args:
        recipe: The resolved recipe as JSON.
        workspace: URI of the workspace.
        articles: URI of the directory with articles-*.parquet.
        beam_arguments: Flags for Beam.

    Returns:
        Output: URI of the directory with part-*.txt and eval.txt.
        manifest: The stage's manifest.
    """
    from berth.stage.task import Task
    from pipelines.segment import segment

    with Task("segment", recipe, workspace) as task:
        result = segment(
            articles=task.files(articles, "articles-*.parquet"),
            options=task.recipe.segmentation,
            seed=task.recipe.seed,
            language=task.recipe.corpus.language,
            destination=task.destination,
            beam_arguments=task.beam_arguments(beam_arguments),
        )
        return task.finish(result, manifest)
