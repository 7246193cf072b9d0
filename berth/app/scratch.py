"""A run's temporary directory, and the removal of those that killed runs have left."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

PREFIX = "berth-run-"


@contextlib.contextmanager
def scratch() -> Iterator[str]:
    """A new directory for temporary files, deleted after the block; a run that is killed leaves it to the next run."""
    _remove_abandoned()
    with _locked_directory() as directory:
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _locked_directory() -> Iterator[str]:
    """A new directory that is locked as long as this process lives."""
    while True:
        directory = tempfile.mkdtemp(prefix=PREFIX)
        handle = os.open(directory, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if not os.path.isdir(directory):  # another run took it for an abandoned one before it was locked
                continue
            yield directory
            return
        finally:
            os.close(handle)


def _remove_abandoned() -> None:
    """Remove the directories of this user's runs that have ended: nobody holds their locks."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # another run is removing it, or it is another user's
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(handle).st_uid == os.getuid():
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(handle)
