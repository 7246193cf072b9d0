"""The index of a file of records, as the trainer reads it: whatever it says, no wrong record."""

from __future__ import annotations

import zlib

import numpy as np

from berth.errors import BerthError
from berth.formats.records import INDEX
from berth.stage.inputs import Inputs
from fuzz.target import choice, write
from support.record_blocks import LIMITS, block, numbers_of
from trainer.data.records import RecordSet

REFUSALS = (BerthError,)

RECORDS = 3
CONTENT = block(0, RECORDS)


def fuzz(data: bytes) -> None:
    """The index's content; after a first character other than 0, its checksum is made right, so that it is read."""
    number, content = choice(data)
    if number:
        content = content[:-4] + zlib.crc32(content[:-4]).to_bytes(4, "little")
    uri = write("part.tfrecord", CONTENT)
    write(f"part.tfrecord{INDEX}", content)
    opened = RecordSet(Inputs.at(uri), LIMITS)
    found = numbers_of(opened.read(np.arange(opened.count)))
    assert found.tolist() == [*range(RECORDS)]
