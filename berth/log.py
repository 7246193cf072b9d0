"""One log format for every process: time, stage, message; and where the console of a child process is."""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO

from tqdm import tqdm

# `berth run` sets it for the stages it starts when it runs on a terminal: the stage draws its progress bar there,
# while everything it logs also goes through its standard error into the log file of the run.
TERMINAL_VARIABLE = "BERTH_TERMINAL"

FORMAT = "%(asctime)s %(name)s: %(message)s"
FORMAT_PROBLEM = "%(asctime)s %(name)s: %(levelname)s: %(message)s"
TIME_FORMAT = "%H:%M:%S"


class _Formatter(logging.Formatter):
    """Plain lines; only warnings and errors carry their level. ``berth.`` is left out of names."""

    def format(self, record: logging.LogRecord) -> str:
        record = logging.makeLogRecord({**record.__dict__, "name": record.name.removeprefix("berth.")})
        chosen = FORMAT if record.levelno < logging.WARNING else FORMAT_PROBLEM
        return logging.Formatter(chosen, TIME_FORMAT).format(record)


class _BarFriendlyHandler(logging.StreamHandler[TextIO]):
    """Writes above a progress bar that is being drawn on the same terminal."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(self.format(record), file=self.stream)


def terminal() -> TextIO | None:
    """The terminal on which progress bars can be drawn, or None where there is none."""
    device = os.environ.get(TERMINAL_VARIABLE)
    if device:
        try:
            return open(device, "w", encoding="utf-8")
        except OSError:  # the terminal was closed meanwhile
            return None
    return sys.stderr if sys.stderr.isatty() else None


def setup(verbose: bool = False) -> None:
    """Set up logging of this process: Berth's messages at INFO, other libraries' at WARNING, TensorFlow's noise off."""
    # Read by TensorFlow, XLA and absl when they are first imported.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # oneDNN's choice of kernels changes the last bits
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    streams = [sys.stderr]
    if os.environ.get(TERMINAL_VARIABLE) and (screen := terminal()) is not None:
        streams.append(screen)
    for stream in streams:
        handler = _BarFriendlyHandler(stream)
        handler.setFormatter(_Formatter())
        root.addHandler(handler)
    root.setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("berth").setLevel(logging.DEBUG if verbose else logging.INFO)
