"""Stage: articles → articles: normalises text; drops short, foreign and duplicate documents."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from operator import methodcaller

from berth import storage
from berth.errors import UsageError
from berth.machines.process_memory import FILTER_BYTES
from berth.recipe import Filter
from berth.stage import Destination, Result, Stage, run
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from pipelines.engine.progress import shard_progress
from pipelines.engine.shards import shard_names

log = logging.getLogger("berth.filter")

VERSION = 3


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
    takes 36 bytes a document (or paragraph) on disk, of which a worker holds one range of hashes at a time: those of a
    gigabyte of text.

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
    from pipelines.documents.deduplication import OCCURRENCES, Deduplication, ranges_for
    from pipelines.documents.duplicates import duplicates_name
    from pipelines.documents.filtering import DocumentFilter, FilterTask, check_languages
    from pipelines.engine.beam import beam
    from pipelines.engine.checked_create import CheckedCreate
    from pipelines.engine.runner import pipeline
    from pipelines.engine.work import Work

    groups = article_groups(articles.uris)
    if options.languages:
        check_languages(articles.uris)
    rule = DocumentFilter(options)
    size = sum(group.text_bytes for group in groups)
    ranges = ranges_for(size)
    names = shard_names("articles", len(articles.uris), "parquet")
    tasks = [
        FilterTask(tuple(group for group in groups if group.uri == uri), uri, name, rule, output, len(groups), ranges)
        for uri, name in zip(articles.uris, names, strict=True)
        if not output.is_complete(name)
    ]
    lists = [duplicates_name(number) for number in range(ranges)]
    if tasks and options.duplicates != "keep" and not all(map(output.is_complete, lists)):
        log.info("looking for duplicate %s", options.duplicates)
        dedup = Deduplication(rule, output, len(groups), ranges)
        with pipeline(beam_arguments, output, len(groups), size=size, memory=FILTER_BYTES) as job:
            written = job | "groups" >> CheckedCreate(groups) | "hash" >> beam.ParDo(Work(dedup.write_occurrences))
            # The side input makes the ranges wait until all groups are hashed.
            hashed = beam.pvalue.AsIter(written)
            _ = job | "ranges" >> CheckedCreate(range(ranges)) | "compare" >> beam.ParDo(Work(dedup.compare), hashed)
        storage.delete(output.path(OCCURRENCES))
    sizes = {task.name: task.size for task in tasks}
    run_job = pipeline(beam_arguments, output, len(tasks), size=sum(sizes.values()), memory=FILTER_BYTES)
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
