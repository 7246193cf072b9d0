"""Compressed dumps and corpora: bz2, of one stream or several, and gzip, made from an input or given as they are."""

from __future__ import annotations

import bz2
import gzip

from berth.errors import BerthError
from berth.stage.inputs import Inputs
from fuzz.target import choice, write
from fuzz.targets import dumps
from pipelines.corpora.lines import ranges
from pipelines.corpora.reading import DamagedFileError, PartStatus
from pipelines.error_policy import ErrorPolicy

REFUSALS = (BerthError,)

SEPARATOR = b"\n%%\n"


def fuzz(data: bytes) -> None:
    """How the file is made, where it is cut or damaged; then its content, streams separated by lines `%%`."""
    number, content = choice(data)
    damage, content = choice(content)
    streams = content.split(SEPARATOR)
    match number % 4:
        case 0:
            file = content
        case 1:
            file = b"".join(bz2.compress(stream, 1) for stream in streams)
        case 2:
            file = b"".join(gzip.compress(stream, 1, mtime=0) for stream in streams)
        case _:  # streams that are compressed, and bytes that are not
            file = b"".join(
                bz2.compress(stream, 1) if index % 2 == 0 else stream for index, stream in enumerate(streams)
            )
    if damage and file:
        at = damage * len(file) // 256
        file = file[:at] + bytes([file[at] ^ 0x55]) + file[at + 1 :] if damage % 2 else file[:at]
    uri = write("dump.xml.bz2", file)
    for inputs in Inputs.at(uri).files:
        for lines in ranges(inputs):
            try:
                for _, line in lines.read(PartStatus(ErrorPolicy())):
                    assert line is None or len(line) <= len(file) * 2000 + 2000
            except DamagedFileError as error:
                assert error.found
            except BerthError:
                pass
    dumps.read(uri, len(file), strict=number // 4 % 2 == 1, cut=number // 8)
