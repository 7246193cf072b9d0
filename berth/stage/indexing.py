"""Indexes of record files that no stage made: written beside them; they hold the digests of unchanged files."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from berth import storage
from berth.errors import BerthError, UsageError
from berth.formats import tfrecord
from berth.formats.record_blocks import index_of
from berth.formats.record_index import RecordIndex
from berth.formats.records import INDEX
from berth.stage.unchanged import is_always_read, remember, remembered


def write_index(uri: str) -> str:
    """Write the index of an uncompressed TFRecord file beside it; the index's URI.

    The file's revision is noted too, so that a stage need not read the file to know its digest.

    Raises:
        UsageError: for a compressed file.
        BerthError: if the file is missing, cut, damaged or no TFRecord file, or was changed meanwhile.
    """
    if tfrecord.is_gzip(uri):
        raise UsageError(
            "a compressed file cannot be indexed: it is read from its beginning only",
            where=uri,
            fix="Unpack it (gunzip), or train without an index: then it is unpacked to training.read_cache.",
        )
    before = storage.revision(uri)
    index = index_of(uri, storage.sha256(uri))
    if storage.revision(uri) != before:
        raise BerthError("the file was changed while it was indexed", where=uri, fix="Run the same command again.")
    with storage.atomic_write(uri + INDEX) as file:
        file.write(index.to_bytes())
    directory = storage.parent(uri)
    remember(directory, {**remembered(directory), storage.basename(uri): before})
    return uri + INDEX


def digest_of_index(uri: str, size: int, revision: str, known: Mapping[str, str]) -> str | None:
    """The SHA-256 that the index beside a file holds; None if the file may have changed after it was indexed.

    Args:
        uri: The file.
        size: Its size.
        revision: Its revision.
        known: Revisions of the files in its directory when they were indexed, by name.
    """
    if is_always_read(uri, size) or known.get(storage.basename(uri)) != revision or not storage.exists(uri + INDEX):
        return None
    with contextlib.suppress(BerthError):  # damaged: an error for those who use it
        index = RecordIndex.from_bytes(storage.read_bytes(uri + INDEX), uri + INDEX)
        index.check(uri, size, index.sha256)
        return index.sha256
    return None
