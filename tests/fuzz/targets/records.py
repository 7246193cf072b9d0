"""TFRecord files: frames, gzip, tf.train.Example, and values, as the trainer and `berth explain` read them."""

from __future__ import annotations

import contextlib
import gzip

import numpy as np

from berth.errors import BerthError
from berth.formats import tfrecord
from berth.formats.record_tokens import read_record
from berth.formats.vocabulary import SPECIAL_TOKENS, Vocabulary
from berth.stage.inputs import Inputs
from fuzz.target import choice, write
from trainer.data.records import Limits, RecordSet

REFUSALS = (BerthError,)

VOCABULARY = Vocabulary((*SPECIAL_TOKENS, *(f"w{number}" for number in range(20))))
LIMITS = Limits(len(VOCABULARY), 2, 16)
SEPARATOR = b"\n%%\n"
# What a length in a frame's header may say beyond the truth, with the right checksum of the header.
LENGTHS = (2**63 - 1, 2**63, 2**64 - 1, 2**63 - 16, 2**64 - 16, 2**31, 2**32)


def fuzz(data: bytes) -> None:
    """How the file is made; then its content: bytes as they are, or records separated by lines `%%`."""
    number, content = choice(data)
    if number % 4 != 0:
        content = b"".join(map(tfrecord.frame, content.split(SEPARATOR)))
    if number % 4 == 2:
        content += _header(LENGTHS[number // 4 % len(LENGTHS)])
    if number % 4 == 3:
        content = gzip.compress(content, 1, mtime=0)
    uri = write("part.tfrecord", content)
    for record in _records(uri):
        with contextlib.suppress(BerthError):
            read_record(record, VOCABULARY, "record")
    records = RecordSet(Inputs.at(uri), LIMITS)
    records.read(np.arange(records.count))


def _records(uri: str) -> list[bytes]:
    """The records of the file, as far as they are whole: the other reader must refuse what this one refuses."""
    found = []
    try:
        for record in tfrecord.read_records(uri):
            found.append(record)
    except BerthError:
        try:
            parts = list(tfrecord.scan(uri))
        except BerthError:
            return found
        assert any(tfrecord.first_damaged(part.data.copy(), part.starts, part.lengths) >= 0 for part in parts)
    return found


def _header(length: int) -> bytes:
    """A header with this length and its right checksum."""
    number = length.to_bytes(tfrecord.LENGTH_BYTES, "little")
    return number + tfrecord.frame(number)[-tfrecord.FOOTER_BYTES :]
