"""Dump files as a Beam source that splits itself: any byte range of a file gives the pages that begin in it."""

from __future__ import annotations

from collections.abc import Iterator

from apache_beam.io.filebasedsource import FileBasedSource
from apache_beam.io.filesystem import CompressionTypes

from berth import storage
from pipelines.wikitext.dump.reading import Range, Reading, read_pages


class DumpSource(FileBasedSource):
    """The pages of MediaWiki dumps, each as UTF-8 XML from ``<page>`` to ``</page>``.

    The source splits by offsets in the files as they lie on disk. Multistream bz2 needs no index: streams are found
    by their magic number. A page of plain XML stands at its first byte, one of a bz2 file where its stream begins; all
    pages of a gzip file, of a single bz2 stream and of UTF-16 stand at the file's first byte, so such files are read
    in one go. Beam may split ranges further while they are read.

    Example:
        ``job | beam.io.Read(DumpSource("gs://bucket/enwiki-*-multistream.xml.bz2"))``

    Args:
        pattern: Path or glob pattern, local or gs://.
        strict: Whether damage is an error; otherwise it is logged, and the pages around it are read.
        splittable: Whether files may be split at all.
        validate: Whether a pattern that matches nothing is an error at once.
    """

    def __init__(self, pattern: str, *, strict: bool = False, splittable: bool = True, validate: bool = True) -> None:
        # Beam's own decompression would hide where streams begin.
        plain = CompressionTypes.UNCOMPRESSED
        super().__init__(pattern, compression_type=plain, splittable=splittable, validate=validate)
        self._strict = strict

    def read_records(self, file_name: str, offset_range_tracker: Range) -> Iterator[bytes]:
        """The pages of a range of one file."""
        return self.pages(file_name, offset_range_tracker, Reading(file_name, self._strict))

    @staticmethod
    def pages(uri: str, tracker: Range, reading: Reading) -> Iterator[bytes]:
        """The pages of a range of one file, with account of what could not be read.

        Raises:
            BerthError: at damage in the range, if ``reading`` is strict; if the file cannot be opened.
        """
        with storage.open_read(uri) as file:
            yield from read_pages(file, tracker, reading)
