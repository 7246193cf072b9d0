"""Stage: sentence shards → vocabulary, learned or given."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence

from berth import storage
from berth.errors import BerthError
from berth.inputs import Inputs
from berth.output import Output
from berth.recipe import Vocabulary
from berth.stage import Place, Result, Stage, run

log = logging.getLogger("berth.vocab")

VERSION = 1
FILE = "vocab.txt"
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
        seed: Not used: the result depends on the text only.
        place: Where the output goes.
        beam_arguments: Flags for Beam.

    Raises:
        BerthError: if the text cannot give so many entries, or the given file is no vocabulary.
        UsageError: if the size leaves no room for pieces.
    """
    if given is not None:
        stage = Stage("vocab", VERSION, {"given": True}, {"given": given})
        return run(stage, place, lambda output: _take_over(given, output))
    parameters = options.model_dump(mode="json", exclude={"path"})
    stage = Stage("vocab", VERSION, parameters, {"text": text})
    return run(stage, place, lambda output: _learn(text, options, output, beam_arguments))


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


def _learn(text: Inputs, options: Vocabulary, output: Output, beam_arguments: Sequence[str]) -> None:
    from pipelines.wordpiece import learner, unigram
    from pipelines.wordpiece.alphabet import SPECIAL_TOKENS, character_entries, choose_alphabet
    from pipelines.wordpiece.coverage import coverage

    words = _count(text, options.lower_case, output, beam_arguments)
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


def _count(text: Inputs, lower_case: bool, output: Output, beam_arguments: Sequence[str]) -> Counter[str]:
    """Count the words on Beam; the sum comes back through a temporary file."""
    import json

    import apache_beam as beam

    from pipelines.beam import pipeline
    from pipelines.wordpiece.words import count_words

    name = ".words.json"

    def write(words: Counter[str]) -> None:
        with output.shard(name) as shard:
            shard.write(json.dumps(sorted(words.items()), ensure_ascii=False).encode())

    if not output.is_complete(name):
        with pipeline(beam_arguments) as job:
            _ = (
                job
                | "shards" >> beam.Create(text.uris, reshuffle=True)
                | "count" >> beam.Map(lambda uri: count_words(uri, lower_case=lower_case))
                | "sum" >> beam.CombineGlobally(_sum)
                | "write" >> beam.Map(write)
            )
    words = Counter(dict(json.loads(storage.read_bytes(output.path(name)))))
    storage.delete(output.path(name))
    return words


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
