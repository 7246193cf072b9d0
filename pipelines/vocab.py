"""Stage: sentence shards → vocabulary, learned or given."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from berth import storage
from berth.errors import BerthError
from berth.formats.vocabulary import VOCABULARY, parse, split_lines
from berth.formats.vocabulary import Vocabulary as Tokens
from berth.recipe import Vocabulary
from berth.stage import Destination, Result, Stage, run
from berth.stage.inputs import Inputs
from berth.stage.output import Output

if TYPE_CHECKING:
    from collections import Counter

    from pipelines.wordpiece.sampling import Sample

log = logging.getLogger("berth.vocab")

VERSION = 3
# Temporary files: counts of words, and of lines.
WORDS, LINES = ".words.txt", ".lines.json"


def vocabulary(
    *,
    text: Inputs,
    given: Inputs | None = None,
    options: Vocabulary,
    seed: int,
    destination: Destination,
    beam_arguments: Sequence[str] = (),
) -> Result:
    """Learn a vocabulary from sentence shards, or check and copy a given one.

    The output is ``vocab.txt``: [PAD] [UNK] [CLS] [SEP] [MASK], the characters in order, then pieces in the order in
    which they are learned. It has exactly ``options.size`` entries. The counters say how it covers the text: words,
    words that are unknown to it, tokens; they are those of records made from the same text.

    Args:
        text: Sentence shards.
        given: A vocabulary file to use instead; then nothing is learned.
        options: The algorithm, the size, and whether the text is lower-cased.
        seed: Key of the sample; without a sample the result depends on the text only.
        destination: Where the output goes.
        beam_arguments: Flags for Beam.

    Raises:
        BerthError: if the text cannot give this number of entries, or the given file is not a vocabulary.
    """
    if given is not None:
        stage = Stage("vocab", VERSION, {"given": True}, {"given": given})
        return run(stage, destination, lambda output: _copy(given, output))
    excluded = {"path", "expected"}
    if options.kind != "sentencepiece":
        excluded.add("pieces")
    if options.sample_sentences is None:
        excluded.add("sample_sentences")
    parameters = options.identity(exclude=excluded)
    stage = Stage("vocab", VERSION, parameters, {"text": text}, None if options.sample_sentences is None else seed)
    return run(stage, destination, lambda output: _learn(text, options, seed, output, beam_arguments))


def _copy(given: Inputs, output: Output) -> None:
    """Copy a vocabulary that is fit to use; its lines stay as they are, but for their ends."""
    uri = given.one().uri
    text = storage.read_text(uri)
    Tokens(tuple(parse(text)), uri)  # raises an error where it is not fit to use
    _write(split_lines(text), output, {})


def _learn(text: Inputs, options: Vocabulary, seed: int, output: Output, beam_arguments: Sequence[str]) -> None:
    from pipelines.wordpiece.coverage import coverage
    from pipelines.wordpiece.learning import learn

    words = _count(text, options, seed, output, beam_arguments)
    if not words:
        where = "the text" if options.sample_sentences is None else "the sample of the text"
        raise BerthError(f"{where} holds no word", where=text.uri, fix="Check the sentence shards.")
    log.info("%s distinct words", f"{len(words):,}")
    entries = learn(words, options, options.size)
    if len(entries) < options.size:
        raise _too_small(text, words, options, len(entries))
    counters = {"characters": sum(len(entry) == 1 for entry in entries), **coverage(words, entries)}
    _write(entries, output, counters)
    storage.delete(output.path(WORDS))
    log.info(
        "%s entries, %s of them characters; %.3f%% of the text's words known, %.3f tokens a word",
        f"{len(entries):,}",
        f"{counters['characters']:,}",
        100 * (1 - counters["unknown_words"] / counters["words"]),
        counters["tokens"] / counters["words"],
    )


def _too_small(text: Inputs, words: Mapping[str, int], options: Vocabulary, found: int) -> BerthError:
    """The error for a size that the text cannot give; it names the largest one that it can give."""
    from pipelines.wordpiece.learning import largest_size

    largest = largest_size(words, options, found)
    return BerthError(
        "the text cannot give a vocabulary of this size",
        where=text.uri,
        found=f"{found:,} entries from {len(words):,} distinct words",
        expected=f"{options.size:,} (vocabulary.size)",
        fix=f"{f'Lower the size to at most {largest:,}, or give' if largest else 'Give'} more text.",
    )


def _count(text: Inputs, options: Vocabulary, seed: int, output: Output, beam_arguments: Sequence[str]) -> Counter[str]:
    """Count the words on Beam; counts that are complete are not made again."""
    from pipelines.engine.runner import is_in_memory
    from pipelines.engine.workers import BYTES_A_WORKER, in_own_process
    from pipelines.wordpiece.shard_words import ShardWords, grouped
    from pipelines.wordpiece.word_counts import read_counts

    if not output.is_complete(WORDS):
        sample = None
        if options.sample_sentences is not None:
            sample = _sample(text, options.sample_sentences, seed, output, beam_arguments)
        shard_words = ShardWords(options.lower_case, sample)
        size = sum(file.size for file in text.files)
        arguments = grouped(text.files), shard_words, WORDS, output, beam_arguments, size
        if is_in_memory(beam_arguments) and size >= BYTES_A_WORKER:
            in_own_process(_count_groups, *arguments)  # TensorFlow's 600 MB end with it, before pieces are learned
        else:
            _count_groups(*arguments)
    return read_counts(output.path(WORDS))


def _count_groups(*arguments: Any) -> None:
    """Count the words of groups of shards: the arguments are those of ``count_shards``. Loads TensorFlow."""
    from pipelines.wordpiece.counting import count_shards

    count_shards(*arguments)


def _sample(text: Inputs, wanted: int, seed: int, output: Output, beam_arguments: Sequence[str]) -> Sample:
    """Choose the sentences; workers return the shards' numbers of lines through a temporary file."""
    from pipelines.engine.beam import beam
    from pipelines.engine.checked_create import CheckedCreate
    from pipelines.engine.runner import pipeline
    from pipelines.engine.work import Work
    from pipelines.wordpiece.sampling import choose, count_lines

    def write(counts: Iterable[tuple[str, int]]) -> None:
        with output.shard(LINES) as shard:
            shard.write(json.dumps(dict(sorted(counts))).encode())

    if not output.is_complete(LINES):
        size = sum(file.size for file in text.files)
        with pipeline(beam_arguments, output, len(text.uris), size=size) as job:
            _ = (
                job
                | "shards" >> CheckedCreate(text.uris)
                | "lines" >> beam.ParDo(Work(count_lines))
                | "all" >> beam.combiners.ToList()
                | "write" >> beam.Map(write)
            )
    lines: dict[str, int] = json.loads(storage.read_bytes(output.path(LINES)))
    storage.delete(output.path(LINES))
    log.info("%s of %s sentences", f"{min(wanted, sum(lines.values())):,}", f"{sum(lines.values()):,}")
    return choose(lines, seed, wanted)


def _write(entries: Sequence[str], output: Output, counters: dict[str, int]) -> None:
    with output.shard(VOCABULARY) as shard:
        for entry in entries:
            shard.write(entry.encode() + b"\n")
        shard.records = len(entries)
        shard.counters.update(counters)
