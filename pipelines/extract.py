"""Stage: MediaWiki dumps, and text of other forms → clean articles in Parquet."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from berth.errors import UsageError
from berth.recipe import ExtractOptions
from berth.stage import Destination, Result, Stage, run
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from pipelines.corpora.sources import TextCorpus
from pipelines.engine.shards import shard_names, watched

if TYPE_CHECKING:
    from pipelines.corpora.reading import CorpusTask
    from pipelines.wikitext.shard import PartTask

log = logging.getLogger("berth.extract")

VERSION = 4


def extract(
    *,
    dumps: Inputs | None = None,
    corpora: Sequence[TextCorpus] = (),
    options: ExtractOptions,
    language: str = "en",
    destination: Destination,
    beam_arguments: Sequence[str] = (),
) -> Result:
    """Make one corpus of articles from dumps and other sources of text.

    The output is ``articles-00000-of-0000N.parquet`` with the columns id, title, url, revision, timestamp and text
    (paragraphs and list items, one a line), and ``language`` where a source tells it. There is one file for each part
    of a source: for each 64 MiB of a file that can be split (multistream bz2, plain XML or text, Parquet), or of small
    files together, or for each other file. So the files do not depend on runner or workers. The counters say what
    became of every page of the dumps (pages = articles + redirects + other_namespaces + disambiguations + rejected_*)
    and of every document of the other sources (documents_read = articles + rejected_*). Of dumps, ``losses.json`` ranks
    the templates whose words are not in the articles, and ``templates.json`` holds what was derived from the dumps' own
    template pages, where these are read.

    Args:
        dumps: MediaWiki dumps: XML, plain or compressed with bzip2 (single- or multistream) or gzip.
        corpora: Other sources.
        options: What to keep, and whether damage is an error.
        language: Language to assume for dumps that do not name theirs.
        destination: Where the output goes.
        beam_arguments: Flags for Beam.

    Raises:
        UsageError: where there is no article at all.
        BerthError: for a file that is not of its source's form, or is damaged.
    """
    inputs = {"dumps": dumps} if dumps is not None else {}
    for number, corpus in enumerate(corpora, 1):
        inputs[f"{corpus.source.format} {number}" if len(corpora) > 1 else corpus.source.format] = corpus.files
    stage = Stage(
        name="extract",
        version=VERSION,
        parameters={
            **options.identity(),
            "language": language,
            "corpora": [corpus.parameters for corpus in corpora],
        },
        inputs=inputs,
    )

    def work(output: Output) -> None:
        _extract(dumps, corpora, options, language, output, beam_arguments)

    return run(stage, destination, work)


def _extract(
    dumps: Inputs | None,
    corpora: Sequence[TextCorpus],
    options: ExtractOptions,
    language: str,
    output: Output,
    beam_arguments: Sequence[str],
) -> None:
    from pipelines.corpora.reading import CorpusTask
    from pipelines.engine.beam import beam, pipeline
    from pipelines.engine.checked_create import Elements
    from pipelines.wikitext.extraction import DumpExtraction

    uris = dumps.uris if dumps is not None else []
    extraction = DumpExtraction(uris, language, options, output, beam_arguments)
    text_parts = [part for corpus in corpora for part in corpus.parts()]
    names = shard_names("articles", len(extraction.parts) + len(text_parts), "parquet")
    of_dumps = names[: len(extraction.parts)]
    extraction.read_templates(of_dumps)
    tasks: list[PartTask | CorpusTask] = [*extraction.tasks(of_dumps)]
    sizes = {name: part.stop - part.start for name, (_, part) in zip(of_dumps, extraction.parts, strict=True)}
    for text_part, name in zip(text_parts, names[len(of_dumps) :], strict=True):
        tasks.append(CorpusTask(text_part, name, options.strict, output))
        sizes[name] = text_part.size
    tasks = [task for task in tasks if not output.is_complete(task.name)]
    sizes = {task.name: sizes[task.name] for task in tasks}
    with watched("extract", output, sizes, unit="B"), pipeline(beam_arguments, output, len(tasks)) as job:
        _ = job | "parts" >> Elements(tasks) | "extract" >> beam.Map(lambda task: task.run())
    if of_dumps:
        extraction.reject_duplicates(of_dumps)
        extraction.write_losses(of_dumps)
    counters = output.counters()
    _tell(counters)
    if not counters.get("articles"):
        given = [*uris, *(corpus.files.uri for corpus in corpora)]
        raise _without_articles(counters, given)


def _tell(counters: Mapping[str, int]) -> None:
    """Log what became of what was read."""
    names = ("pages", "documents_read", "redirects", "other_namespaces", "articles")
    parts = [name for name in names if name in counters]
    rejected = [name for name, count in counters.items() if name.startswith("rejected_") and count]
    log.info(", ".join(f"{counters[name]:,} {name.replace('_', ' ')}" for name in (*parts, *rejected)))
    if lost := counters.get("lost_places"):
        log.warning("%d places could not be read; see the counters lost_* in the manifest", lost)


def _without_articles(counters: Mapping[str, int], uris: Sequence[str]) -> UsageError:
    found, fix = f"{counters.get('pages', 0):,} pages, none of them an article of the main namespace", ""
    if "documents_read" in counters:
        found = ", ".join(f"{count:,} {name}" for name, count in counters.items() if name.startswith("rejected_"))
        fix = "Check the format and the names of the fields."
    return UsageError(
        "the corpus holds no article",
        where=", ".join(uris),
        found=found or "no document",
        fix=fix or "Give a pages-articles dump, not one of stubs, abstracts or logs.",
    )
