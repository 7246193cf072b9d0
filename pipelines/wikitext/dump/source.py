"""Dump files as a splittable Beam source: a byte range of a file gives the pages that begin in it."""

from __future__ import annotations

from collections.abc import Iterator

from apache_beam.io.filebasedsource import FileBasedSource
from apache_beam.io.filesystem import CompressionTypes

from berth import storage
from pipelines.error_policy import ErrorPolicy
from pipelines.wikitext.dump.reading import Range, RangeStatus, read_pages


class DumpSource(FileBasedSource):  # type: ignore[misc]
    """The pages of MediaWiki dumps, each as UTF-8 XML from ``<page>`` to ``</page>``.

    The source splits by offsets in the files, not decompressed. Multistream bz2 needs no index: streams are found by
    their magic number. The offset of a page is that of its first byte in plain XML, of its stream in a bz2 file; it is
    0 in a gzip file, a single bz2 stream and UTF-16, so such files are not split. Beam may split ranges further while
    they are read.

    Example:
        ``job | beam.io.Read(DumpSource("gs://bucket/enwiki-*-multistream.xml.bz2"))``

    Args:
        pattern: Path or glob pattern, local or gs://.
        errors: What happens at damage; by default it is logged, and the pages around it are read.
        splittable: Whether files may be split at all.
        validate: Whether a pattern that matches nothing is an error at construction.
    """

    def __init__(
        self,
        pattern: str,
        *,
        errors: ErrorPolicy | None = None,
        splittable: bool = True,
        validate: bool = True,
    ) -> None:
        # Beam's own decompression would hide where streams begin.
        plain = CompressionTypes.UNCOMPRESSED
        super().__init__(pattern, compression_type=plain, splittable=splittable, validate=validate)
        self._errors = errors or ErrorPolicy()

    def read_records(self, file_name: str, offset_range_tracker: Range) -> Iterator[bytes]:
        """The pages of a range of one file."""
        return self.pages(file_name, offset_range_tracker, RangeStatus(file_name, self._errors))

    @staticmethod
    def pages(uri: str, tracker: Range, status: RangeStatus) -> Iterator[bytes]:
        """The pages of a range of one file; ``status`` gets counts and damage.

        Raises:
            BerthError: At damage in the range, if the policy is strict; if the file cannot be opened.
        """
        with storage.open_read(uri) as file:
            yield from read_pages(file, tracker, status)
