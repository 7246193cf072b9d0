"""The log format of all processes (time, stage, message), and the terminal of child processes."""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO

from tqdm import tqdm

# Set by `berth run` on a terminal for the stages that it starts: a stage draws its progress bar on that terminal, while
# its standard error goes to the log file of the run.
TERMINAL_VARIABLE = "BERTH_TERMINAL"

FORMAT = "%(asctime)s %(name)s: %(message)s"
FORMAT_PROBLEM = "%(asctime)s %(name)s: %(levelname)s: %(message)s"
TIME_FORMAT = "%H:%M:%S"


class _Formatter(logging.Formatter):
    """Plain lines without the prefix ``berth.`` of logger names; only warnings and errors show their level."""

    def format(self, record: logging.LogRecord) -> str:
        record = logging.makeLogRecord({**record.__dict__, "name": record.name.removeprefix("berth.")})
        template = FORMAT if record.levelno < logging.WARNING else FORMAT_PROBLEM
        return logging.Formatter(template, TIME_FORMAT).format(record)


class _BarFriendlyHandler(logging.StreamHandler[TextIO]):
    """Writes above a progress bar on the same terminal."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(self.format(record), file=self.stream)


def terminal() -> TextIO | None:
    """The terminal for progress bars; None if there is none."""
    device = os.environ.get(TERMINAL_VARIABLE)
    if device:
        try:
            return open(device, "w", encoding="utf-8")
        except OSError:  # the terminal has been closed
            return None
    return sys.stderr if sys.stderr.isatty() else None


def setup(verbose: bool = False) -> None:
    """Set up logging: Berth's messages at INFO, other libraries' at WARNING, TensorFlow's native log off."""
    # TensorFlow, XLA and absl read these on import.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # oneDNN's choice of kernels changes the last bits of results
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
