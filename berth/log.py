"""The log format of all processes (time, stage, message), and the terminal, if there is one that can be drawn on."""

from __future__ import annotations

import logging
import os
import sys

FORMAT = "%(asctime)s %(name)s: %(message)s"
FORMAT_PROBLEM = "%(asctime)s %(name)s: %(levelname)s: %(message)s"
TIME_FORMAT = "%H:%M:%S"


class _Formatter(logging.Formatter):
    """Plain lines without the prefix ``berth.`` of logger names; only warnings and errors show their level."""

    def format(self, record: logging.LogRecord) -> str:
        record = logging.makeLogRecord({**record.__dict__, "name": record.name.removeprefix("berth.")})
        template = FORMAT if record.levelno < logging.WARNING else FORMAT_PROBLEM
        return logging.Formatter(template, TIME_FORMAT).format(record)


class _BarFriendlyHandler(logging.Handler):
    """Writes to what is standard error at that moment: while a bar is drawn, something that writes above it."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(f"{self.format(record)}\n")
        sys.stderr.flush()


def has_screen() -> bool:
    """Whether standard error is a terminal on which lines can be drawn again."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")


def setup(verbose: bool = False) -> None:
    """Set up logging: Berth's messages at INFO, other libraries' at WARNING, TensorFlow's native log off."""
    # TensorFlow, XLA and absl read these on import.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # oneDNN's choice of kernels changes the last bits of results
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    handler = _BarFriendlyHandler()
    handler.setFormatter(_Formatter())
    root.addHandler(handler)
    root.setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("berth").setLevel(logging.DEBUG if verbose else logging.INFO)
