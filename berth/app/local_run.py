"""Run a pipeline on this machine with kfp.local: every task is a process; all output goes to one log file."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import secrets
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from berth import storage
from berth.app.scratch import scratch
from berth.errors import BerthError, printable
from berth.log import TERMINAL_VARIABLE
from berth.stage import stopping
from berth.stage.task import ERROR_VARIABLE

if TYPE_CHECKING:
    from kfp.dsl.base_component import BaseComponent

log = logging.getLogger("berth.run")

# kfp.local indents what a task prints by four spaces or more; a line in Berth's format begins with the time of day.
TASK_LINE = re.compile(r"^ {4,}(\d\d:\d\d:\d\d .*)")


def execute(pipeline: BaseComponent, workspace: str, **arguments: Any) -> str:
    """Execute a compiled pipeline's tasks one after the other.

    Args:
        pipeline: A pipeline whose tasks are lightweight Python components.
        workspace: The workspace, passed to the pipeline as an argument; the log goes to ``WORKSPACE/logs``.
        arguments: The pipeline's other arguments.

    Returns:
        The pipeline's output.

    Raises:
        BerthError: with the failed task's own message and the path of the log.
        StoppedError: after SIGTERM or Ctrl-C, when the running task has ended; says what that task has saved.
    """
    from kfp import local

    with scratch() as directory, _log_file(workspace) as (path, file):
        error_file = os.path.join(directory, "error.json")
        local.init(
            runner=local.SubprocessRunner(use_venv=False),
            pipeline_root=os.path.join(directory, "outputs"),
            workspace_root=os.path.join(directory, "workspace"),
        )
        order, received = os.path.join(directory, "stop"), list[int]()

        def stop(number: int) -> None:
            received.append(number)
            stopping.pass_on(number, order)

        with (
            stopping.handled(stop),  # before the environment makes this process look like a task
            _environment(error_file, order, directory),
            contextlib.redirect_stdout(_Tee(file)),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # that kfp.local ignores display names
            try:
                return str(pipeline(workspace=workspace, **arguments).output)
            except RuntimeError as error:  # all that kfp.local says of a failed task
                raise _failure(error, error_file, path, received) from None


def _failure(error: RuntimeError, error_file: str, path: str, received: Sequence[int]) -> BerthError:
    """The error of the failed task, with its own message; of a run that was stopped, what the task says is saved."""
    if os.path.exists(error_file):
        with open(error_file, encoding="utf-8") as file:
            content = json.load(file)
        if received and content["status"] == 128 + received[0]:
            stopped = stopping.StoppedError(content["message"], fix=f"Log: {printable(path)}")
            stopped.exit_status = content["status"]
            return stopped
        failure = BerthError(f"{content['stage']} failed. {content['message']}", fix=f"Log: {printable(path)}")
        failure.exit_status = content["status"]
        return failure
    if received:
        return stopping.StoppedError.by(
            received[0],
            "the run was stopped by {}; no task says that it has saved anything since its last complete file",
            fix="Complete files and checkpoints are kept: the same command continues from them. "
            f"Log: {printable(path)}",
        )
    task = re.search(r"[tT]ask(?: failed:)? '([a-z0-9-]+)'", re.sub(r"\x1b\[\d+m", "", str(error)))
    return BerthError(
        f"{task.group(1) if task else 'a stage'} ended without a message: it was killed or ran out of memory",
        fix=f"Run the same command again: completed work is kept. Log: {printable(path)}",
    )


class _Tee(io.TextIOBase):
    """Writes a run's output to its log file and, without a terminal, the tasks' log lines also to standard error.

    On a terminal, tasks draw their progress themselves.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._rest = ""

    def write(self, text: str) -> int:
        self._file.write(text)
        self._file.flush()
        *lines, self._rest = (self._rest + text).split("\n")
        if not sys.stderr.isatty():
            for line in lines:
                if match := TASK_LINE.match(line):
                    print(match.group(1), file=sys.stderr, flush=True)  # noqa: T201  this is the log
        return len(text)

    def flush(self) -> None:
        self._file.flush()


@contextlib.contextmanager
def _log_file(workspace: str) -> Iterator[tuple[str, TextIO]]:
    """The log file of this run; for a workspace in Cloud Storage it is in a temporary directory of this user alone."""
    if storage.is_cloud(workspace):
        directory = tempfile.mkdtemp(prefix="berth-logs-")
    else:
        directory = os.path.join(workspace, "logs")
        storage.make_directory(directory)
    name = f"{time.strftime('run-%Y%m%d-%H%M%S')}-{os.getpid()}-{secrets.token_hex(4)}.log"
    path = os.path.join(directory, name)
    with storage.explained(path):
        # "x" neither replaces a file nor follows a link.
        file = open(path, "x", encoding="utf-8")  # noqa: SIM115  closed below, errors while writing are others'
    with file:
        yield path, file


@contextlib.contextmanager
def _environment(error_file: str, order: str, directory: str) -> Iterator[None]:
    """Environment variables for the tasks' processes."""
    variables = {ERROR_VARIABLE: error_file, stopping.STOP_VARIABLE: order, "TMPDIR": directory}
    if sys.stderr.isatty():
        variables[TERMINAL_VARIABLE] = os.ttyname(sys.stderr.fileno())
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
