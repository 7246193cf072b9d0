"""Sends random texts, vocabularies and options through all kernels; run with NUMBA_BOUNDSCHECK=1 by test_fuzz.py.

Usage: python fuzz_kernels.py INPUTS SEED. An index out of bounds, or any error that is no BerthError, ends it with a
traceback.
"""

from __future__ import annotations

import contextlib
import random
import sys
import time

import numpy as np

from berth.errors import BerthError
from berth.formats import tfrecord
from berth.formats.record_decoder import decode_one
from berth.formats.vocabulary import SPECIAL_TOKENS, Vocabulary
from berth.recipe import RecordSet
from pipelines.mlm import keyed, reference
from pipelines.mlm import record_encoder as examples
from pipelines.mlm.instances import documents_of
from pipelines.mlm.record_encoder import varint
from pipelines.mlm.tokenizer import Tokenizer

INPUTS_PER_VOCABULARY = 200
WORDS = [
    "a",
    "ab",
    "B",
    "é",
    "Σ",
    "中",
    "\u0301",
    "\u302e",
    ".",
    "[",
    "\u200b",
    "\xa0",
    "\x00",
    "a" * 33,
    "ab" * 120,
    "😀",
]
BLANKS = ["\n", "\n\n", "\n \n", "\t", " ", "\r", "\u2028"]


def random_vocabulary(rng: random.Random) -> Vocabulary:
    pieces = ["".join(rng.choices("abABé中σ.", k=rng.randint(1, 4))) for _ in range(rng.randint(1, 40))]
    tokens = [*SPECIAL_TOKENS, *pieces, *("##" + piece for piece in pieces if rng.random() < 0.6)]
    if rng.random() < 0.02:
        tokens += [f"x{number}" for number in range(1 << 16)]
    tokens = list(dict.fromkeys(tokens))
    rng.shuffle(tokens)
    return Vocabulary(tuple(tokens))


def random_text(rng: random.Random) -> bytes:
    parts = []
    for _ in range(rng.choice([0, 1, 3, 10, 40, 120])):
        parts.append(rng.choice(WORDS) if rng.random() < 0.8 else chr(rng.randrange(0xD800)))
        parts.append(rng.choice(BLANKS) if rng.random() < 0.3 else " " if rng.random() < 0.7 else "")
    text = bytearray("".join(parts).encode())
    if text and rng.random() < 0.1:  # not UTF-8, mostly
        text[rng.randrange(len(text))] = rng.randrange(256)
    return bytes(text)


def random_options(rng: random.Random) -> RecordSet:
    max_seq_length = rng.choice([5, 6, 7, 8, 13, 32, 128, 512])
    is_keyed = rng.random() < 0.5
    return RecordSet(
        max_seq_length=max_seq_length,
        max_predictions=rng.randint(1, max_seq_length - 3),
        masked_lm_prob=rng.choice([0.01, 0.15, 0.5, 0.99]),
        short_seq_prob=rng.choice([0.0, 0.1, 1.0]),
        dupe_factor=rng.randint(1, 3),
        rng="keyed" if is_keyed else "reference",
        objective=rng.choice(["mlm", "mlm+nsp"]) if is_keyed else "mlm+nsp",
        whole_word_mask=(unit := rng.choice(["tokens", "words", "spans"])) == "words",
        span_masking=unit == "spans" and is_keyed,
    )


def layout_for(vocabulary: Vocabulary, options: RecordSet) -> examples.Layout:
    is_pair = options.objective == "mlm+nsp"
    return examples.layout_of(vocabulary, options.max_seq_length, options.max_predictions, is_pair)


def make_records(text: bytes, tokenizer: Tokenizer, options: RecordSet, layout: examples.Layout, seed: int) -> int:
    """All the way from bytes to bytes; returns the number of records."""
    vocabulary = tokenizer.vocabulary
    read = documents_of(tokenizer.encode(text))
    generator = keyed if options.rng == "keyed" else reference
    generated = generator.create_instances(read, vocabulary, options, seed)
    scratch = examples.scratch_for(layout, vocabulary.id_type)
    out = np.empty(3 * layout.largest_record, np.uint8)
    done = 0
    while done < len(generated.order):
        done, size = examples.encode_records(generated.order, done, read.ids, generated.instances, layout, scratch, out)
        assert 0 < size <= len(out)
        read_back(out[:size].tobytes(), random.Random(seed))
    return done


def read_back(content: bytes, rng: random.Random) -> None:
    """Read records as they are; then one of them, and the frames, with a number in them that is as large as can be."""
    starts, lengths = np.empty((2, len(content) // tfrecord.FRAME_BYTES), np.int64)
    count, status, end = tfrecord.scan_frames(np.frombuffer(content, np.uint8), starts, lengths)
    assert (status, end) == (tfrecord.OK, len(content))
    data = np.frombuffer(content, np.uint8).copy()
    assert tfrecord.first_damaged(data, starts[:count], lengths[:count]) < 0
    chosen = rng.randrange(count)
    record = content[starts[chosen] : starts[chosen] + lengths[chosen]]
    decode_one(record, "record")
    at, number = rng.randrange(len(record)), rng.choice([2**63 - 1, 2**63 - rng.randrange(1, 1000), 2**64 - 1, 2**32])
    length = number.to_bytes(8, "little")
    for spoilt in (record[:at] + varint(number) + record[at:], record[:at] + varint(number) + record[at + 1 :]):
        with contextlib.suppress(BerthError):
            decode_one(spoilt, "record")
    header = length + tfrecord.frame(length)[tfrecord.HEADER_BYTES + len(length) :]
    spoilt_file = np.frombuffer(content + header + record[:at], np.uint8)
    assert tfrecord.scan_frames(spoilt_file, starts, lengths) == (count, tfrecord.CUT, len(content))


def main(inputs: int, seed: int) -> None:
    rng = random.Random(seed)
    refused = records = 0
    started = time.monotonic()
    for number in range(inputs):
        if number % INPUTS_PER_VOCABULARY == 0:
            vocabulary = random_vocabulary(rng)
            tokenizers = [Tokenizer(vocabulary, lower_case) for lower_case in (True, False)]
            settings = [
                (options, layout_for(vocabulary, options)) for options in (random_options(rng) for _ in range(8))
            ]
        try:
            records += make_records(random_text(rng), rng.choice(tokenizers), *rng.choice(settings), number)
        except BerthError:
            refused += 1
    sys.stdout.write(f"{inputs} inputs: {records} records, {refused} refused, {time.monotonic() - started:.0f} s\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
