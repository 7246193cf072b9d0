"""The indexes of a set of record files: read from beside them, or made once where there are none."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import weakref
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from berth import kernel_cache, storage
from berth.errors import BerthError
from berth.formats import tfrecord
from berth.formats.record_blocks import index_of
from berth.formats.record_index import RecordIndex
from berth.formats.records import INDEX
from berth.stage.inputs import InputFile, Inputs
from trainer.data.block import Shard

log = logging.getLogger("berth.train")

# The index of a file from this size on is kept in the user's cache directory: reading a smaller one takes a second.
WORTH_KEEPING = 1 << 28


class BlockTable:
    """The blocks of a set of files, in the order of the files; records are numbered through in this order.

    Attributes:
        shards: The files.
        records: int64 [blocks], records in each block.
        ends: int64 [blocks], number of the first record after each.
        sizes: int64 [blocks], uncompressed bytes of each.
        count: Records in all files.

    Args:
        shards: The files.
    """

    def __init__(self, shards: Sequence[Shard]) -> None:
        self.shards = shards
        self.records = np.concatenate([shard.index.records for shard in shards])
        self.sizes = np.concatenate([shard.index.sizes for shard in shards])
        self.ends = np.cumsum(self.records)
        self.count = int(self.ends[-1]) if len(self.ends) else 0
        self._first_blocks = np.cumsum([0, *(len(shard.index.records) for shard in shards)])
        self._last_records = np.cumsum([shard.index.count for shard in shards])

    def block_of(self, records: NDArray[np.int64]) -> NDArray[np.int64]:
        """The blocks that hold records, by their numbers: int64, as many."""
        return np.searchsorted(self.ends, records, side="right")

    def places(self, blocks: NDArray[np.int64]) -> list[tuple[Shard, int]]:
        """The file of each block (int64), and the block's number in it."""
        files = np.searchsorted(self._first_blocks, blocks, side="right") - 1
        inside = blocks - self._first_blocks[files]
        return [(self.shards[file], block) for file, block in zip(files.tolist(), inside.tolist(), strict=True)]

    def location(self, record: int) -> str:
        """File and number in it of a record, for messages."""
        file = int(np.searchsorted(self._last_records, record, side="right"))
        shard = self.shards[file]
        return f"{shard.name}, record {record - int(self._last_records[file]) + shard.index.count}"


def open_table(inputs: Inputs, directory: str | None) -> BlockTable:
    """The blocks of record files; no record is read of files that have an index.

    Args:
        inputs: The files.
        directory: Where compressed files without an index are unpacked; by default a temporary directory.

    Raises:
        BerthError: if an index is damaged or another file's; for files without one, if they are damaged.
    """
    names = {place: set(storage.names(storage.Pattern(place, f"*{INDEX}"))) for place in _directories(inputs)}
    indexed = [f for f in inputs.files if storage.basename(f.uri) + INDEX in names[storage.parent(f.uri)]]
    uris = {file.uri: file.uri + INDEX for file in indexed}
    contents = dict(zip(uris, storage.read_all(list(uris.values())), strict=True))
    shards = []
    for file in inputs.files:
        if (content := contents.get(file.uri)) is None:
            shards.append(_without_index(file, directory))
            continue
        index = RecordIndex.from_bytes(content, uris[file.uri])
        index.check(file.uri, file.size, file.sha256)
        shards.append(Shard(file.uri, file.uri, file.revision, index))
    return BlockTable(shards)


def _directories(inputs: Inputs) -> set[str]:
    return {storage.parent(file.uri) for file in inputs.files}


def _without_index(file: InputFile, directory: str | None) -> Shard:
    if tfrecord.is_gzip(file.uri):
        return _unpacked(file, directory)
    kept = str(kernel_cache.user_directory() / "indexes" / f"{file.sha256}{INDEX}")
    is_kept = file.size >= WORTH_KEEPING
    if is_kept and storage.exists(kept):
        with contextlib.suppress(BerthError):  # damaged: made again
            index = RecordIndex.from_bytes(storage.read_bytes(kept), kept)
            index.check(file.uri, file.size, file.sha256)
            return Shard(file.uri, file.uri, file.revision, index)
    if is_kept:
        log.info("%s has no index: it is read once to make one (berth index keeps it beside the file)", file.uri)
    index = index_of(file.uri, file.sha256)
    if is_kept:
        with contextlib.suppress(BerthError), storage.atomic_write(kept) as output:  # a disk that is full costs time
            output.write(index.to_bytes())
    return Shard(file.uri, file.uri, file.revision, index)


def _unpacked(file: InputFile, directory: str | None) -> Shard:
    """A compressed file without an index, as an uncompressed copy: a gzip stream is read from its beginning only."""
    with contextlib.ExitStack() as stack:
        where = directory or stack.enter_context(tempfile.TemporaryDirectory(prefix="berth-records-"))
        uri = storage.join(where, f"{file.sha256}.tfrecord")
        if storage.exists(uri + INDEX) and storage.exists(uri):
            index = RecordIndex.from_bytes(storage.read_bytes(uri + INDEX), uri + INDEX)
            index.check(uri, storage.size(uri), file.sha256)
        else:
            if file.size >= WORTH_KEEPING:
                log.info("%s is compressed as a whole: it is unpacked to %s", file.uri, uri)
            with storage.atomic_write(uri) as output:
                index = index_of(file.uri, file.sha256, output.write)
            with storage.atomic_write(uri + INDEX) as output:
                output.write(index.to_bytes())
        shard = Shard(uri, file.uri, storage.revision(uri), index)
        weakref.finalize(shard, stack.pop_all().close)
    return shard
