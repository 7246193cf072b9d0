"""Worker processes of a job on this machine: a function is called for each element, on as many cores as there are.

Beam's own processes (``--direct_running_mode=multi_processing``) divide the elements beforehand, and wait for ever for
one that dies. Here each worker takes the next element, and the death of a worker ends the job.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import queue
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from multiprocessing import Pipe
from typing import Any

from berth.errors import TemporaryError

# Start of a worker: two seconds of CPU time, which it saves with this much text or more.
BYTES_A_WORKER = 32 << 20

_current: list[Workers] = []


class Workers:
    """Processes that call functions for this one. They are started when they are first needed.

    Args:
        count: How many there are at most.
    """

    def __init__(self, count: int) -> None:
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        self._started: list[_Worker] = []
        self._is_closed = False
        for _ in range(count):
            self._idle.put(None)
        self._count = count

    def map(self, function: Callable[[Any], Any], elements: Sequence[Any]) -> list[Any]:
        """The results for all elements, in their order.

        Args:
            function: Picklable: a function of a module, a method of a dataclass.
            elements: Picklable.

        Raises:
            TemporaryError: If a worker is killed.
            Exception: The first error of an element; elements in work are finished, others are not begun.
        """
        with ThreadPoolExecutor(self._count) as threads:
            calls = [threads.submit(self._call, pickle.dumps((function, element))) for element in elements]
            try:
                _, waiting = wait(calls, return_when=FIRST_EXCEPTION)
            except BaseException:
                self.close()
                raise
            finally:
                for call in calls:
                    call.cancel()
            wait(waiting)
            return [call.result() for call in calls if not call.cancelled()]

    def close(self) -> None:
        """End all workers, whatever they do."""
        self._is_closed = True
        for worker in self._started:
            worker.end()

    def _call(self, request: bytes) -> Any:
        worker = self._idle.get()
        try:
            if worker is None:
                worker = _Worker()
                self._started.append(worker)
                if self._is_closed:
                    worker.end()
            succeeded, result = worker.call(request)
        finally:
            self._idle.put(worker)
        if not succeeded:
            raise result
        return result


class _Worker:
    """One process, and the connection to it."""

    def __init__(self) -> None:
        self.connection, there = Pipe()  # which waits, whatever default timeout a library has set for sockets
        with there:
            paths = os.pathsep.join(filter(None, sys.path))
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "pipelines.engine.worker", str(there.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[there.fileno()],
                # One thread for the pools of libraries: each core has a worker.
                env={"OMP_NUM_THREADS": "1", **os.environ, "PYTHONPATH": paths},
                start_new_session=True,  # Ctrl-C in a terminal reaches the launcher, which ends the workers
            )

    def call(self, request: bytes) -> tuple[bool, Any]:
        """Whether a call succeeded, and its result or error. Raises TemporaryError if the process is killed."""
        try:
            self.connection.send_bytes(request)
            answer = self.connection.recv_bytes()
        except (EOFError, OSError) as error:
            status = self.process.wait()
            raise TemporaryError(
                "a worker process ended before its work was done",
                found=f"signal {-status}" if status < 0 else f"exit status {status}",
                fix="Was there not enough memory? Then give fewer workers (--workers). Run the same command again: "
                "complete shards are kept.",
            ) from error
        succeeded, result = pickle.loads(answer)
        return succeeded, result

    def end(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def started(count: int) -> Iterator[None]:
    """Let the jobs of the block use so many worker processes; with one, they do the work in this process."""
    if count <= 1:
        yield
        return
    workers = Workers(count)
    _current.append(workers)
    try:
        yield
    finally:
        _current.remove(workers)
        workers.close()


def in_own_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a call in a process that ends with it, and so gives its memory back.

    Args:
        function: A function of a module that this process need not import for it.
        arguments: Picklable.
    """
    workers = Workers(1)
    try:
        (result,) = workers.map(functools.partial(_call, function), [arguments])
    finally:
        workers.close()
    return result


def _call(function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    return function(*arguments)


def current() -> Workers | None:
    """The workers of the job that runs in this process; None if it has none."""
    return _current[-1] if _current else None
