"""Stage: articles → articles: text normalised, short, foreign and duplicate documents left out."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from berth import storage
from berth.errors import UsageError
from berth.recipe import Filter
from berth.stage import Destination, Result, Stage, run
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from pipelines.engine.shards import shard_names, watched

if TYPE_CHECKING:
    import apache_beam

    from pipelines.documents.article_groups import Unit
    from pipelines.documents.filtering import DocumentFilter

log = logging.getLogger("berth.filter")

VERSION = 3


def filter_articles(
    *, articles: Inputs, options: Filter, destination: Destination, beam_arguments: Sequence[str] = ()
) -> Result:
    """Leave out documents, or duplicate paragraphs, and normalise the text of the others.

    The output is ``articles-00000-of-0000N.parquet``, one file for each input file, with the same columns. In this
    order: documents of other languages are left out; paragraphs are normalised; documents without text or too short
    are left out; of equal documents one is kept, that of the smallest hash of its id. With ``duplicates: paragraphs``,
    one of equal paragraphs is kept, and a document's length is that of what remains. The counters say what became of
    every document: documents_read = articles + rejected_*.

    A worker holds one row group at a time (16 million characters as `berth extract` writes them). Finding duplicates
    takes 36 bytes a document (or paragraph) in Beam's shuffle, of which a worker holds a 64th at a time.

    Args:
        articles: Parquet files with the columns id, url and text.
        options: What is asked of documents and text.
        destination: Where the output goes.
        beam_arguments: Flags for Beam.

    Raises:
        BerthError: for files that are not articles, are damaged, or do not tell their language.
        UsageError: if nothing is left.
    """
    stage = Stage("filter", VERSION, options.identity(), {"articles": articles})
    return run(stage, destination, lambda output: _filter(articles, options, output, beam_arguments))


def _filter(articles: Inputs, options: Filter, output: Output, beam_arguments: Sequence[str]) -> None:
    from pipelines.documents.article_groups import units
    from pipelines.documents.filtering import DocumentFilter, FilterTask, check_languages, lost_name
    from pipelines.engine.beam import beam, pipeline
    from pipelines.engine.checked_create import Elements

    found = units(articles.uris)
    if options.languages:
        check_languages(articles.uris)
    rule = DocumentFilter(options)
    names = shard_names("articles", len(articles.uris), "parquet")
    tasks = [
        FilterTask(tuple(unit for unit in found if unit.uri == uri), uri, name, rule, output)
        for uri, name in zip(articles.uris, names, strict=True)
        if not output.is_complete(name)
    ]
    if tasks and options.duplicates != "keep" and not all(output.is_complete(lost_name(unit.number)) for unit in found):
        log.info("looking for duplicate %s", options.duplicates)
        with pipeline(beam_arguments, output, len(found)) as job:
            _find_duplicates(job, found, rule, output)
    sizes = {task.name: task.size for task in tasks}
    with watched("filter", output, sizes, unit="B"), pipeline(beam_arguments, output, len(tasks)) as job:
        _ = job | "files" >> Elements(tasks) | "filter" >> beam.Map(lambda task: task.run())
    storage.delete(output.path(storage.parent(lost_name(0))))
    counters = output.counters()
    rejected = ", ".join(
        f"{count:,} {name.removeprefix('rejected_')}"
        for name, count in counters.items()
        if name.startswith("rejected_")
    )
    log.info("%s of %s documents kept", f"{counters.get('articles', 0):,}", f"{counters.get('documents_read', 0):,}")
    if rejected:
        log.info("left out: %s", rejected)
    if not counters.get("articles"):
        raise UsageError(
            "the filter leaves no document",
            where=articles.uri,
            found=f"{counters.get('documents_read', 0):,} documents; left out: {rejected or 'none'}",
            fix="Loosen corpus.filter, or check what was extracted.",
        )


def _find_duplicates(job: apache_beam.Pipeline, found: list[Unit], rule: DocumentFilter, output: Output) -> None:
    """Add to a Beam job: for each unit, write a file with the places it loses."""
    from pipelines.documents.duplicates import find_lost, merge_lost
    from pipelines.documents.filtering import lost_name
    from pipelines.engine.beam import beam
    from pipelines.engine.checked_create import Elements

    def write(grouped: tuple[int, Iterable[bytes]]) -> None:
        with output.shard(lost_name(grouped[0])) as shard:
            shard.write(merge_lost(grouped[1]))

    lost = (
        job
        | "units" >> Elements(found)
        | "hash" >> beam.FlatMap(rule.places)
        | "by hash" >> beam.GroupByKey()
        | "compare" >> beam.FlatMap(find_lost)
    )
    # Each unit gets a file, also one that loses nothing: so it is known that all were compared.
    every = job | "every unit" >> beam.Create([(unit.number, b"") for unit in found])
    _ = (lost, every) | "all" >> beam.Flatten() | "by unit" >> beam.GroupByKey() | "write" >> beam.Map(write)
