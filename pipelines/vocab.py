"""Stage: sentence shards → vocabulary, learned or given."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from berth import storage
from berth.errors import BerthError
from berth.inputs import Inputs
from berth.output import Output
from berth.recipe import Vocabulary
from berth.stage import Place, Result, Stage, run

if TYPE_CHECKING:
    from pipelines.sampling import Sample

log = logging.getLogger("berth.vocab")

VERSION = 1
FILE = "vocab.txt"
# Temporary files: counts of words, and of lines.
WORDS, LINES = ".words.json", ".lines.json"
# More distinct words change no piece of a vocabulary of usual size; the rarest are left out.
MAX_WORDS = 1_000_000


def vocabulary(
    *,
    text: Inputs,
    given: Inputs | None = None,
    options: Vocabulary,
    seed: int,
    place: Place,
    beam_arguments: Sequence[str] = (),
) -> Result:
    """Learn a vocabulary from sentence shards, or check and take over a given one.

    The output is ``vocab.txt``, one entry a line: [PAD] [UNK] [CLS] [SEP] [MASK], the characters in order, then pieces
    as they are learned. It has exactly ``options.size`` entries. The counters tell how it suits the text: words, words
    that are unknown to it, tokens.

    Args:
        text: Sentence shards.
        given: A vocabulary file that is to be used instead; then nothing is learned.
        options: Kind, size, and whether the text is lower-cased.
        seed: Key of the sample; without one the result depends on the text only.
        place: Where the output goes.
        beam_arguments: Flags for Beam.

    Raises:
        BerthError: if the text cannot give so many entries, or the given file is no vocabulary.
        UsageError: if the size leaves no room for pieces.
    """
    if given is not None:
        stage = Stage("vocab", VERSION, {"given": True}, {"given": given})
        return run(stage, place, lambda output: _take_over(given, output))
    parameters = options.model_dump(mode="json", exclude={"path", "expected", "sample_sentences"})
    if options.sample_sentences is None:
        stage = Stage("vocab", VERSION, parameters, {"text": text})
    else:
        parameters["sample_sentences"] = options.sample_sentences
        stage = Stage("vocab", VERSION, parameters, {"text": text}, seed)
    return run(stage, place, lambda output: _learn(text, options, seed, output, beam_arguments))


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
    from pipelines.wordpiece import learner, unigram
    from pipelines.wordpiece.alphabet import SPECIAL_TOKENS, character_entries, choose_alphabet
    from pipelines.wordpiece.coverage import coverage

    words = _count(text, options, seed, output, beam_arguments)
    if not words:
        raise BerthError("the text holds no word", where=text.uri, fix="Check the sentence shards.")
    log.info("%s distinct words", f"{len(words):,}")
    room = options.size - len(SPECIAL_TOKENS)
    alphabet = choose_alphabet(words, room // 2)
    entries = [*SPECIAL_TOKENS, *character_entries(alphabet)]
    frequent = dict(sorted(words.items(), key=lambda item: (-item[1], item[0]))[:MAX_WORDS])
    learn = unigram.first_pieces if options.kind == "sentencepiece" else learner.first_pieces
    entries += learn(frequent, alphabet, options.size - len(entries))
    if len(entries) < options.size:
        raise BerthError(
            "the text cannot give a vocabulary of this size",
            where=text.uri,
            found=f"{len(entries):,} entries in all from {len(words):,} distinct words",
            expected=f"{options.size:,} (vocabulary.size)",
            fix=f"Lower the size to at most {len(entries):,}, or give more text.",
        )
    _write(entries, output, {"characters": len(alphabet), **coverage(words, entries)})


def _count(text: Inputs, options: Vocabulary, seed: int, output: Output, beam_arguments: Sequence[str]) -> Counter[str]:
    """Count the words on Beam; the sum comes back through a temporary file."""
    from pipelines.beam import beam, pipeline
    from pipelines.wordpiece.words import count_words

    lower_case = options.lower_case

    def count(uri: str, sample: Sample | None) -> Counter[str]:
        return count_words(sample.text(uri) if sample else storage.read_text(uri), lower_case=lower_case)

    def write(words: Counter[str]) -> None:
        with output.shard(WORDS) as shard:
            shard.write(json.dumps(sorted(words.items()), ensure_ascii=False).encode())

    if not output.is_complete(WORDS):
        chosen = None
        if options.sample_sentences is not None:
            chosen = _sample(text, options.sample_sentences, seed, output, beam_arguments)
        with pipeline(beam_arguments) as job:
            _ = (
                job
                | "shards" >> beam.Create(text.uris, reshuffle=True)
                | "count" >> beam.Map(count, chosen)
                | "sum" >> beam.CombineGlobally(_sum)
                | "write" >> beam.Map(write)
            )
    words = Counter(dict(json.loads(storage.read_bytes(output.path(WORDS)))))
    storage.delete(output.path(WORDS))
    return words


def _sample(text: Inputs, wanted: int, seed: int, output: Output, beam_arguments: Sequence[str]) -> Sample:
    """Choose the sentences; the shards' numbers of lines come back through a temporary file."""
    from pipelines.beam import beam, pipeline
    from pipelines.sampling import choose, count_lines

    def write(counts: Iterable[tuple[str, int]]) -> None:
        with output.shard(LINES) as shard:
            shard.write(json.dumps(dict(sorted(counts))).encode())

    if not output.is_complete(LINES):
        with pipeline(beam_arguments) as job:
            _ = (
                job
                | "shards" >> beam.Create(text.uris, reshuffle=True)
                | "lines" >> beam.Map(count_lines)
                | "all" >> beam.combiners.ToList()
                | "write" >> beam.Map(write)
            )
    lines: dict[str, int] = json.loads(storage.read_bytes(output.path(LINES)))
    storage.delete(output.path(LINES))
    log.info("%s of %s sentences", f"{min(wanted, sum(lines.values())):,}", f"{sum(lines.values()):,}")
    return choose(lines, seed, wanted)


def _sum(counts: Iterable[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return total


def _write(entries: Sequence[str], output: Output, counters: dict[str, int]) -> None:
    with output.shard(FILE) as shard:
        for entry in entries:
            shard.write(entry.encode() + b"\n")
        shard.records = len(entries)
        shard.counters.update(counters)
