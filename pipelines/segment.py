"""Stage: articles → shards of sentences, with documents held out for evaluation."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from operator import methodcaller

from berth import storage
from berth.errors import UsageError
from berth.machines.process_memory import SEGMENT_BYTES
from berth.recipe import Segmentation
from berth.stage import Destination, Result, Stage, run
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from pipelines.engine.progress import shard_progress
from pipelines.engine.shards import shard_names
from pipelines.sentences.languages import seed_abbreviations, sentence_end_characters

log = logging.getLogger("berth.segment")

VERSION = 3
FROM_CORPUS = "corpus"


def segment(
    *,
    articles: Inputs,
    options: Segmentation,
    seed: int,
    language: str = "en",
    destination: Destination,
    beam_arguments: Sequence[str] = (),
) -> Result:
    """Split articles into sentences, distributed over shards.

    The output is ``part-00000-of-0000N.txt`` (one sentence a line, an empty line after each document, the format of
    the MLPerf scripts), ``eval.txt`` with the held-out documents in the same format, ``eval.md5`` with the MD5 of each
    document's lines, and ``punkt.json`` with Punkt's parameters. Keyed hashes of the seed and a document's id decide
    its shard, its position there and whether it is held out, independently of other documents, runner and workers.
    With ``shard_lines`` the number of shards is the number of all lines divided by it, rounded up. In files whose lines
    are sentences, these are kept; everywhere, a run of white space becomes one space.

    A worker holds one row group (16 million characters as `berth extract` writes them) and its sentences, or one shard,
    or the held-out documents; Punkt's training, the counts of the words of 32 MB.

    Args:
        articles: Parquet files with the columns id, url and text.
        options: Segmenter, number of shards or their lines, number of held-out documents.
        seed: Key of the hashes.
        language: Language code, for sentence-end characters and known abbreviations.
        destination: Where the output goes.
        beam_arguments: Flags for Beam.

    Raises:
        UsageError: For more shards than documents, as many held-out documents as documents, no text at all, or an
            unknown Punkt model.
        BerthError: For files that are not articles, or are damaged.
    """
    inputs = {"articles": articles}
    if options.segmenter == "punkt" and options.punkt != FROM_CORPUS:
        from pipelines.sentences.punkt_parameters import find_model

        inputs["punkt"] = Inputs.at(*find_model(options.punkt))
    unused = "shard_lines" if options.shard_lines is None else "shards"
    parameters = options.identity(exclude={"punkt", unused})
    stage = Stage("segment", VERSION, {**parameters, "language": language}, inputs, seed)

    def work(output: Output) -> None:
        _segment(articles, inputs.get("punkt"), options, seed, language, output, beam_arguments)

    return run(stage, destination, work)


def _segment(
    articles: Inputs,
    punkt: Inputs | None,
    options: Segmentation,
    seed: int,
    language: str,
    output: Output,
    beam_arguments: Sequence[str],
) -> None:
    from berth.formats.results import PUNKT
    from berth.formats.sentences import EVALUATION as EVALUATION_TEXT
    from pipelines.documents.article_groups import article_groups
    from pipelines.engine.beam import beam
    from pipelines.engine.checked_create import CheckedCreate
    from pipelines.engine.runner import pipeline
    from pipelines.engine.work import Work
    from pipelines.sentences.line_count import LineCount
    from pipelines.sentences.preparation import Preparation, sample_share
    from pipelines.sentences.punkt_parameters import load_model
    from pipelines.sentences.segmenter import Segmenter
    from pipelines.sentences.selection import Selection
    from pipelines.sentences.sharding import SELECTION, SORTED, Sharding
    from pipelines.sentences.split_documents import DIRECTORY

    groups = article_groups(articles.uris)
    if not groups:
        raise _empty(articles)
    size = sum(group.text_bytes for group in groups)
    segmenter = Segmenter(options.segmenter, language, output.path(PUNKT))
    segmenter.check()
    given = tuple(options.sentence_end_characters or ())
    ends = given or sentence_end_characters(language)
    share = sample_share(groups) if options.segmenter == "punkt" and not output.is_complete(PUNKT) else 0.0
    if share and punkt is not None:
        model = load_model(punkt.uris, ends)
        with output.shard(PUNKT) as shard:
            shard.write(model.with_end_characters(given or model.end_characters).to_json())
        share = 0.0
    if share or not output.is_complete(SELECTION):
        log.info("choosing documents%s", ", training Punkt" if share else "")
        abbreviations = seed_abbreviations(language)
        with pipeline(beam_arguments, output, len(groups), size=size, memory=SEGMENT_BYTES) as job:
            Preparation(output, seed, options.eval_documents, ends, abbreviations, share).add_to(job, groups)
    documents = Selection.read(output.path(SELECTION)).documents
    _check_documents(documents, articles, options)
    count = options.shards
    if options.shard_lines is not None:
        lines = LineCount(output, segmenter).count(groups, beam_arguments)
        count = max(1, -(-lines // options.shard_lines))
    _check_shards(count, documents, options)

    shards = tuple(shard_names("part", count, "txt"))
    sharding = Sharding(output, shards, seed, segmenter, len(groups))
    missing = [index for index, name in enumerate(shards) if not output.is_complete(name)]
    evaluates = options.eval_documents > 0 and not output.is_complete(EVALUATION_TEXT)
    if missing or evaluates:
        sizes = {shards[index]: 1 for index in missing}
        parts = max(len(groups), len(missing))
        run_job = pipeline(beam_arguments, output, parts, size=size, memory=SEGMENT_BYTES)
        with shard_progress("segment", output, sizes, unit="shard"), run_job as job:
            split = job | "groups" >> CheckedCreate(groups) | "split" >> beam.ParDo(Work(sharding.split_group))
            # The side input makes the shards wait until all groups are split.
            done = beam.pvalue.AsIter(split)
            _ = job | "shards" >> CheckedCreate(missing) | "write" >> beam.ParDo(Work(sharding.write_shard), done)
            if evaluates:
                _ = (
                    job
                    | "evaluation" >> CheckedCreate([sharding])
                    | beam.ParDo(Work(methodcaller("write_evaluation")), done)
                )
    storage.delete(output.path(DIRECTORY))
    storage.delete(output.path(SORTED))
    storage.delete(output.path(SELECTION))
    counters = output.counters()
    log.info(
        "%s documents, %s sentences in %d shards; %s documents held out",
        f"{counters.get('documents', 0):,}",
        f"{counters.get('sentences', 0):,}",
        count,
        f"{counters.get('evaluation_documents', 0):,}",
    )


def _check_documents(documents: int, articles: Inputs, options: Segmentation) -> None:
    """Refuse a corpus too small for what is held out."""
    if not documents:
        raise _empty(articles)
    if options.eval_documents >= documents:
        raise UsageError(
            "too many documents are held out for evaluation",
            where="eval_documents",
            found=f"{options.eval_documents:,} of {documents:,} documents",
            expected=f"at most {documents - 1:,}",
            fix="Lower eval_documents, or give a larger corpus.",
        )


def _check_shards(shards: int, documents: int, options: Segmentation) -> None:
    """Refuse more shards than documents."""
    left = documents - options.eval_documents
    if shards <= left:
        return
    by_lines = options.shard_lines is not None
    raise UsageError(
        "there are more shards than documents",
        where="shard_lines" if by_lines else "shards",
        found=f"{shards:,} shards{f' of {options.shard_lines:,} lines' if by_lines else ''} for {left:,} documents",
        expected="at least one document a shard",
        fix=f"{'Raise shard_lines' if by_lines else 'Lower the number of shards'}, or give a larger corpus.",
    )


def _empty(articles: Inputs) -> UsageError:
    return UsageError(
        "the corpus is empty", where=articles.uri, found="no document with text", fix="Check the extracted articles."
    )
