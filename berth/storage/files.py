"""Reading, writing and finding files by URI, local and in Cloud Storage."""

from __future__ import annotations

import contextlib
import glob as local_glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from berth.errors import BerthError
from berth.storage import cloud as cloud_storage
from berth.storage.uris import is_cloud, local_path

HASH_CHUNK = 1 << 20
Result = TypeVar("Result")

# Temporary files are made private; the finished ones get the mode any new file of this user has. The mask can only
# be read by setting it, so this happens once, before threads start.
_UMASK = os.umask(0)
os.umask(_UMASK)


def exists(uri: str) -> bool:
    """Whether there is a file (or, locally, a directory) at ``uri``."""
    return cloud_storage.exists(uri) if is_cloud(uri) else local_path(uri).exists()


def is_directory(uri: str) -> bool:
    """Whether there is a directory at ``uri``; in Cloud Storage, whether there are objects below it."""
    return cloud_storage.is_directory(uri) if is_cloud(uri) else local_path(uri).is_dir()


def size(uri: str) -> int:
    """Size of a file in bytes."""
    return cloud_storage.size(uri) if is_cloud(uri) else local_path(uri).stat().st_size


def revision(uri: str) -> str:
    """A text that changes whenever the file is written: size, time of modification and inode, or the generation."""
    if is_cloud(uri):
        return str(cloud_storage.generation(uri))
    state = local_path(uri).stat()
    return f"{state.st_size}-{state.st_mtime_ns}-{state.st_ino}"


def glob(pattern: str) -> list[str]:
    """URIs of the files that match a pattern, sorted. ``**`` crosses directories. A plain name matches itself."""
    if is_cloud(pattern):
        return sorted(cloud_storage.glob(pattern))
    path = str(local_path(pattern))
    found = [path] if os.path.isfile(path) else local_glob.glob(path, recursive=True, include_hidden=True)
    return sorted(name for name in found if os.path.isfile(name))


def open_read(uri: str) -> BinaryIO:
    """Open a file for reading bytes.

    Raises:
        BerthError: if it is missing, a directory or unreadable.
    """
    if is_cloud(uri):
        return cloud_storage.open_read(uri)
    try:
        return open(local_path(uri), "rb")
    except FileNotFoundError as error:
        raise BerthError("there is no such file", where=uri, fix="Check the path.") from error
    except IsADirectoryError as error:
        raise BerthError("a file is expected here", where=uri, found="a directory") from error
    except PermissionError as error:
        raise BerthError(
            "the file cannot be read", where=uri, found="permission denied", fix="Check its permissions."
        ) from error


def read_bytes(uri: str) -> bytes:
    """The whole content of a file. Raises BerthError as :func:`open_read` does."""
    with open_read(uri) as file:
        return file.read()


def sizes(uris: Sequence[str]) -> list[int | None]:
    """Size of each file in bytes, None for missing files. Requests to Cloud Storage run concurrently."""
    return _each(lambda uri: size(uri) if exists(uri) else None, uris)


def revisions(uris: Sequence[str]) -> list[str | None]:
    """Revision of each file, None for missing files. Requests to Cloud Storage run concurrently."""
    return _each(lambda uri: revision(uri) if exists(uri) else None, uris)


def read_all(uris: Sequence[str]) -> list[bytes]:
    """The contents of many small files. Objects are read concurrently. Raises BerthError as :func:`open_read` does."""
    return _each(read_bytes, uris)


def read_text(uri: str) -> str:
    """The whole content of a UTF-8 file.

    Raises:
        BerthError: if it is missing or unreadable, or is not UTF-8 (naming the byte offset).
    """
    content = read_bytes(uri)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BerthError(
            "the file is not valid UTF-8",
            where=f"{uri}, byte {error.start}",
            found=f"the byte 0x{content[error.start]:02x}",
            fix="Convert the file to UTF-8 (for instance with iconv).",
        ) from error


@contextlib.contextmanager
def atomic_write(uri: str) -> Iterator[BinaryIO]:
    """Write a file that appears complete or not at all: temporary name, fsync, rename.

    Temporary names begin with a dot and end in ``.tmp``. Cloud objects are written locally first, then uploaded,
    since an object appears only when its upload is complete.

    Raises:
        BerthError: if the file cannot be written or the disk is full; no temporary file remains then.
    """
    if is_cloud(uri):
        with tempfile.NamedTemporaryFile(prefix="berth-", suffix=".tmp") as buffer:
            yield cast(BinaryIO, buffer)
            buffer.flush()
            cloud_storage.upload(buffer.name, uri)
        return
    path = local_path(uri)
    with explained(uri):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with explained(uri), os.fdopen(handle, "wb") as file:
            yield file
        publish(temporary, uri)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def publish(temporary: str, uri: str) -> None:
    """Rename a local temporary file in the same directory to ``uri``, after fsync."""
    path = local_path(uri)
    with explained(uri):
        _fsync(temporary)
        os.chmod(temporary, 0o666 & ~_UMASK)
        os.replace(temporary, path)
        _fsync(path.parent)


@contextlib.contextmanager
def explained(uri: str) -> Iterator[None]:
    """Turn the operating system's errors when writing to ``uri`` into a BerthError that says what to do."""
    try:
        yield
    except OSError as error:
        # Errors without a number come from libraries; those about other files have other causes.
        if error.errno is None or (error.filename is not None and not _is_related(str(error.filename), uri)):
            raise
        raise BerthError(
            "cannot write here",
            where=uri,
            found=(error.strerror or str(error)).lower(),
            fix="Free space or correct the permissions, or choose another directory; then run the same command "
            "again; finished files are kept.",
        ) from error


def delete(uri: str) -> None:
    """Delete a file, or a directory with its contents, if it exists."""
    if is_cloud(uri):
        cloud_storage.delete(uri)
        return
    path = local_path(uri)
    if path.is_dir():
        with contextlib.suppress(FileNotFoundError):  # another process may be deleting it too
            shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def make_directory(uri: str) -> None:
    """Create a local directory with its parents; Cloud Storage has no directories.

    Raises:
        BerthError: if it cannot be created.
    """
    if not is_cloud(uri):
        with explained(uri):
            local_path(uri).mkdir(parents=True, exist_ok=True)


def sha256(uri: str) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with open_read(uri) as file:
        while chunk := file.read(HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _each(do: Callable[[str], Result], uris: Sequence[str]) -> list[Result]:
    """The results of ``do`` for each file; concurrently for objects, since a request takes about 30 ms."""
    if not any(map(is_cloud, uris)):
        return list(map(do, uris))
    with ThreadPoolExecutor(cloud_storage.CONCURRENT_REQUESTS) as executor:
        return list(executor.map(do, uris))


def _is_related(path: str, uri: str) -> bool:
    """Whether a path is ``uri``, one of its parents, or a (temporary) file in the same directory."""
    return os.path.abspath(uri).startswith(os.path.dirname(os.path.abspath(path)))


def _fsync(path: str | Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
