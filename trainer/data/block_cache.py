"""Blocks of records kept in a directory on a local disk, up to a number of bytes."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections import OrderedDict
from pathlib import Path

from berth import storage
from berth.errors import UsageError

log = logging.getLogger("berth.train")

ENDING = ".block"


class BlockCache:
    """A directory of blocks by the SHA-256 of their file and their number. The oldest make room for new ones.

    Several processes may use one directory; each counts what it found there and what it wrote itself. A directory that
    is full or cannot be written any more costs a warning and speed, nothing else.

    Args:
        directory: Path of the directory; it is made.
        capacity: Bytes that the blocks may take.

    Raises:
        UsageError: if the directory is not local.
        BerthError: if it cannot be made.
    """

    def __init__(self, directory: str, capacity: int) -> None:
        if storage.is_cloud(directory):
            raise UsageError(
                "the cache of blocks must be on a local disk",
                where=f"training.read_cache {directory}",
                fix="Name a directory of a local disk, or leave the key out.",
            )
        storage.make_directory(directory)
        self._directory, self._capacity = Path(directory), capacity
        self._is_writable = True
        self._lock = threading.Lock()
        found = []
        for path in self._directory.glob(f"*{ENDING}"):
            with contextlib.suppress(OSError):  # another process has removed it
                state = path.stat()
                found.append((state.st_mtime_ns, path.name, state.st_size))
        self._sizes = OrderedDict((name, size) for _, name, size in sorted(found))
        self._used = sum(self._sizes.values())

    def read(self, sha256: str, number: int) -> bytearray | None:
        """The content of a block; None if it is not there."""
        with contextlib.suppress(OSError):
            return bytearray(self._path(sha256, number).read_bytes())
        return None

    def write(self, sha256: str, number: int, content: memoryview) -> None:
        """Keep a block. It is not made durable: one that is damaged later fails its checksums, and is read anew."""
        path = self._path(sha256, number)
        if not self._reserve(path.name, len(content)):
            return
        temporary = path.with_name(f".{path.name}-{os.getpid()}-{threading.get_ident()}.tmp")
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            self._give_up(path, error)

    def remove(self, sha256: str, number: int) -> None:
        """Remove a block that was damaged."""
        path = self._path(sha256, number)
        log.warning("%s is damaged and is removed: the block is read anew", path)
        self._forget(path.name)
        with contextlib.suppress(OSError):
            path.unlink()

    def _reserve(self, name: str, size: int) -> bool:
        """Make room for a block; whether it is to be written."""
        with self._lock:
            if not self._is_writable or name in self._sizes or size > self._capacity:
                return False
            self._sizes[name] = size
            self._used += size
            while self._used > self._capacity:
                oldest, freed = self._sizes.popitem(last=False)
                self._used -= freed
                with contextlib.suppress(OSError):
                    os.unlink(self._directory / oldest)
        return True

    def _forget(self, name: str) -> None:
        with self._lock:
            self._used -= self._sizes.pop(name, 0)

    def _give_up(self, path: Path, error: OSError) -> None:
        self._forget(path.name)
        with self._lock:
            if self._is_writable:
                log.warning("%s: %s; no more blocks are kept there, they are read from their files", path, error)
            self._is_writable = False

    def _path(self, sha256: str, number: int) -> Path:
        return self._directory / f"{sha256}-{number:08d}{ENDING}"
