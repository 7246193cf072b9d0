"""What a task of `berth run` tells that process while it works: lines of its standard output with a mark in front."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

# Set by `berth run` for its tasks, whose standard output it reads.
VARIABLE = "BERTH_TASK_EVENTS"
# A record separator, which no log line holds.
MARK = "\x1eberth "


def is_task() -> bool:
    """Whether this process is a task of `berth run`."""
    return VARIABLE in os.environ


def send(**content: Any) -> None:
    """Tell `berth run` something; nothing if this process is no task of it, or it has ended."""
    if is_task():
        with contextlib.suppress(OSError):  # a task whose run has ended is about to notice
            os.write(1, f"{MARK}{json.dumps(content)}\n".encode())


def split(line: str) -> tuple[str, dict[str, Any] | None]:
    """Divide a line of a task's output into what belongs into the log, and what was sent."""
    text, mark, content = line.partition(MARK)
    if not mark:
        return line, None
    try:
        found = json.loads(content)
    except ValueError:  # two processes of a task wrote at once
        return text, None
    return text, found if isinstance(found, dict) else None
