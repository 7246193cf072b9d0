"""The process of a worker: calls functions for the launcher that started it, until that ends."""

from __future__ import annotations

import os
import pickle
import select
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

from berth import log
from berth.errors import BerthError


def main() -> None:
    """Serve the connection whose file descriptor is the only argument."""
    log.setup()
    descriptor = int(sys.argv[1])
    threading.Thread(target=_end_with_launcher, args=(descriptor,), daemon=True).start()
    connection: Connection[bytes, bytes] = Connection(descriptor)
    while True:
        try:
            request = connection.recv_bytes()
        except EOFError:
            return
        connection.send_bytes(_answer(request))


def _answer(request: bytes) -> bytes:
    """Whether the call succeeded, and its result or error, pickled."""
    try:
        function, element = pickle.loads(request)
        return pickle.dumps((True, function(element)))
    except Exception as error:
        return pickle.dumps((False, _portable(error)))


def _portable(error: Exception) -> Exception:
    """The error, or one with its text if it cannot be pickled."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return BerthError(f"unexpected {type(error).__name__}: {error}")
    return error


def _end_with_launcher(descriptor: int) -> None:
    """End this process, also in the middle of a call, once the launcher has ended."""
    poll: Any = select.poll()
    poll.register(descriptor, 0)  # the closing of the other end is always reported
    poll.poll()
    os._exit(1)


if __name__ == "__main__":
    main()
