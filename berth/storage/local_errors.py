"""Errors of the operating system: which may pass, which file they are about, and what to do."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from berth.errors import BerthError, TemporaryError

# A network file system or a busy machine; the same command may succeed later.
MAY_PASS = frozenset(
    {
        errno.EIO,
        errno.ESTALE,
        errno.EREMOTEIO,
        errno.ETIMEDOUT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ECONNRESET,
        errno.ECONNREFUSED,
        errno.ECONNABORTED,
        errno.ENOTCONN,
        errno.ESHUTDOWN,
        errno.EMFILE,
        errno.ENFILE,
        errno.EBUSY,
        errno.EAGAIN,
        errno.ENOMEM,
        errno.ENOLCK,
    }
)
TOO_MANY_FILES = (errno.EMFILE, errno.ENFILE)


@contextlib.contextmanager
def explained_reading(uri: str) -> Iterator[None]:
    """Turn the operating system's errors when reading ``uri`` into a BerthError.

    Raises:
        TemporaryError: for one that may pass.
        BerthError: for any other.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise BerthError("there is no such file", where=uri, fix="Check the path.") from error
    except NotADirectoryError as error:
        raise BerthError("there is no such file", where=uri, found="a file in place of a directory") from error
    except IsADirectoryError as error:
        raise BerthError("a file is expected here", where=uri, found="a directory") from error
    except PermissionError as error:
        raise BerthError(
            "the file cannot be read", where=uri, found="permission denied", fix="Check its permissions."
        ) from error
    except OSError as error:
        raise _other(error, "cannot read here", uri, "Check the path and the disk.") from error


@contextlib.contextmanager
def explained(uri: str) -> Iterator[None]:
    """Turn the operating system's errors when writing to ``uri`` into a BerthError that says what to do.

    The block must do nothing else, so that errors about other files are not taken for errors of this one.

    Raises:
        TemporaryError: for one that may pass.
        BerthError: for any other.
    """
    try:
        yield
    except OSError as error:
        raise _other(
            error,
            "cannot write here",
            uri,
            "Free space or correct the permissions, or choose another directory; then run the same command again; "
            "finished files are kept.",
        ) from error


def of_system(error: OSError) -> BerthError | None:
    """The BerthError for an error of the operating system that nothing else has explained; None for a library's own."""
    found = _other(error, "the operating system reports an error", _name(error), "Check the path and the disk.")
    return found if isinstance(found, BerthError) else None


def _name(error: OSError) -> str:
    return os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""


def _other(error: OSError, what: str, uri: str, fix: str) -> Exception:
    if error.errno is None:  # from a library
        return error
    found = (error.strerror or str(error)).lower()
    if error.errno in TOO_MANY_FILES:
        fix = "Raise the limit of open files (ulimit -n), then run the same command again; finished files are kept."
    elif error.errno == errno.ENAMETOOLONG:
        fix = "Shorten the name: each name in a path may have 255 bytes, the whole path 4,095."
    elif error.errno in MAY_PASS:
        fix = "Check the disk or the network file system, then run the same command again; finished files are kept."
    kind = TemporaryError if error.errno in MAY_PASS else BerthError
    return kind(what, where=uri, found=found, fix=fix)
