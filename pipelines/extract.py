"""Stage: MediaWiki dumps, and text in other formats → clean articles in Parquet."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from operator import methodcaller
from typing import TYPE_CHECKING

from berth.errors import UsageError
from berth.machines.process_memory import EXTRACT_BYTES
from berth.recipe import ExtractOptions
from berth.stage import Destination, Result, Stage, run
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from pipelines.corpora.sources import TextCorpus
from pipelines.engine.progress import shard_progress
from pipelines.engine.shards import shard_names

if TYPE_CHECKING:
    from pipelines.corpora.reading import CorpusTask
    from pipelines.wikitext.shard import PartTask

log = logging.getLogger("berth.extract")

VERSION = 5


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
    (paragraphs and list items, one a line), and ``language`` if a source has it. There is one file for each part of a
    source: for each 64 MiB of a file that can be split (multistream bz2, plain XML or text, Parquet), or of small files
    together, or for each other file. So the files do not depend on runner or workers. The counters account for every
    page of the dumps (pages = articles + redirects + other_namespaces + disambiguations + rejected_*) and every
    document of the other sources (documents_read = articles + rejected_*). For dumps, ``losses.json`` ranks the
    templates whose words are not in the articles, and ``templates.json`` holds the definitions from the dumps' own
    template pages, if these are read.

    Args:
        dumps: MediaWiki dumps: XML, plain or compressed with bzip2 (single- or multistream) or gzip.
        corpora: Other sources.
        options: What to keep, and whether damage is an error.
        language: Language to assume for dumps that do not name theirs.
        destination: Where the output goes.
        beam_arguments: Flags for Beam.

    Raises:
        UsageError: If there is no article at all.
        BerthError: For a file that does not have the format of its source; if ``options.strict``, for damage.
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
    from pipelines.engine.beam import beam
    from pipelines.engine.checked_create import CheckedCreate
    from pipelines.engine.runner import pipeline
    from pipelines.engine.work import Work
    from pipelines.error_policy import ErrorPolicy
    from pipelines.wikitext.extraction import DumpExtraction

    errors = ErrorPolicy.of(options)
    uris = dumps.uris if dumps is not None else []
    extraction = DumpExtraction(uris, language, options, errors, output, beam_arguments)
    text_parts = [part for corpus in corpora for part in corpus.parts()]
    names = shard_names("articles", len(extraction.parts) + len(text_parts), "parquet")
    dump_names = names[: len(extraction.parts)]
    extraction.read_templates(dump_names)
    tasks: list[PartTask | CorpusTask] = [*extraction.tasks(dump_names)]
    for text_part, name in zip(text_parts, names[len(dump_names) :], strict=True):
        tasks.append(CorpusTask(text_part, name, errors, output))
    tasks = [task for task in tasks if not output.is_complete(task.name)]
    sizes = {task.name: task.size for task in tasks}
    run_job = pipeline(beam_arguments, output, len(tasks), size=sum(sizes.values()), memory=EXTRACT_BYTES)
    with shard_progress("extract", output, sizes, unit="B"), run_job as job:
        _ = job | "parts" >> CheckedCreate(tasks) | "extract" >> beam.ParDo(Work(methodcaller("run")))
    if dump_names:
        extraction.reject_duplicates(dump_names)
        extraction.write_omissions(dump_names)
    counters = output.counters()
    _log_counters(counters)
    if not counters.get("articles"):
        given = [*uris, *(corpus.files.uri for corpus in corpora)]
        raise _without_articles(counters, given)


def _log_counters(counters: Mapping[str, int]) -> None:
    """Log how many pages and documents were read, kept and rejected."""
    names = ("pages", "documents_read", "redirects", "other_namespaces", "articles")
    parts = [name for name in names if name in counters]
    rejected = [name for name, count in counters.items() if name.startswith("rejected_") and count]
    log.info(", ".join(f"{counters[name]:,} {name.replace('_', ' ')}" for name in (*parts, *rejected)))
    if lost := counters.get("lost_places"):
        log.warning("%d damaged ranges could not be read; see the counters lost_* in the manifest", lost)


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
