"""Runs a command on a pseudo-terminal, as a person would."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
from typing import Any


class Terminal:
    """A command that runs on a terminal of its own; what it draws is in ``drawn``."""

    def __init__(
        self, command: list[str], columns: int = 100, lines: int = 24, cwd: str | None = None, **environment: str
    ) -> None:
        self._parent, child = pty.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        inherited = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            command,
            stdin=child,
            stdout=child,
            stderr=child,
            cwd=cwd,
            env={**inherited, "TERM": "xterm-256color", "PYTHONUTF8": "0", "LC_ALL": "C.UTF-8", **environment},
            start_new_session=True,
        )
        os.close(child)
        self._drawn = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                content = os.read(self._parent, 1 << 16)
            except OSError:  # the process has ended
                return
            self._drawn += content

    @property
    def drawn(self) -> str:
        return self._drawn.decode(errors="replace")

    def press_ctrl_c(self) -> None:
        """A signal for the whole foreground process group, as a terminal sends it."""
        os.killpg(self.process.pid, signal.SIGINT)

    def wait(self, seconds: float = 200) -> int:
        """Wait for its end; its exit status."""
        status = self.process.wait(timeout=seconds)
        self._reader.join(timeout=10)
        os.close(self._parent)
        return status


def run_on_terminal(command: list[str], **options: Any) -> tuple[int, str]:
    """Run a command; its exit status and everything that it drew. Options as of `Terminal`."""
    terminal = Terminal(command, **options)
    return terminal.wait(), terminal.drawn
