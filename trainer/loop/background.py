"""Writing in the background: one task at a time in a thread, whose error reaches the training loop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Thread
from types import TracebackType

from berth.errors import BerthError

log = logging.getLogger("berth.train")


class Background:
    """Runs tasks in a thread, one after the other; use as a context manager.

    When the context ends, the running task is waited for, so that its file is whole or absent; after a second Ctrl-C it
    is not. Its error is raised, or logged if another one ends the context.
    """

    def __init__(self) -> None:
        self._thread: Thread | None = None
        self._error: BaseException | None = None

    def start(self, task: Callable[[], None]) -> None:
        """Wait for the task before, then begin this one. Raises the error of the task before."""
        self.wait()

        def work() -> None:
            try:
                task()
            except BaseException as error:
                self._error = error

        self._thread = Thread(target=work, name="save", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise the error of a task that has failed by now; does not wait."""
        if (error := self._error) is not None:
            self._error = None
            raise error

    def wait(self) -> None:
        """Wait for the running task. Raises its error."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.check()

    def settle(self) -> None:
        """Wait for the running task; log its error, since another one is raised."""
        try:
            self.wait()
        except (BerthError, OSError) as error:
            log.error("the newest checkpoint was not saved: %s", error)

    def __enter__(self) -> Background:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.wait()
        elif not issubclass(kind, KeyboardInterrupt):
            self.settle()
