"""SIGTERM and Ctrl-C: what a process does then instead of ending at once, and the error that says what is saved."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from berth.errors import BerthError

# Set by `berth run` for its tasks: the file that holds the number of the signal by which the run was stopped. The
# number of the running task's process is in the file of the same name with `.pid`.
STOP_VARIABLE = "BERTH_STOP_FILE"
# What has been received so far, for each context that is open: nested ones share it, so that a signal that training has
# obeyed does not also end the task around it.
_received: list[list[int]] = []
NAMES = {signal.SIGTERM: "SIGTERM", signal.SIGINT: "Ctrl-C"}


class StoppedError(BerthError):
    """The work was stopped by a signal; the same command continues it.

    Its exit status is the one a shell reports for that signal: 143 for SIGTERM, 130 for Ctrl-C.
    """

    exit_status = 128 + signal.SIGTERM

    @classmethod
    def by(cls, number: int, what: str, *, where: str = "", fix: str = "") -> StoppedError:
        """The error for work that this signal stopped; ``{}`` in ``what`` is replaced by the signal's name."""
        error = cls(what.format(NAMES[signal.Signals(number)]), where=where, fix=fix)
        error.exit_status = 128 + number
        return error


@contextlib.contextmanager
def handled(handle: Callable[[int], None]) -> Iterator[None]:
    """Call ``handle`` with the number of the first signal; later ones are ignored, but a second Ctrl-C ends at once.

    A task of `berth run` takes its orders from that process, which passes every signal on as SIGTERM: a terminal sends
    Ctrl-C to both. Only the main thread can receive signals: in another one, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received = _received[-1] if _received else list[int]()
    is_task = STOP_VARIABLE in os.environ

    def receive(number: int, frame: FrameType | None) -> None:
        if is_task and number == signal.SIGINT:
            return
        received.append(number)
        if received.count(signal.SIGINT) > 1:
            raise KeyboardInterrupt
        if len(received) == 1:
            handle(ordered(number))

    before = {number: signal.signal(number, receive) for number in NAMES}
    _received.append(received)
    try:
        yield
    finally:
        _received.pop()
        for number, handler in before.items():
            signal.signal(number, handler)


def is_ordered() -> bool:
    """Let `berth run` know this process, which handles signals by now; whether it ordered to stop before."""
    order = os.environ.get(STOP_VARIABLE)
    if order is None:
        return False
    with open(f"{order}.pid", "w", encoding="utf-8") as file:
        file.write(str(os.getpid()))
    return os.path.exists(order)


def pass_on(number: int, order: str) -> None:
    """Pass a signal on to the running task. A task that has not begun yet finds the order.

    Args:
        number: The signal.
        order: The file that `STOP_VARIABLE` names.
    """
    with open(order, "w", encoding="utf-8") as file:
        file.write(str(number))
    with (
        contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError),
        open(f"{order}.pid", encoding="utf-8") as file,
    ):
        os.kill(int(file.read()), signal.SIGTERM)


def ordered(number: int) -> int:
    """The signal by which `berth run` was stopped; ``number``, this process's own, where it was not."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        if (order := os.environ.get(STOP_VARIABLE)) is not None:
            with open(order, encoding="utf-8") as file:
                return int(file.read())
    return number
