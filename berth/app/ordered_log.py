"""The log file of a run: what tasks write side by side is in the file task by task, in the pipeline's order."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from berth import storage


class OrderedLog:
    """Writes the lines of the first task that has not ended at once, those of others when it is their turn.

    Args:
        file: The log file.
        tasks: How many tasks there are.
        show: Called with each line that is written.
    """

    def __init__(self, file: TextIO, tasks: int, show: Callable[[str], None]) -> None:
        self._file, self._show = file, show
        self._waiting: list[list[str]] = [[] for _ in range(tasks)]
        self._ended: set[int] = set()
        self._current = 0
        self._lock = threading.Lock()

    def write(self, task: int, line: str) -> None:
        """Write a line of a task, without its end; later, if tasks before it have not ended."""
        with self._lock:
            if task <= self._current:
                self._put([line])
            else:
                self._waiting[task].append(line)

    def end(self, task: int) -> None:
        """A task has ended: those after it may have their turn."""
        with self._lock:
            self._ended.add(task)
            while self._current in self._ended:
                self._current += 1
                if self._current < len(self._waiting):
                    self._put(self._waiting[self._current])
                    self._waiting[self._current] = []

    def close(self) -> None:
        """Write what still waits: the run ends though not all tasks have run."""
        with self._lock:
            for lines in self._waiting[self._current :]:
                self._put(lines)
                lines.clear()

    def _put(self, lines: list[str]) -> None:
        self._file.writelines(f"{line}\n" for line in lines)
        self._file.flush()
        for line in lines:
            self._show(line)


@contextlib.contextmanager
def log_file(workspace: str) -> Iterator[tuple[str, TextIO]]:
    """The log file of a run; for a workspace in Cloud Storage it is in a temporary directory of this user alone."""
    if storage.is_cloud(workspace):
        directory = tempfile.mkdtemp(prefix="berth-logs-")
    else:
        directory = os.path.join(workspace, "logs")
        storage.make_directory(directory)
    name = f"{time.strftime('run-%Y%m%d-%H%M%S')}-{os.getpid()}-{secrets.token_hex(4)}.log"
    path = os.path.join(directory, name)
    with storage.explained(path):
        # "x" neither replaces a file nor follows a link.
        file = open(path, "x", encoding="utf-8")  # noqa: SIM115  closed below, errors while writing are others'
    with file:
        yield path, file
