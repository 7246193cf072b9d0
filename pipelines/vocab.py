"""Stage: sentence shards → vocabulary, learned or given."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from berth import storage
from berth.errors import BerthError
from berth.recipe import Vocabulary
from berth.stage import Destination, Result, Stage, run
from berth.stage.inputs import Inputs
from berth.stage.output import Output

if TYPE_CHECKING:
    from pipelines.wordpiece.sampling import Sample

log = logging.getLogger("berth.vocab")

VERSION = 3
FILE = "vocab.txt"
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
    """Learn a vocabulary from sentence shards, or check and take over a given one.

    The output is ``vocab.txt``, one entry a line: [PAD] [UNK] [CLS] [SEP] [MASK], the characters in order, then pieces
    as they are learned. It has exactly ``options.size`` entries. The counters tell how it suits the text: words, words
    that are unknown to it, tokens.

    Args:
        text: Sentence shards.
        given: A vocabulary file that is to be used instead; then nothing is learned.
        options: What learns it, its size, and whether the text is lower-cased.
        seed: Key of the sample; without one the result depends on the text only.
        destination: Where the output goes.
        beam_arguments: Flags for Beam.

    Raises:
        BerthError: if the text cannot give so many entries, or the given file is no vocabulary.
    """
    if given is not None:
        stage = Stage("vocab", VERSION, {"given": True}, {"given": given})
        return run(stage, destination, lambda output: _take_over(given, output))
    excluded = {"path", "expected"}
    if options.kind != "sentencepiece":
        excluded.add("pieces")
    if options.sample_sentences is None:
        excluded.add("sample_sentences")
    parameters = options.identity(exclude=excluded)
    stage = Stage("vocab", VERSION, parameters, {"text": text}, None if options.sample_sentences is None else seed)
    return run(stage, destination, lambda output: _learn(text, options, seed, output, beam_arguments))


def _take_over(given: Inputs, output: Output) -> None:
    from pipelines.wordpiece.alphabet import SPECIAL_TOKENS

    uri = given.one().uri
    entries = storage.read_text(uri).split("\n")
    if entries and not entries[-1]:
        entries.pop()
    entries = [entry.removesuffix("\r") for entry in entries]
    if missing := [token for token in SPECIAL_TOKENS if token not in entries]:
        raise BerthError(
            "this is not a BERT vocabulary",
            where=uri,
            found=f"{len(entries):,} entries without {', '.join(missing)}",
            expected="one entry a line, among them the special tokens",
        )
    twice = [entry for entry, count in Counter(entries).items() if count > 1]
    if twice:
        raise BerthError(
            "the vocabulary holds an entry twice",
            where=f"{uri}, line {len(entries) - entries[::-1].index(twice[0])}",
            found=repr(twice[0]),
            expected="each entry once",
        )
    _write(entries, output, {})


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
    """The error for a size that the text cannot give; it names the largest one that it can."""
    from pipelines.wordpiece.learning import largest_size

    largest = largest_size(words, options, found)
    return BerthError(
        "the text cannot give a vocabulary of this size",
        where=text.uri,
        found=f"{found:,} entries in all from {len(words):,} distinct words",
        expected=f"{options.size:,} (vocabulary.size)",
        fix=f"{f'Lower the size to at most {largest:,}, or give' if largest else 'Give'} more text.",
    )


def _count(text: Inputs, options: Vocabulary, seed: int, output: Output, beam_arguments: Sequence[str]) -> Counter[str]:
    """Count the words on Beam; what was counted before a kill is kept."""
    from pipelines.wordpiece.counting import ShardWords, count_shards, grouped, read_counts

    if not output.is_complete(WORDS):
        sample = None
        if options.sample_sentences is not None:
            sample = _sample(text, options.sample_sentences, seed, output, beam_arguments)
        shard_words = ShardWords(options.lower_case, sample)
        count_shards(grouped(text.files), shard_words, WORDS, output, beam_arguments)
    return read_counts(output.path(WORDS))


def _sample(text: Inputs, wanted: int, seed: int, output: Output, beam_arguments: Sequence[str]) -> Sample:
    """Choose the sentences; the shards' numbers of lines come back through a temporary file."""
    from pipelines.engine.beam import beam, pipeline
    from pipelines.engine.checked_create import Elements
    from pipelines.wordpiece.sampling import choose, count_lines

    def write(counts: Iterable[tuple[str, int]]) -> None:
        with output.shard(LINES) as shard:
            shard.write(json.dumps(dict(sorted(counts))).encode())

    if not output.is_complete(LINES):
        with pipeline(beam_arguments, output, len(text.uris)) as job:
            _ = (
                job
                | "shards" >> Elements(text.uris)
                | "lines" >> beam.Map(count_lines)
                | "all" >> beam.combiners.ToList()
                | "write" >> beam.Map(write)
            )
    lines: dict[str, int] = json.loads(storage.read_bytes(output.path(LINES)))
    storage.delete(output.path(LINES))
    log.info("%s of %s sentences", f"{min(wanted, sum(lines.values())):,}", f"{sum(lines.values()):,}")
    return choose(lines, seed, wanted)


def _write(entries: Sequence[str], output: Output, counters: dict[str, int]) -> None:
    with output.shard(FILE) as shard:
        for entry in entries:
            shard.write(entry.encode() + b"\n")
        shard.records = len(entries)
        shard.counters.update(counters)
