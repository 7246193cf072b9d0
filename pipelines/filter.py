"""Stage: articles → articles: normalises text; drops short, foreign and duplicate documents."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from operator import methodcaller
from typing import TYPE_CHECKING

from berth import storage
from berth.errors import UsageError
from berth.recipe import Filter
from berth.stage import Destination, Result, Stage, run
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from pipelines.engine.progress import shard_progress
from pipelines.engine.shards import shard_names

if TYPE_CHECKING:
    import apache_beam

    from pipelines.documents.article_groups import ArticleGroup
    from pipelines.documents.filtering import DocumentFilter

log = logging.getLogger("berth.filter")

VERSION = 3
# What a worker needs for a row group of 16 million characters (docs/scale.md).
WORKER_BYTES = 800 << 20


def filter_articles(
    *, articles: Inputs, options: Filter, destination: Destination, beam_arguments: Sequence[str] = ()
) -> Result:
    """Drop documents, or duplicate paragraphs, and normalise the text of the others.

    The output is ``articles-00000-of-0000N.parquet``, one file for each input file, with the same columns. In this
    order: documents of other languages are dropped; paragraphs are normalised; documents without text or too short are
    dropped; of equal documents the one whose id has the smallest hash is kept. With ``duplicates: paragraphs``, one of
    equal paragraphs is kept, and a document's length is that of its remaining paragraphs. The counters account for
    every document: documents_read = articles + rejected_*.

    A worker holds one row group at a time (16 million characters as `berth extract` writes them). Finding duplicates
    takes 36 bytes a document (or paragraph) in Beam's shuffle, of which a worker holds a 64th at a time.

    Args:
        articles: Parquet files with the columns id, url and text.
        options: Conditions on documents, and how text is normalised.
        destination: Where the output goes.
        beam_arguments: Flags for Beam.

    Raises:
        BerthError: For files that are not articles or are damaged, or lack the language column that the filter needs.
        UsageError: If no document is left.
    """
    stage = Stage("filter", VERSION, options.identity(), {"articles": articles})
    return run(stage, destination, lambda output: _filter(articles, options, output, beam_arguments))


def _filter(articles: Inputs, options: Filter, output: Output, beam_arguments: Sequence[str]) -> None:
    from pipelines.documents.article_groups import article_groups
    from pipelines.documents.filtering import DocumentFilter, FilterTask, check_languages, duplicates_name
    from pipelines.engine.beam import beam
    from pipelines.engine.checked_create import CheckedCreate
    from pipelines.engine.runner import pipeline
    from pipelines.engine.work import Work

    groups = article_groups(articles.uris)
    if options.languages:
        check_languages(articles.uris)
    rule = DocumentFilter(options)
    names = shard_names("articles", len(articles.uris), "parquet")
    tasks = [
        FilterTask(tuple(group for group in groups if group.uri == uri), uri, name, rule, output)
        for uri, name in zip(articles.uris, names, strict=True)
        if not output.is_complete(name)
    ]
    lists = [duplicates_name(group.number) for group in groups]
    if tasks and options.duplicates != "keep" and not all(map(output.is_complete, lists)):
        log.info("looking for duplicate %s", options.duplicates)
        size = sum(group.text_bytes for group in groups)
        with pipeline(beam_arguments, output, len(groups), size=size, memory=WORKER_BYTES) as job:
            _find_duplicates(job, groups, rule, output)
    sizes = {task.name: task.size for task in tasks}
    run_job = pipeline(beam_arguments, output, len(tasks), size=sum(sizes.values()), memory=WORKER_BYTES)
    with shard_progress("filter", output, sizes, unit="B"), run_job as job:
        _ = job | "files" >> CheckedCreate(tasks) | "filter" >> beam.ParDo(Work(methodcaller("run")))
    storage.delete(output.path(storage.parent(duplicates_name(0))))
    counters = output.counters()
    rejected = ", ".join(
        f"{count:,} {name.removeprefix('rejected_')}"
        for name, count in counters.items()
        if name.startswith("rejected_")
    )
    log.info("%s of %s documents kept", f"{counters.get('articles', 0):,}", f"{counters.get('documents_read', 0):,}")
    if rejected:
        log.info("rejected: %s", rejected)
    if not counters.get("articles"):
        raise UsageError(
            "the filter leaves no document",
            where=articles.uri,
            found=f"{counters.get('documents_read', 0):,} documents; rejected: {rejected or 'none'}",
            fix="Loosen corpus.filter, or check the extracted articles.",
        )


def _find_duplicates(
    job: apache_beam.Pipeline, groups: list[ArticleGroup], rule: DocumentFilter, output: Output
) -> None:
    """Add to a Beam job: write a list of duplicates for each article group."""
    from pipelines.documents.duplicates import find_duplicates, merge_duplicates
    from pipelines.documents.filtering import duplicates_name
    from pipelines.engine.beam import beam
    from pipelines.engine.checked_create import CheckedCreate

    def write(grouped: tuple[int, Iterable[bytes]]) -> None:
        with output.shard(duplicates_name(grouped[0])) as shard:
            shard.write(merge_duplicates(grouped[1]))

    duplicates = (
        job
        | "groups" >> CheckedCreate(groups)
        | "hash" >> beam.FlatMap(rule.occurrences)
        | "by hash" >> beam.GroupByKey()
        | "compare" >> beam.FlatMap(find_duplicates)
    )
    # Each group gets a list, even an empty one: it shows that the group was compared.
    every = job | "every group" >> beam.Create([(group.number, b"") for group in groups])
    _ = (duplicates, every) | "all" >> beam.Flatten() | "by group" >> beam.GroupByKey() | "write" >> beam.Map(write)
