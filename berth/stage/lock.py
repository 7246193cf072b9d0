"""The lock of a stage's directory: one process at a time works there. In a bucket it is a lease."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator

from berth import storage
from berth.errors import BerthError
from berth.stage.lease import LEASE, Lease, held

LOCK = ".lock"
ATTEMPTS, WAIT_SECONDS = 5, 1.0  # perhaps a task whose `berth run` was killed, about to notice


@contextlib.contextmanager
def locked(uri: str) -> Iterator[Lease | None]:
    """Create a local directory and lock it against other processes on this machine; in a bucket, hold its lease.

    The kernel unlocks a local directory if the process dies. A lease can be lost meanwhile: it is what the context
    gives, and None for a local directory.

    Raises:
        BerthError: if another process is working there, or the file system has no locks.
    """
    if storage.is_cloud(uri):
        with held(uri) as lease:
            yield lease
        return
    path = storage.join(uri, LOCK)
    handle = _acquire(uri, path)
    try:
        yield None
        if _is_of(handle, path):
            os.unlink(path)
    finally:
        os.close(handle)


def discard(uri: str) -> None:
    """Delete a directory that this process has locked. The lock goes last: then others may start there."""
    if storage.is_cloud(uri):  # whose lease is given back later
        for name in storage.names_below(uri):
            if name != LEASE:
                storage.delete(storage.join(uri, name))
        return
    directory = str(storage.local_path(uri))
    for name in os.listdir(directory):
        if name != LOCK:
            storage.delete(os.path.join(directory, name))
    os.unlink(os.path.join(directory, LOCK))
    with contextlib.suppress(OSError):  # another process has begun
        os.rmdir(directory)


def _acquire(uri: str, path: str) -> int:
    """A handle of the lock file, locked."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(WAIT_SECONDS)
        while (handle := _try(uri, path)) is not None:
            # Its holder may have deleted the file, or the whole directory, while this process waited for it; another
            # process may then have made and locked a new one.
            if _is_of(handle, path):
                return handle
            os.close(handle)
    raise BerthError(
        "another process is working on this output",
        where=uri,
        fix="Wait until it has finished, or stop it, then run again.",
    )


def _try(uri: str, path: str) -> int | None:
    """A handle of the locked file that was there a moment ago; None if another process has locked it."""
    with storage.explained(path):
        while True:
            storage.make_directory(uri)
            with contextlib.suppress(FileNotFoundError):  # its holder has just deleted the directory
                handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
                break
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError as error:
        os.close(handle)
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        raise BerthError(
            "this file system has no working file locks, so two processes could write here at once",
            where=uri,
            found=(error.strerror or str(error)).lower(),
            fix="Enable locks where it is mounted (for NFS: a running lock service), or choose a directory elsewhere.",
        ) from error
    return handle


def _is_of(handle: int, path: str) -> bool:
    """Whether the open file is the one that has this path now."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False
