"""A stage that runs as a task of a pipeline: its recipe and workspace, and how it reports errors."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import sys
import threading
import traceback
from types import TracebackType
from typing import Any

from berth import log, storage, task_events
from berth.errors import BerthError
from berth.recipe import Recipe
from berth.stage import Result, Workspace, stable_names, stopping
from berth.stage.inputs import Inputs
from berth.stage.manifest import NAME
from berth.storage.local_errors import of_system

# Set by `berth run`: the file in which a failed task leaves its error for the parent to show.
ERROR_VARIABLE = "BERTH_ERROR_FILE"


class Task:
    """One task of a pipeline, used as a context manager around the call of a stage function.

    A :class:`BerthError` inside becomes one message in the log and the process's exit status. SIGTERM and Ctrl-C end
    the stage with such an error.

    Args:
        name: The stage's name, for the log.
        recipe: The resolved recipe as JSON (a pipeline parameter).
        workspace: URI of the workspace.
    """

    def __init__(self, name: str, recipe: str, workspace: str) -> None:
        self.name = name
        self.recipe = Recipe.model_validate_json(recipe)
        self.destination = Workspace(workspace)
        self._signals = contextlib.ExitStack()

    def files(self, directory: str, pattern: str) -> Inputs:
        """Files of an earlier stage; with an empty ``directory``, files from outside."""
        return Inputs.of_stage(directory, pattern) if directory else Inputs.of(pattern)

    def beam_arguments(self, given: list[str]) -> list[str]:
        """Flags for Beam, with the number of workers that the recipe gives."""
        workers = self.recipe.execution.workers
        return given if workers is None else [f"--workers={workers}", *given]

    def finish(self, result: Result, manifest: Any, name: str = "") -> str:
        """Copy the stage's manifest into the pipeline's artifact; returns the stage's directory.

        Args:
            result: The finished stage.
            manifest: The pipeline's artifact.
            name: The result's stable name in the workspace; empty for none.
        """
        if name:
            stable_names.link(self.destination.uri, self.recipe, name, result.uri)
        with open(manifest.path, "wb") as file:
            file.write(storage.read_bytes(storage.join(result.uri, NAME)))
        task_events.send(up_to_date=result.was_up_to_date)
        manifest.metadata.update(directory=result.uri, digest=result.manifest.digest, **result.manifest.counters)
        return result.uri

    def __enter__(self) -> Task:
        log.setup()
        self._signals.enter_context(stopping.handled(self._stop))
        if ERROR_VARIABLE in os.environ:
            threading.Thread(target=_end_with_parent, daemon=True).start()
        try:
            if stopping.is_ordered():
                self._stop(signal.SIGTERM)
        except stopping.StoppedError as error:
            self.__exit__(type(error), error, error.__traceback__)
        return self

    def _stop(self, number: int) -> None:
        """End the stage where it is. Training replaces this: it saves a checkpoint first."""
        raise stopping.StoppedError.by(
            stopping.ordered(number),
            f"{self.name} was stopped by {{}}",
            fix="What is complete is kept: the same command continues.",
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._signals.close()
        # After an error, signals remain handled: a second one must not end the process before it has reported.
        if error is None or isinstance(error, SystemExit | KeyboardInterrupt):
            return
        logger = logging.getLogger(f"berth.{self.name}")
        if isinstance(error, OSError):
            error = of_system(error) or error
        if isinstance(error, BerthError):
            message, status = str(error), error.exit_status
            logger.debug("".join(traceback.format_exception(error)))
        else:
            message, status = f"unexpected {type(error).__name__}: {error}", 1
            sys.stderr.write("".join(traceback.format_exception(error)))  # into the log file of the run
        if path := os.environ.get(ERROR_VARIABLE):
            with open(path, "w", encoding="utf-8") as file:
                json.dump({"stage": self.name, "message": message, "status": status}, file)
        else:
            logger.error(message)
        sys.exit(status)


def _end_with_parent() -> None:
    """End this process once its output has no reader: `berth run` was killed, and may be started again."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # the closing of the other end is always reported
    poll.poll()
    os._exit(1)
