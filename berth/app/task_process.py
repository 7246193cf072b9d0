"""A task of a local run as a process: its environment, its output line by line, its error, and how it is stopped."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from berth import task_events
from berth.stage import stopping
from berth.stage.task import ERROR_VARIABLE

# Tasks that write files and need no accelerator; others run beside them that do.
WITHOUT_ACCELERATOR = ("export",)
NO_ACCELERATOR = {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}


@dataclass(frozen=True)
class Failure:
    """How a task failed; ``message`` is None if it left none."""

    status: int
    message: str | None


class TaskProcess:
    """The process of a task, started by its constructor.

    Args:
        command: Its command.
        component: The name of its component.
        directory: An existing directory of its own for temporary files, its error and orders to stop.
        environment: Variables to set.
        write: Called in a thread with each line that it writes.
        receive: Called in that thread with what it sends (`berth/task_events.py`).
        ended: Called in that thread, last, with its exit status.
    """

    def __init__(
        self,
        command: list[str],
        component: str,
        directory: str,
        environment: Mapping[str, str],
        write: Callable[[str], None],
        receive: Callable[[Mapping[str, Any]], None],
        ended: Callable[[int], None],
    ) -> None:
        self._order, self._error = os.path.join(directory, "stop"), os.path.join(directory, "error.json")
        self._write, self._receive, self._ended = write, receive, ended
        variables = {
            **environment,
            ERROR_VARIABLE: self._error,
            stopping.STOP_VARIABLE: self._order,
            task_events.VARIABLE: "1",
            "TMPDIR": directory,
            "PYTHONIOENCODING": "utf-8",  # whatever the locale's is
        }
        if component in WITHOUT_ACCELERATOR:
            variables |= NO_ACCELERATOR
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            bufsize=1,
            env={**os.environ, **variables},
        )
        threading.Thread(target=self._follow, daemon=True).start()

    def stop(self, number: int) -> None:
        """Let it end itself, as if it had received this signal."""
        stopping.pass_on(number, self._order)

    def failure(self) -> Failure:
        """How it failed, after it has ended."""
        try:
            with open(self._error, encoding="utf-8") as file:
                content = json.load(file)
        except (FileNotFoundError, ValueError):
            return Failure(1, None)
        return Failure(content["status"], content["message"])

    def _follow(self) -> None:
        assert self._process.stdout is not None
        try:
            with self._process.stdout as output:
                for line in output:
                    text, event = task_events.split(line.removesuffix("\n"))
                    if text or event is None:
                        self._write(text)
                    if event is not None:
                        self._receive(event)
        finally:
            self._ended(self._process.wait())
