"""Blocks in memory: read ahead by threads, kept up to a number of bytes, those used last the longest."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from berth.formats.record_index import BLOCK_BYTES
from trainer.data.block import Block, Shard, fetch
from trainer.data.block_cache import BlockCache

THREADS = 8  # requests at a time: as many as the client of Cloud Storage uses elsewhere
DEFAULT_BYTES = 1 << 30
Place = tuple[Shard, int]  # a block: its file, and its number in it


class BlockBuffer:
    """The blocks that a process holds, of all its record sets. Any thread may use it.

    Args:
        capacity: Bytes that they may take, with those that are being read. One block and THREADS requests are held in
            any case.
        cache: Where blocks are kept on a local disk.
    """

    def __init__(self, capacity: int = DEFAULT_BYTES, cache: BlockCache | None = None) -> None:
        self.capacity, self._cache = capacity, cache
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="records")
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, int], Block] = OrderedDict()
        self._asked: dict[tuple[str, int], Future[Block]] = {}
        self._used = 0

    def blocks(self, places: Sequence[Place]) -> Iterator[tuple[int, Block]]:
        """These blocks, each with its index in ``places``: those that are held first, then the others as they arrive.

        Raises:
            BerthError: if one cannot be read (:func:`trainer.data.block.fetch`).
        """
        here: list[tuple[int, Block]] = []
        others: list[tuple[int, Place]] = []
        with self._lock:
            for index, place in enumerate(places):
                if (block := self._held.get(key := _key(place))) is not None:
                    self._held.move_to_end(key)
                    here.append((index, block))
                else:
                    others.append((index, place))
        for _, place in others[:THREADS]:
            self._ask(place)
        while here:  # what was used is not kept here
            yield here.pop()
        for number, (index, place) in enumerate(others):
            for _, following in others[number + THREADS : number + THREADS + 1]:
                self._ask(following)
            yield index, self._take(place)

    def expect(self, places: Sequence[Place]) -> None:
        """Begin to read blocks that will be needed soon, as many as there is room for beside what is held."""
        for place in places:
            with self._lock:
                if self._ahead() > self.capacity // 4:
                    return
            self._ask(place)

    def _make_room(self) -> None:
        """Drop the blocks that were not used for the longest time, except the newest one. Needs the lock."""
        while self._used + self._ahead() > self.capacity and len(self._held) > 1:
            self._used -= self._held.popitem(last=False)[1].size

    def _ahead(self) -> int:
        """Bytes of the blocks that are being read, or wait to be taken."""
        return len(self._asked) * BLOCK_BYTES

    @property
    def used(self) -> int:
        """Bytes of the blocks that are held."""
        return self._used

    def close(self) -> None:
        """Give up what has been asked for and is not being read yet."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, place: Place) -> None:
        key = _key(place)
        with self._lock:
            if key not in self._held and key not in self._asked:
                self._asked[key] = self._pool.submit(fetch, *place, self._cache)
                self._make_room()

    def _take(self, place: Place) -> Block:
        key = _key(place)
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        self._ask(place)
        with self._lock:
            future = self._asked.get(key)
        try:
            block = future.result() if future is not None else fetch(*place, self._cache)
        finally:
            with self._lock:
                self._asked.pop(key, None)
        with self._lock:
            if key not in self._held:
                self._held[key] = block
                self._used += block.size
            self._make_room()
        return block


def _key(place: Place) -> tuple[str, int]:
    shard, number = place
    return shard.index.sha256, number
