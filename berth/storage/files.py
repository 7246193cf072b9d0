"""Reading, writing and finding files by URI, local and in Cloud Storage."""

from __future__ import annotations

import contextlib
import hashlib
import posixpath
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, TypeVar, cast

from berth.errors import BerthError
from berth.storage import cloud as cloud_storage
from berth.storage import local
from berth.storage.cloud_errors import missing
from berth.storage.cloud_range import read_object_range
from berth.storage.local_errors import explained_reading
from berth.storage.patterns import ANY_DIRECTORIES, Pattern, local_names
from berth.storage.uris import check_text, is_cloud, local_path, parent

HASH_CHUNK = 1 << 20
Result = TypeVar("Result")


def exists(uri: str) -> bool:
    """Whether there is a file (or, locally, a directory) at ``uri``."""
    if is_cloud(uri):
        return cloud_storage.exists(uri)
    with explained_reading(uri):
        return local_path(uri).exists()


def is_directory(uri: str) -> bool:
    """Whether there is a directory at ``uri``; in Cloud Storage, whether there are objects below it."""
    if is_cloud(uri):
        return cloud_storage.is_directory(uri)
    with explained_reading(uri):
        return local_path(uri).is_dir()


def is_file(uri: str) -> bool:
    """Whether there is a file at ``uri``."""
    return cloud_storage.exists(uri) if is_cloud(uri) else exists(uri) and not is_directory(uri)


def size(uri: str) -> int:
    """Size of a file in bytes. Raises BerthError if it is missing."""
    if is_cloud(uri):
        return _there(cloud_storage.size(uri), uri)
    with explained_reading(uri):
        return local_path(uri).stat().st_size


def revision(uri: str) -> str:
    """A text that changes whenever the file is written: size, time of modification and inode, or the generation."""
    if is_cloud(uri):
        return str(_there(cloud_storage.generation(uri), uri))
    with explained_reading(uri):
        return local.revision(local_path(uri).stat())


def names(pattern: Pattern) -> list[str]:
    """Paths, below the pattern's directory, of the files that match, sorted.

    Raises:
        UsageError: if the name of a local file is not text: manifests could not hold it.
    """
    if is_cloud(pattern.directory):
        return sorted(cloud_storage.names(pattern))
    directory = str(local_path(pattern.directory)) if pattern.directory else ""
    with explained_reading(pattern.directory):
        found = sorted(set(local_names(directory, pattern.parts)))
    for name in found:
        check_text(name, "the name of a file", pattern.directory)
    return found


def names_below(directory: str) -> list[str]:
    """Paths, below a directory, of all files in it, sorted."""
    return names(Pattern(directory, ANY_DIRECTORIES))


def glob(pattern: Pattern) -> list[str]:
    """URIs of the files that match, sorted."""
    base = pattern.directory if is_cloud(pattern.directory) else str(local_path(pattern.directory))
    start = f"{base.rstrip('/')}/" if pattern.directory else ""
    return [start + name for name in names(pattern)]


def open_read(uri: str) -> BinaryIO:
    """Open a file for reading bytes.

    Raises:
        BerthError: if it is missing, a directory or unreadable.
    """
    return cloud_storage.open_read(uri) if is_cloud(uri) else local.open_read(local_path(uri), uri)


def read_bytes(uri: str) -> bytes:
    """The whole content of a file. Raises BerthError as :func:`open_read` does."""
    with open_read(uri) as file:
        return file.read()


def read_range(uri: str, start: int, size: int, known: str | None = None) -> bytearray:
    """A part of a file; any thread may call this.

    Args:
        uri: The file.
        start: Offset of the part.
        size: Its bytes.
        known: The file's revision, if it must still have that one.

    Raises:
        BerthError: if the file is missing, was changed, or has no such part.
    """
    if is_cloud(uri):
        return read_object_range(uri, start, size, known)
    return local.read_range(local_path(uri), uri, start, size, known)


def sizes(uris: Sequence[str]) -> list[int | None]:
    """Size of each file in bytes, None for missing files. Requests to Cloud Storage run concurrently."""
    return concurrently(
        lambda uri: cloud_storage.size(uri) if is_cloud(uri) else size(uri) if exists(uri) else None, uris
    )


def revisions(uris: Sequence[str]) -> list[str | None]:
    """Revision of each file, None for missing files. Requests to Cloud Storage run concurrently."""
    return concurrently(_revision_if_there, uris)


def _revision_if_there(uri: str) -> str | None:
    if is_cloud(uri):
        generation = cloud_storage.generation(uri)
        return str(generation) if generation is not None else None
    return revision(uri) if exists(uri) else None


def _there(found: int | None, uri: str) -> int:
    """What is known of an object. Raises BerthError if there is none."""
    if found is None:
        raise missing(uri)
    return found


def read_all(uris: Sequence[str]) -> list[bytes]:
    """The contents of many small files. Objects are read concurrently. Raises BerthError as :func:`open_read` does."""
    return concurrently(read_bytes, uris)


def read_text(uri: str) -> str:
    """The whole content of a UTF-8 file.

    Raises:
        BerthError: if it is missing or unreadable, or is not UTF-8 (naming the byte offset).
    """
    return _decoded(read_bytes(uri), uri)


def text_pieces(uri: str, size: int = 1 << 20) -> Iterator[str]:
    """The content of a UTF-8 file in pieces of about ``size`` bytes, each but the last ending with a line feed.

    Raises:
        BerthError: if it is missing or unreadable, or is not UTF-8 (naming the byte offset).
    """
    blocks: list[bytes] = []
    offset = 0
    with open_read(uri) as file:
        while block := file.read(size):
            end = block.rfind(b"\n") + 1
            if end:
                piece = b"".join([*blocks, block[:end]])
                yield _decoded(piece, uri, offset)
                offset += len(piece)
                blocks = []
            blocks.append(block[end:])
    if piece := b"".join(blocks):
        yield _decoded(piece, uri, offset)


def _decoded(content: bytes, uri: str, offset: int = 0) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BerthError(
            "the file is not valid UTF-8",
            where=f"{uri}, byte {offset + error.start}",
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
    if not is_cloud(uri):
        with local.atomic_write(local_path(uri), uri) as file:
            yield file
        return
    with tempfile.NamedTemporaryFile(prefix="berth-", suffix=".tmp") as buffer:
        yield cast(BinaryIO, buffer)
        buffer.flush()
        cloud_storage.upload(buffer.name, uri)


def create(uri: str, content: bytes) -> bool:
    """Write a whole file as :func:`atomic_write` does; in Cloud Storage, which has no locks, only if there is none.

    Returns:
        False if there was one, perhaps from an earlier attempt of this call. Locally always true: callers have a lock.

    Raises:
        BerthError: as :func:`atomic_write`.
    """
    if not is_cloud(uri):
        with atomic_write(uri) as file:
            file.write(content)
        return True
    return cloud_storage.replace(content, uri, generation=0) is not None


def link(uri: str, directory: str) -> None:
    """Let ``uri`` lead to a directory, instead of where it led before.

    Locally it is a symbolic link, relative so that both can be moved together. Cloud Storage has no links: there it is
    an object whose content is that relative path.

    Raises:
        BerthError: if it cannot be written, for example because it is a directory.
    """
    if is_cloud(uri):
        with atomic_write(uri) as file:
            file.write(f"{posixpath.relpath(directory, parent(uri))}\n".encode())
        return
    local.link(local_path(uri), local_path(directory), uri)


def delete(uri: str) -> None:
    """Delete a file, or a directory with its contents, if it exists. Raises BerthError if it cannot be deleted."""
    if is_cloud(uri):
        cloud_storage.delete(uri)
        return
    local.delete(local_path(uri), uri)


def make_directory(uri: str) -> None:
    """Create a local directory with its parents; Cloud Storage has no directories.

    Raises:
        BerthError: if it cannot be created.
    """
    if not is_cloud(uri):
        local.make_directory(local_path(uri), uri)


def sha256(uri: str) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with open_read(uri) as file:
        while chunk := file.read(HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def concurrently(do: Callable[[str], Result], uris: Sequence[str]) -> list[Result]:
    """The results of ``do`` for each file; for objects in threads, since a request takes about 30 ms."""
    if not any(map(is_cloud, uris)):
        return list(map(do, uris))
    with ThreadPoolExecutor(cloud_storage.CONCURRENT_REQUESTS) as executor:
        return list(executor.map(do, uris))
