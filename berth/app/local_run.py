"""Run a pipeline on this machine: every task is a process, independent ones run side by side; one log file for all."""

from __future__ import annotations

import contextlib
import functools
import os
import queue
import shlex
import shutil
import signal
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from berth import log
from berth.app import durations, side_by_side
from berth.app.ordered_log import OrderedLog, log_file
from berth.app.pipeline_tasks import PipelineTask, PipelineTasks
from berth.app.plain_display import PlainDisplay
from berth.app.run_state import RunState
from berth.app.scratch import scratch
from berth.app.task_process import Failure, TaskProcess
from berth.errors import BerthError, printable
from berth.stage import stopping
from pipelines.engine import resources
from pipelines.engine.resources import WORKER_BYTES

if TYPE_CHECKING:
    from kfp.dsl.base_component import BaseComponent


CORES = "cores"  # in the run's scratch directory


class Display(Protocol):
    """What the user sees of a run. All methods may be called by several threads."""

    def started(self, number: int) -> None:
        """A task has started."""

    def ended(self, number: int) -> None:
        """A task has ended well."""

    def received(self, number: int, event: Mapping[str, Any]) -> None:
        """A task has sent something; the run's state holds it already."""

    def line(self, text: str) -> None:
        """A line was written to the run's log."""


def execute(
    pipeline: BaseComponent, workspace: str, name: str = "", workers: int | None = None, **arguments: Any
) -> str:
    """Execute a compiled pipeline's tasks, side by side where they are independent and cores allow it.

    All their workers together use no more cores than one task alone could.

    Args:
        pipeline: A pipeline whose tasks are lightweight Python components.
        workspace: The workspace, passed to the pipeline as an argument; the log goes to ``WORKSPACE/logs``.
        name: What durations are remembered under.
        workers: Number of data workers that work at a time; by default, as many as there are cores and memory for.
        arguments: The pipeline's other arguments.

    Returns:
        The pipeline's output.

    Raises:
        BerthError: with the failed task's own message and the path of the log; other tasks have been stopped.
        StoppedError: after SIGTERM or Ctrl-C, when the running tasks have ended; says what they have saved.
    """
    with scratch() as directory, log_file(workspace) as (path, file):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations in kfp's own modules
            tasks = PipelineTasks(pipeline, {"workspace": workspace, **arguments}, os.path.join(directory, "outputs"))
        slots = side_by_side.slots(arguments.get("beam_arguments", []), resources.usable_cores())
        resources.share_cores(os.path.join(directory, CORES), workers or resources.default_workers(WORKER_BYTES))
        state = RunState(tasks.tasks, durations.read(name), slots)
        try:
            with _display(state) as display:
                output = OrderedLog(file, len(tasks.tasks), display.line)
                try:
                    _Run(tasks, state, display, output, directory, slots).work(path)
                finally:
                    output.close()
        finally:
            durations.add(name, state.taken())
        return tasks.output


class _Run:
    """The tasks that run, and what has become of the others."""

    def __init__(
        self, tasks: PipelineTasks, state: RunState, display: Display, output: OrderedLog, scratch: str, slots: int
    ) -> None:
        self._tasks, self._state, self._display, self._output = tasks, state, display, output
        self._scratch, self._slots = scratch, slots
        self._processes: dict[int, TaskProcess] = {}
        self._started: set[int] = set()
        self._ended: set[int] = set()
        self._failures: dict[int, Failure] = {}
        self._statuses: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
        self._received: list[int] = []

    def work(self, path: str) -> None:
        """Run all tasks. Raises BerthError, which names the log file ``path``, if one fails or the run is stopped."""
        with stopping.handled(self._receive_signal):
            while True:
                self._start_tasks()
                if not self._processes:
                    break
                self._take(*self._statuses.get())
        if self._failures or len(self._ended) < len(self._tasks.tasks):
            raise _error(self._tasks.tasks, self._failures, self._received, path)

    def _start_tasks(self) -> None:
        """Start what can be started. After a failure or a signal, nothing is."""
        while not self._failures and not self._received:
            task = side_by_side.next_task(self._tasks.tasks, self._started, self._ended, self._slots)
            if task is None:
                return
            directory = os.path.join(self._scratch, str(task.number))
            os.mkdir(directory)
            self._started.add(task.number)
            self._state.start(task.number)
            self._display.started(task.number)
            self._output.write(task.number, f"--- {task.title}")
            self._processes[task.number] = TaskProcess(
                self._tasks.command(task),
                task.component,
                directory,
                {resources.SHARED_CORES_VARIABLE: os.path.join(self._scratch, CORES)},
                write=functools.partial(self._output.write, task.number),
                receive=functools.partial(self._receive, task.number),
                ended=functools.partial(self._put_status, task.number),
            )
            if self._received:  # a signal came before the process was known
                self._processes[task.number].stop(self._received[0])

    def _take(self, number: int, status: int) -> None:
        """A process has ended."""
        process = self._processes.pop(number)
        self._output.end(number)
        if status == 0:
            self._tasks.finish(self._tasks.tasks[number])
            self._ended.add(number)
            self._state.end(number)
            self._display.ended(number)
            return
        self._failures[number] = process.failure()
        if len(self._failures) == 1 and not self._received:
            self._stop_processes(signal.SIGTERM)

    def _put_status(self, number: int, status: int) -> None:
        self._statuses.put((number, status))

    def _receive(self, number: int, event: Mapping[str, Any]) -> None:
        self._state.receive(number, event)
        self._display.received(number, event)

    def _receive_signal(self, number: int) -> None:
        self._received.append(number)
        self._stop_processes(number)

    def _stop_processes(self, number: int) -> None:
        for process in list(self._processes.values()):
            process.stop(number)


def _error(
    tasks: Sequence[PipelineTask], failures: Mapping[int, Failure], received: Sequence[int], path: str
) -> BerthError:
    """The error of the first failed task, with its own message; of a stopped run, what its tasks say is saved.

    Args:
        tasks: All tasks.
        failures: Those that did not end well, by number.
        received: The signals that stopped the run.
        path: The run's log.
    """
    where = f"Log: {printable(path)}"
    ordered = 128 + (received[0] if received else signal.SIGTERM)
    stopped = {number: each for number, each in failures.items() if each.message and each.status == ordered}
    failed = sorted(failures.keys() - stopped.keys())
    if failed and not (received and stopped):
        number, failure = failed[0], failures[failed[0]]
        if failure.message is not None:
            return _with_status(
                BerthError(f"{tasks[number].title} failed. {failure.message}", fix=where), failure.status
            )
        if not received:
            return BerthError(
                f"{tasks[number].title} ended without a message: it was killed or ran out of memory",
                fix=f"Run the same command again: completed work is kept. {where}",
            )
    again = f"To continue: `{_command()}`. {where}"
    if stopped:
        first, *others = (stopped[number].message or "" for number in sorted(stopped))
        return _with_status(stopping.StoppedError(" ".join((first, *others)), fix=again), ordered)
    return stopping.StoppedError.by(
        received[0] if received else signal.SIGTERM,
        "the run was stopped by {}; no task says that it has saved anything since its last complete file",
        fix=f"Complete files and checkpoints are kept: the same command continues from them. {again}",
    )


def _with_status(error: BerthError, status: int) -> BerthError:
    error.exit_status = status
    return error


def _command() -> str:
    """The command that was run, as it can be run again in the same directory."""
    program, *rest = sys.argv
    if os.path.basename(program) != "berth" or shutil.which("berth") == os.path.abspath(program):
        program = "berth"
    return shlex.join([program, *rest])


def _display(state: RunState) -> contextlib.AbstractContextManager[Display]:
    if not log.has_screen():
        return PlainDisplay(state)
    from berth.app.screen_display import ScreenDisplay  # rich: a tenth of a second

    return ScreenDisplay(state)
