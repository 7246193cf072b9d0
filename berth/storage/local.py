"""Local files: durable directories, writes that are complete or absent, and errors that name the right file."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from typing_extensions import Buffer

from berth.errors import BerthError
from berth.storage.local_errors import explained, explained_reading

BUFFER_BYTES = 1 << 16
# Beginnings of names of temporary files: names may have 255 bytes.
LONGEST_BEGINNING = 50

# Temporary files are made private; the finished ones get the mode any new file of this user has. The mask can only
# be read by setting it, so this happens once, before threads start.
_UMASK = os.umask(0)
os.umask(_UMASK)


class _Input(io.FileIO):
    """A file being read, whose errors name it."""

    def __init__(self, path: Path, uri: str) -> None:
        self._uri = uri
        super().__init__(path, "rb")
        if stat.S_ISCHR(os.fstat(self.fileno()).st_mode):  # /dev/zero has no end
            self.close()
            raise BerthError("a file is expected here", where=uri, found="a device")

    def readinto(self, buffer: Buffer) -> int:
        """Fill the buffer; returns the number of bytes."""
        with explained_reading(self._uri):
            return super().readinto(buffer) or 0

    def readall(self) -> bytes:
        """The rest of the file."""
        with explained_reading(self._uri):
            return super().readall()


class _Output(io.FileIO):
    """A file being written, whose errors name it."""

    def __init__(self, handle: int, uri: str) -> None:
        self._uri = uri
        super().__init__(handle, "wb")

    def write(self, data: Buffer) -> int:
        """Write some of the data; returns the number of bytes."""
        with explained(self._uri):
            return super().write(data) or 0


def open_read(path: Path, uri: str) -> BinaryIO:
    """Open a file for reading bytes. Raises BerthError if it is missing, a directory, a device or unreadable."""
    with explained_reading(uri):
        return io.BufferedReader(_Input(path, uri), BUFFER_BYTES)


def revision(state: os.stat_result) -> str:
    """A text that changes whenever a file is written: size, time of modification and inode."""
    return f"{state.st_size}-{state.st_mtime_ns}-{state.st_ino}"


def read_range(path: Path, uri: str, start: int, size: int, known: str | None) -> bytearray:
    """A part of a file, which is opened anew: thousands of files can be read in turns.

    Args:
        path: The file.
        uri: Its URI, for errors.
        start: Offset of the part.
        size: Its bytes.
        known: The file's revision, if it must still have that one. Its inode is not compared: a mounted bucket gives
            the same file another one when it has forgotten it.

    Raises:
        BerthError: if the file cannot be read, was changed, or ends before.
    """
    content, done = bytearray(size), 0
    with explained_reading(uri), open(path, "rb", buffering=0) as file:
        now = revision(os.fstat(file.fileno()))
        if known is not None and now.rpartition("-")[0] != known.rpartition("-")[0]:
            raise BerthError(
                "a file was changed while it was in use", where=uri, fix="Make it again, then run the same command."
            )
        # A file that was mapped into memory and then cut short would end the process.
        while done < size and (count := os.preadv(file.fileno(), [memoryview(content)[done:]], start + done)):
            done += count
    if done < size:
        raise BerthError(
            "a file was cut short while it was in use",
            where=uri,
            found=f"its end at byte {start + done}",
            expected=f"at least {start + size} bytes, as when it was opened",
            fix="Make the file again, then run the same command again.",
        )
    return content


@contextlib.contextmanager
def atomic_write(path: Path, uri: str) -> Iterator[BinaryIO]:
    """Write a file that appears complete or not at all, and stays there after a power failure.

    Raises:
        BerthError: if it cannot be written; no temporary file remains then.
    """
    make_directory(path.parent, uri)
    with temporary_file(path, uri) as (temporary, handle):
        with io.BufferedWriter(_Output(handle, uri), BUFFER_BYTES) as file:
            yield file
        publish(temporary, path, uri)


@contextlib.contextmanager
def temporary_file(path: Path, uri: str) -> Iterator[tuple[str, int]]:
    """A new file beside ``path``, under a name that nobody can foresee: name and handle. Deleted unless renamed."""
    with explained(uri):
        handle, temporary = tempfile.mkstemp(prefix=temporary_prefix(path.name), suffix=".tmp", dir=path.parent)
    try:
        yield temporary, handle
    finally:
        with contextlib.suppress(OSError):  # renamed, or not removable: then the next run removes it
            os.unlink(temporary)


def temporary_prefix(name: str) -> str:
    """What the names of temporary files for a file begin with."""
    return f".{name[:LONGEST_BEGINNING]}."


def publish(temporary: str, path: Path, uri: str) -> None:
    """Rename a temporary file in the same directory to ``path``, after fsync."""
    with explained(uri):
        _fsync(temporary)
        os.chmod(temporary, 0o666 & ~_UMASK)
        os.replace(temporary, path)
        _fsync(path.parent)


def link(path: Path, directory: Path, uri: str) -> None:
    """Let ``path`` be a relative symbolic link to a directory, instead of what it was before.

    Raises:
        BerthError: if it cannot be written, for example because it is a directory.
    """
    make_directory(path.parent, uri)
    with explained(uri), tempfile.TemporaryDirectory(prefix=temporary_prefix(path.name), dir=path.parent) as temporary:
        made = Path(temporary, path.name[:LONGEST_BEGINNING])
        made.symlink_to(os.path.relpath(directory.resolve(), path.parent.resolve()))
        os.replace(made, path)
        _fsync(path.parent)


def delete(path: Path, uri: str) -> None:
    """Delete a file, or a directory with its contents, if it exists. It stays deleted after a power failure.

    Raises:
        BerthError: if it cannot be deleted.
    """
    with explained(uri), contextlib.suppress(FileNotFoundError):  # another process may be deleting it too
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
        _fsync(path.parent)


def make_directory(path: Path, uri: str) -> None:
    """Create a directory with its parents, so that they are still there after a power failure."""
    with explained(uri):
        missing = []
        place = path
        while not place.is_dir() and place != place.parent:
            missing.append(place)
            place = place.parent
        for each in reversed(missing):
            each.mkdir(exist_ok=True)
            _fsync(each.parent)


def _fsync(path: str | Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
