"""The order of the training data in two levels: blocks of a file are permuted, then records in windows of some blocks.

So what is read at a time lies in few places of the files, which are read whole and once an epoch. All of it is a
function of seed, epoch and position:

- Position p, counted over all epochs, belongs to stream p mod C and to epoch p // N, for C streams and N records. A
  batch has as many records of each stream, and a process that holds a part of each batch has the same streams always.
- An epoch's sequence is the blocks in the order of a keyed permutation. Each stream is a contiguous part of it, as long
  as the epoch has positions of this stream.
- In a stream, the records of a window are permuted, with a key of seed, epoch, stream and number of the window. Windows
  hold R records. The first of stream s holds R · s / C more, so that not all streams need their next blocks at once;
  the last holds what is left. None holds fewer than R, whose records would come too close together.

A set of no more than C · R records is permuted as a whole (:class:`trainer.data.order.GlobalOrder`).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.data.order import EPOCH, ROUND, GlobalOrder, Order, epoch_keys, mix, permute, permute_each

# The permutation of blocks has another key than that of records (a fraction of the square root of 3).
BLOCKS = 0xBB67AE8584CAA73B


@dataclass(frozen=True)
class Epoch:
    """The sequence of records of an epoch, and the parts of it that are streams.

    Attributes:
        blocks: int64 [blocks], the blocks in their order.
        ends: int64 [blocks], where each ends in the sequence.
        taken: int64 [streams], positions of each stream in the epochs before.
        lengths: int64 [streams], its positions in this epoch.
        begins: int64 [streams], where it begins in the sequence.
    """

    blocks: NDArray[np.int64]
    ends: NDArray[np.int64]
    taken: NDArray[np.int64]
    lengths: NDArray[np.int64]
    begins: NDArray[np.int64]


class BlockOrder:
    """The order of records in blocks.

    Args:
        block_records: int64 [blocks], records in each block, at least 1.
        streams: Number of streams.
        window: Records in a window of a stream, at least 1.
        seed: Key of the permutations.
    """

    def __init__(self, block_records: NDArray[np.int64], streams: int, window: int, seed: int) -> None:
        self._block_records, self._streams, self._window, self._seed = block_records, streams, window, seed
        self._first_records = np.cumsum(block_records) - block_records
        self._count = int(block_records.sum())
        self._shifts = np.arange(streams) * window // streams
        self._epoch = functools.lru_cache(maxsize=2)(self._lay_out)

    def records(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers of the records at positions."""
        epochs = positions // self._count
        numbers = np.empty(len(positions), np.int64)
        for epoch in np.unique(epochs):
            rows = np.flatnonzero(epochs == epoch)
            numbers[rows] = self._of_epoch(positions[rows], int(epoch))
        return numbers

    def slots(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The positions by their streams: a contiguous share of them is of few streams, the same in every update."""
        return positions[np.lexsort((positions, positions % self._streams))]

    def _of_epoch(self, positions: NDArray[np.int64], number: int) -> NDArray[np.int64]:
        epoch = self._epoch(number)
        streams = positions % self._streams
        shifts, lengths = self._shifts[streams], epoch.lengths[streams]
        places = positions // self._streams - epoch.taken[streams]  # in the stream
        last = np.maximum(0, (lengths - shifts) // self._window - 1)
        windows = np.clip((places - shifts) // self._window, 0, last)
        begins = np.where(windows == 0, 0, windows * self._window + shifts)
        sizes = np.where(windows == last, lengths, (windows + 1) * self._window + shifts) - begins
        keys = epoch_keys(np.full(1, number, np.uint64), self._seed)
        keys = mix(mix(keys + streams.astype(np.uint64) * EPOCH) + windows.astype(np.uint64) * np.uint64(ROUND))
        inside = permute_each((places - begins).astype(np.uint64), sizes.astype(np.uint64), keys)
        sequence = epoch.begins[streams] + begins + inside
        at = np.searchsorted(epoch.ends, sequence, side="right")
        blocks = epoch.blocks[at]
        numbers: NDArray[np.int64] = (
            self._first_records[blocks] + sequence - epoch.ends[at] + self._block_records[blocks]
        )
        return numbers

    def _lay_out(self, epoch: int) -> Epoch:
        count = len(self._block_records)
        blocks = permute(epoch * count + np.arange(count), count, self._seed ^ BLOCKS)
        streams = np.arange(self._streams)
        # Positions of stream s below x: those p < x with p mod C = s.
        bounds = epoch * self._count, (epoch + 1) * self._count
        taken, then = ((x - streams + self._streams - 1) // self._streams for x in bounds)
        lengths = then - taken
        return Epoch(blocks, np.cumsum(self._block_records[blocks]), taken, lengths, np.cumsum(lengths) - lengths)


def block_order(
    block_records: NDArray[np.int64], total_bytes: int, *, streams: int, window_bytes: int, seed: int
) -> Order:
    """The order of a set of records.

    Args:
        block_records: int64 [blocks], records in each block, at least 1.
        total_bytes: Uncompressed bytes of all blocks.
        streams: Number of streams.
        window_bytes: Uncompressed bytes in the windows of all streams together; in records, by their mean size.
        seed: Key of the permutations.
    """
    count = int(block_records.sum())
    window = max(1, window_bytes * count // (total_bytes * streams))
    if count <= streams * window:
        return GlobalOrder(count, seed)
    return BlockOrder(block_records, streams, window, seed)
