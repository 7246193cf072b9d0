"""Lines of a text file: of a byte range of a plain file, or of a whole compressed one."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

import pyarrow as pa

from berth import storage
from berth.errors import BerthError
from berth.stage.inputs import InputFile
from pipelines.corpora import reading
from pipelines.corpora.reading import Damaged, Reading, is_damage

BUFFER_BYTES = 1 << 20
BOM = b"\xef\xbb\xbf"
# The codecs of Arrow, by the first bytes of what they make: of bz2, a stream's head and that of its first block, or the
# end of an empty stream.
CODEC_BYTES = 10
CODECS = {
    "gzip": re.compile(rb"\x1f\x8b\x08"),
    "bz2": re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"),
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd"),
}
# What a file may begin with that is no text in UTF-8.
OTHER_FORMS = {
    b"\xff\xfe": "the mark of UTF-16",
    b"\xfe\xff": "the mark of UTF-16",
    b"PAR1": "the mark of a Parquet file",
    b"PK\x03\x04": "the mark of a zip file",
    b"\xfd7zXZ": "the mark of an xz file",
}


@dataclass(frozen=True)
class Lines:
    """The lines that begin in a byte range of a file; those behind it are read on demand.

    Attributes:
        uri: The file.
        name: Its name as an input.
        codec: Arrow's name of its compression, "" for a plain file.
        start: First byte of the range; 0 for a compressed file.
        stop: End of the range (exclusive); the size for a compressed file.
    """

    uri: str
    name: str
    codec: str
    start: int
    stop: int

    @property
    def size(self) -> int:
        """Bytes to read."""
        return self.stop - self.start

    def is_behind(self, offset: int) -> bool:
        """Whether the line that begins at ``offset`` of the content belongs to the next range."""
        return not self.codec and offset >= self.stop

    def read(self, account: Reading) -> Iterator[tuple[int, bytes | None]]:
        """Offset (in the decompressed content) and bytes of each line without its LF; None for one that is too long.

        A byte order mark at the beginning is left out.

        Raises:
            Damaged: where the compressed data is cut short or corrupt.
            BerthError: for a file that is no text in UTF-8.
        """
        with storage.open_read(self.uri) as file:
            content = self._content(file)
            offset = self.start
            try:
                if self.start:
                    # If the byte before the range ends a line, the next line begins with the range.
                    offset += _skip_line(content) - 1
                while line := content.readline(reading.MAX_DOCUMENT_BYTES + 1):
                    begin = offset
                    offset += len(line)
                    account.bytes_read = min(self.size, file.tell() - self.start if self.codec else offset - self.start)
                    if begin == 0:
                        refuse_other_forms(self.uri, line)
                        line = line.removeprefix(BOM)
                    if line.endswith(b"\n"):
                        yield begin, line[:-1]
                    elif len(line) <= reading.MAX_DOCUMENT_BYTES:
                        yield begin, line
                    else:
                        offset += _skip_line(content)
                        yield begin, None
            except (OSError, pa.ArrowException) as error:
                if not is_damage(error):
                    raise
                raise Damaged(f"{self.uri}, behind byte {offset} of the decompressed text", str(error)) from error

    def place(self, offset: int) -> str:
        """A place in words: file, and line and byte at ``offset`` of its content; the file is read up to there."""
        of = " of the decompressed text" if self.codec else ""
        return f"{self.uri}, line {self._line_number(offset):,}, byte {offset}{of}"

    def _content(self, file: BinaryIO) -> io.BufferedReader:
        if self.codec:
            stream = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), self.codec)
            # A small buffer: where the stream is damaged, what is in it would be lost too.
            return io.BufferedReader(stream, io.DEFAULT_BUFFER_SIZE)
        file.seek(max(0, self.start - 1))
        return io.BufferedReader(cast(io.RawIOBase, file), BUFFER_BYTES)

    def _line_number(self, offset: int) -> int:
        with storage.open_read(self.uri) as file:
            content = Lines(self.uri, self.name, self.codec, 0, self.stop)._content(file)
            number, left = 1, offset
            while left and (block := content.read(min(left, BUFFER_BYTES))):
                number += block.count(b"\n")
                left -= len(block)
        return number


def refuse_other_forms(uri: str, content: bytes) -> None:
    """Raise BerthError if a file's content begins as that of a file which is no text in UTF-8."""
    for mark, found in OTHER_FORMS.items():
        if content.startswith(mark):
            raise BerthError(
                "this is no text in UTF-8",
                where=uri,
                found=found,
                expected="text in UTF-8",
                fix="Convert the file (for instance with iconv), or give its true format.",
            )


def ranges(file: InputFile) -> Iterator[Lines]:
    """A file as ranges of its lines: of PART_BYTES each if it is plain, one if it is compressed."""
    with storage.open_read(file.uri) as content:
        first = content.read(CODEC_BYTES)
    codec = next((name for name, magic in CODECS.items() if magic.match(first)), "")
    step = file.size if codec else reading.PART_BYTES
    for start in range(0, file.size, max(1, step)):
        yield Lines(file.uri, file.name, codec, start, min(start + step, file.size))


def _skip_line(content: io.BufferedReader) -> int:
    """Read on to the end of a line, however long; returns how many bytes that were."""
    skipped = 0
    while line := content.readline(BUFFER_BYTES):
        skipped += len(line)
        if line.endswith(b"\n"):
            break
    return skipped
