"""Stage: MediaWiki dumps → clean articles in Parquet."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from berth.errors import UsageError
from berth.inputs import Inputs
from berth.output import Output
from berth.recipe import ExtractOptions
from berth.stage import Place, Result, Stage, run
from pipelines.shards import shard_names, watched

log = logging.getLogger("berth.extract")

VERSION = 1


def extract(
    *,
    dumps: Inputs,
    options: ExtractOptions,
    language: str = "en",
    place: Place,
    beam_arguments: Sequence[str] = (),
) -> Result:
    """Extract the articles of MediaWiki dumps as plain text.

    The output is ``articles-00000-of-0000N.parquet`` with the columns id, title, url, revision, timestamp and text
    (paragraphs and list items, one a line). There is one file for each dump file, or for each 64 MiB of a dump that can
    be split (multistream bz2, plain XML): the files do not depend on runner or workers. The counters say what
    became of every page: pages = articles + redirects + other_namespaces + rejected_*.

    Args:
        dumps: Dump files: XML, plain or compressed with bzip2 (single- or multistream) or gzip.
        options: What to keep, and whether damage is an error.
        language: Language to assume for dumps that do not name theirs.
        place: Where the output goes.
        beam_arguments: Flags for Beam.

    Raises:
        UsageError: where there is no article at all.
        BerthError: for a file that is not a dump or is damaged.
    """
    stage = Stage(
        name="extract",
        version=VERSION,
        parameters={**options.model_dump(mode="json"), "language": language},
        inputs={"dumps": dumps},
    )

    def work(output: Output) -> None:
        _extract(dumps, options, language, output, beam_arguments)

    return run(stage, place, work)


def _extract(
    dumps: Inputs, options: ExtractOptions, language: str, output: Output, beam_arguments: Sequence[str]
) -> None:
    import apache_beam as beam

    from pipelines.beam import pipeline
    from pipelines.wikitext.articles import PartTask
    from pipelines.wikitext.dump import open_dump

    opened = [open_dump(uri, language) for uri in dumps.uris]
    parts = [(dump, part) for dump in opened for part in dump.parts]
    names = shard_names("articles", len(parts), "parquet")
    tasks = [
        PartTask(part, name, dump.wiki, options.keep_headings, options.strict, output)
        for (dump, part), name in zip(parts, names, strict=True)
        if not output.is_complete(name)
    ]
    sizes = {task.name: task.part.stop - task.part.start for task in tasks}
    with watched("extract", output, sizes, unit="B"), pipeline(beam_arguments) as job:
        _ = job | "parts" >> beam.Create(tasks, reshuffle=True) | "extract" >> beam.Map(PartTask.run)
    counters = output.counters()
    log.info(
        "%s pages: %s articles, %s redirects, %s of other namespaces",
        *(f"{counters.get(name, 0):,}" for name in ("pages", "articles", "redirects", "other_namespaces")),
    )
    if not counters.get("articles"):
        raise UsageError(
            "the corpus holds no article",
            where=", ".join(dumps.uris),
            found=f"{counters.get('pages', 0):,} pages, none of them an article of the main namespace",
            fix="Give a pages-articles dump, not one of stubs, abstracts or logs.",
        )
    if lost := counters.get("lost_places"):
        log.warning("%d places of the dumps could not be read; see the counters lost_* in the manifest", lost)
