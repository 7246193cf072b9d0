"""Lines of a text file: of a byte range if it is plain, of the whole file if it is compressed."""

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
from pipelines.corpora.reading import DamagedFileError, PartStatus, is_damage

BUFFER_BYTES = 1 << 20
BOM = b"\xef\xbb\xbf"
# Arrow's names of codecs, and the first bytes of their files; those of bz2 are the head of the stream and of its first
# block, or the end of an empty stream.
CODEC_BYTES = 10
CODECS = {
    "gzip": re.compile(rb"\x1f\x8b\x08"),
    "bz2": re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"),
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd"),
}
# First bytes of files that are not text in UTF-8.
OTHER_FORMATS = {
    b"\xff\xfe": "the mark of UTF-16",
    b"\xfe\xff": "the mark of UTF-16",
    b"PAR1": "the mark of a Parquet file",
    b"PK\x03\x04": "the mark of a zip file",
    b"\xfd7zXZ": "the mark of an xz file",
}


@dataclass(frozen=True)
class Lines:
    """The lines that begin in a byte range of a file; lines after it are read on demand.

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

    def is_after(self, offset: int) -> bool:
        """Whether the line that begins at ``offset`` of the content belongs to the next range."""
        return not self.codec and offset >= self.stop

    def read(self, status: PartStatus) -> Iterator[tuple[int, bytes | None]]:
        """Offset (in the decompressed content) and bytes of each line without its LF; None for one that is too long.

        A byte order mark at the beginning is removed.

        Raises:
            DamagedFileError: If the compressed data is cut short or corrupt.
            BerthError: For a file that is not text in UTF-8.
        """
        limit = status.errors.max_document_bytes
        with storage.open_read(self.uri) as file:
            content = self._content(file)
            offset = self.start
            try:
                if self.start:
                    # If the byte before the range ends a line, the next line begins with the range.
                    offset += _skip_line(content) - 1
                while line := content.readline(limit + 1):
                    begin = offset
                    offset += len(line)
                    status.bytes_read = min(self.size, file.tell() - self.start if self.codec else offset - self.start)
                    if begin == 0:
                        refuse_other_formats(self.uri, line)
                        line = line.removeprefix(BOM)
                    if line.endswith(b"\n"):
                        yield begin, line[:-1]
                    elif len(line) <= limit:
                        yield begin, line
                    else:
                        offset += _skip_line(content)
                        yield begin, None
            except (OSError, pa.ArrowException) as error:
                if not is_damage(error):
                    raise
                raise DamagedFileError(
                    f"{self.uri}, after byte {offset} of the decompressed text", str(error)
                ) from error

    def location(self, offset: int) -> str:
        """File, line and byte at ``offset`` of the content, as text. It reads the file up to there to count lines."""
        of = " of the decompressed text" if self.codec else ""
        return f"{self.uri}, line {self._line_number(offset):,}, byte {offset}{of}"

    def _content(self, file: BinaryIO) -> io.BufferedReader:
        if self.codec:
            stream = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), self.codec)
            # A small buffer, because its content is lost where the stream is damaged.
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


def refuse_other_formats(uri: str, content: bytes) -> None:
    """Raise BerthError if a file's first bytes show that it is not text in UTF-8."""
    for mark, found in OTHER_FORMATS.items():
        if content.startswith(mark):
            raise BerthError(
                "this is not text in UTF-8",
                where=uri,
                found=found,
                expected="text in UTF-8",
                fix="Convert the file (for instance with iconv), or give the format that the file has.",
            )


def ranges(file: InputFile) -> Iterator[Lines]:
    """The lines of a file in ranges of PART_BYTES; in one range if it is compressed."""
    with storage.open_read(file.uri) as content:
        first = content.read(CODEC_BYTES)
    codec = next((name for name, magic in CODECS.items() if magic.match(first)), "")
    step = file.size if codec else reading.PART_BYTES
    for start in range(0, file.size, max(1, step)):
        yield Lines(file.uri, file.name, codec, start, min(start + step, file.size))


def _skip_line(content: io.BufferedReader) -> int:
    """Read to the end of a line, however long; returns the number of bytes read."""
    skipped = 0
    while line := content.readline(BUFFER_BYTES):
        skipped += len(line)
        if line.endswith(b"\n"):
            break
    return skipped
