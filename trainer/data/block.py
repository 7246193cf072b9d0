"""One block of a file of records: fetched, unpacked and checked, so that what is read of it is right."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from berth import storage
from berth.errors import BerthError
from berth.formats import tfrecord
from berth.formats.record_index import RecordIndex
from berth.retry import retrying
from trainer.data.block_cache import BlockCache

GZIP = 16 + zlib.MAX_WBITS  # zlib's way to ask for gzip's header


@dataclass(frozen=True, eq=False)
class Shard:
    """A file of records and where its blocks are.

    Attributes:
        uri: The file that is read.
        name: How messages name it; a compressed file that was unpacked has its own name here.
        revision: The file's revision when its content was known to be that of the index.
        index: Its blocks.
    """

    uri: str
    name: str
    revision: str | None
    index: RecordIndex


@dataclass(frozen=True)
class Block:
    """The records of a block.

    Attributes:
        data: uint8, its frames.
        starts: int64 [records], offset of each record.
        lengths: int64 [records], its size.
    """

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @property
    def size(self) -> int:
        """Bytes of memory that it takes."""
        return self.data.nbytes + self.starts.nbytes + self.lengths.nbytes


class DamagedBlockError(BerthError):
    """What arrived is not the block of the index."""


def fetch(shard: Shard, number: int, cache: BlockCache | None = None) -> Block:
    """Read a block. What arrives damaged from Cloud Storage is fetched again, as the policy for all requests says.

    Args:
        shard: The file.
        number: Number of the block in it, from 0.
        cache: Where blocks are kept on a local disk.

    Raises:
        BerthError: naming file, block and offset, if the block stays damaged or the file was changed.
    """
    if cache is not None and (kept := cache.read(shard.index.sha256, number)) is not None:
        try:
            return _checked(kept, shard, number)
        except DamagedBlockError:
            cache.remove(shard.index.sha256, number)
    if storage.is_cloud(shard.uri):
        retry = retrying("records", lambda error: isinstance(error, DamagedBlockError), str)
        block: Block = retry(_read)(shard, number)
    else:
        block = _read(shard, number)
    if cache is not None:
        cache.write(shard.index.sha256, number, block.data.data)
    return block


def _read(shard: Shard, number: int) -> Block:
    begin, end = (int(each) for each in shard.index.offsets[number : number + 2])
    content = storage.read_range(shard.uri, begin, end - begin, shard.revision)
    if shard.index.is_gzip:
        member = zlib.decompressobj(GZIP)
        try:
            content = bytearray(member.decompress(content, int(shard.index.sizes[number]) + 1))
        except zlib.error as error:
            raise _damaged(shard, number, f"the compressed block cannot be unpacked ({error})") from error
        if not member.eof or member.unused_data:
            raise _damaged(shard, number, "the compressed block is not one gzip member")
    return _checked(content, shard, number)


def _checked(content: bytearray, shard: Shard, number: int) -> Block:
    """The block in these bytes. Raises DamagedBlockError unless its records are those of the index, all undamaged."""
    records = int(shard.index.records[number])
    data = np.frombuffer(content, np.uint8)
    starts, lengths = np.empty((2, records), np.int64)
    count, status, _ = tfrecord.scan_frames(data, starts, lengths)
    if status != tfrecord.OK:
        raise _damaged(shard, number, tfrecord.PROBLEMS[status], count)
    if (count, len(data)) != (records, shard.index.sizes[number]):
        found, expected = f"{count} records in {len(data)} bytes", f"{records} in {shard.index.sizes[number]}"
        raise _damaged(shard, number, f"it holds {found}, its index says {expected}")
    if (damaged := tfrecord.first_damaged(data, starts, lengths)) >= 0:
        raise _damaged(shard, number, tfrecord.PROBLEMS[tfrecord.BAD_CRC], damaged)
    return Block(data, starts, lengths)


def _damaged(shard: Shard, number: int, what: str, record: int | None = None) -> DamagedBlockError:
    inside = "" if record is None else f", record {int(shard.index.records[:number].sum()) + record}"
    return DamagedBlockError(
        what,
        where=f"{shard.name}, block {number} at byte {shard.index.offsets[number]}{inside}",
        fix="Check the file (berth verify); if it was damaged, make it again (records: `berth records`).",
    )
