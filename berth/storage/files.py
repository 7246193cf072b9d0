"""Files by URI: local paths, ``gs://bucket/key``, and ``package://PACKAGE/path`` for a file of an installed package."""

from __future__ import annotations

import contextlib
import glob as local_glob
import hashlib
import os
import posixpath
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from berth.errors import BerthError
from berth.storage import cloud as cloud_storage

PACKAGE_SCHEME = "package://"
HASH_CHUNK = 1 << 20
Result = TypeVar("Result")

# Temporary files are made private; the finished ones get the mode any new file of this user has. The mask can only
# be read by setting it, which is done once, before there are threads.
_UMASK = os.umask(0)
os.umask(_UMASK)


def is_cloud(uri: str) -> bool:
    """Whether the URI names an object or prefix in Cloud Storage."""
    return uri.startswith(cloud_storage.SCHEME)


def local_path(uri: str) -> Path:
    """The local path behind a URI: a plain path, or a resource of an installed package.

    Raises:
        BerthError: for gs:// URIs, and for a package that is not installed.
    """
    if is_cloud(uri):
        raise BerthError("a local file is needed here", where=uri, found="an object in Cloud Storage")
    if not uri.startswith(PACKAGE_SCHEME):
        return Path(uri)
    package, _, name = uri.removeprefix(PACKAGE_SCHEME).partition("/")
    spec = find_spec(package) if package.isidentifier() else None  # finds it without importing it
    if spec is None or not spec.submodule_search_locations:
        raise BerthError(
            f"the package {package!r} that holds this file is not installed",
            where=uri,
            fix=f"Install it (pip install {package}), or name a file of your own instead.",
        )
    return Path(spec.submodule_search_locations[0]) / name


def join(base: str, *names: str) -> str:
    """The URI of ``names`` below ``base``."""
    if is_cloud(base):
        return posixpath.join(base, *names)
    return os.path.join(base, *names)


def absolute(uri: str) -> str:
    """The same place in a form that does not depend on the current directory."""
    return uri if "://" in uri else os.path.abspath(uri)


def basename(uri: str) -> str:
    """The last part of a URI."""
    return posixpath.basename(uri.rstrip("/"))


def parent(uri: str) -> str:
    """The URI of the directory that holds ``uri``."""
    return posixpath.dirname(uri.rstrip("/"))


def exists(uri: str) -> bool:
    """Whether a file (or, locally, a directory) stands at ``uri``."""
    return cloud_storage.exists(uri) if is_cloud(uri) else local_path(uri).exists()


def is_directory(uri: str) -> bool:
    """Whether a directory stands at ``uri``; in Cloud Storage, whether there are objects below it."""
    return cloud_storage.is_directory(uri) if is_cloud(uri) else local_path(uri).is_dir()


def size(uri: str) -> int:
    """Size in bytes."""
    return cloud_storage.size(uri) if is_cloud(uri) else local_path(uri).stat().st_size


def written(uri: str) -> str:
    """What changes whenever the file is written: time of modification, or the object's generation."""
    return str(cloud_storage.generation(uri) if is_cloud(uri) else local_path(uri).stat().st_mtime_ns)


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
    """Size of each file in bytes, None where there is none. Cloud Storage is asked about several at a time."""
    return _each(lambda uri: size(uri) if exists(uri) else None, uris)


def read_all(uris: Sequence[str]) -> list[bytes]:
    """The contents of many small files. Objects are read side by side. Raises BerthError as :func:`open_read` does."""
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
    """Write a file that appears whole or not at all: temporary name, fsync, rename.

    Temporary names begin with a dot and end in ``.tmp``. Cloud objects are written locally first, then uploaded,
    since an object appears only when its upload is complete.

    Raises:
        BerthError: if the place cannot be written or the disk is full; nothing is left behind then.
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
    """Give a local file that was written beside ``uri`` its name, once the disk has it."""
    path = local_path(uri)
    with explained(uri):
        _fsync(temporary)
        os.chmod(temporary, 0o666 & ~_UMASK)
        os.replace(temporary, path)
        _fsync(path.parent)


@contextlib.contextmanager
def explained(uri: str) -> Iterator[None]:
    """Turn the operating system's refusal to write at ``uri`` into a BerthError that says what to do."""
    try:
        yield
    except OSError as error:
        # Errors without a number are libraries' own, and those about another file are not about writing here.
        if error.errno is None or (error.filename is not None and not _is_on_the_way(str(error.filename), uri)):
            raise
        raise BerthError(
            "cannot write here",
            where=uri,
            found=(error.strerror or str(error)).lower(),
            fix="Free space or correct the permissions, or choose another directory; then run the same command "
            "again: what is complete is kept.",
        ) from error


def delete(uri: str) -> None:
    """Delete a file, or a directory with all it holds. Nothing happens where there is none."""
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
    """Create a local directory with its parents; Cloud Storage has none to create.

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
    """What is done to each file; to objects side by side, since a request takes some 30 ms."""
    if not any(map(is_cloud, uris)):
        return list(map(do, uris))
    with ThreadPoolExecutor(cloud_storage.SIDE_BY_SIDE) as executor:
        return list(executor.map(do, uris))


def _is_on_the_way(path: str, uri: str) -> bool:
    """Whether a path is ``uri``, one of its parents, or a (temporary) file beside it."""
    return os.path.abspath(uri).startswith(os.path.dirname(os.path.abspath(path)))


def _fsync(path: str | Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
