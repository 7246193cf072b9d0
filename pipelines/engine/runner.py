"""Runs a Beam pipeline: in this process by default, elsewhere by the flags after ``--``."""

from __future__ import annotations

import argparse
import contextlib
import logging
import re
from collections.abc import Iterator, Sequence

from berth.errors import BerthError, TemporaryError, UsageError
from berth.stage.output import Output, counted
from pipelines.engine import dataflow, workers
from pipelines.engine.beam import DirectOptions, PipelineOptions, StandardOptions, beam
from pipelines.engine.resources import WORKER_BYTES, default_workers
from pipelines.engine.work import count

# Short names that Beam does not know or resolves differently: its own DirectRunner first tries to download Prism, so
# Berth names Beam's in-memory runner instead.
_IN_MEMORY = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
RUNNERS = {
    "DirectRunner": _IN_MEMORY,
    "FnApiRunner": _IN_MEMORY,
    "DaskRunner": "apache_beam.runners.dask.dask_runner.DaskRunner",
}
_ERRORS = {kind.__name__: kind for kind in (BerthError, TemporaryError, UsageError)}
# A worker's error of which only the text comes back: "…berth.errors.BerthError: TEXT [while running 'STEP']"; Dataflow
# appends lines that name the steps the error passed through.
_ERROR_TEXT = re.compile(
    rf"{BerthError.__module__}\.(?P<kind>{'|'.join(_ERRORS)}): "
    r"(?P<text>.*?)(?: \[while running '[^\n]*'\](?:\s.*)?)?\Z",
    re.DOTALL,
)


class EngineOptions(PipelineOptions):  # type: ignore[misc]
    """Berth's own flag for the engine in this process."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--workers", type=int, default=None, help="Number of worker processes on this machine.")


@contextlib.contextmanager
def pipeline(
    arguments: Sequence[str] = (),
    output: Output | None = None,
    parts: int = 1,
    *,
    size: int = 0,
    memory: int = WORKER_BYTES,
) -> Iterator[beam.Pipeline]:
    """A Beam pipeline that runs, to its end, when the block ends.

    Args:
        arguments: Beam's flags, unchanged, e.g. ``["--runner=DataflowRunner", "--project=P"]``. Without ``--runner``,
            and with ``--runner=DirectRunner``, the job runs in this process and nothing is downloaded.
        output: The stage's output. It names a job on Dataflow and holds the job's temporary files.
        parts: How many workers the job can keep busy.
        size: Bytes of its input. In this process, a small job has fewer workers than there are cores.
        memory: Bytes that a worker needs. In this process, there are no more workers than fit.

    Raises:
        UsageError: For an unknown runner, or one whose required options are missing.
        BerthError: The error that a worker raised, without Beam's wrapping.
    """
    # The user sees a worker's error once, as our message; Beam would log its traceback several times.
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    options = PipelineOptions(list(arguments))
    standard = options.view_as(StandardOptions)
    requested = standard.runner or "DirectRunner"
    standard.runner = RUNNERS.get(requested, requested)
    is_dataflow = dataflow.is_requested(arguments)
    if is_dataflow:
        dataflow.complete(options, output, parts)
    try:
        job = beam.Pipeline(options=options)
    except (ValueError, ImportError) as error:
        raise UsageError(f"Beam cannot start: {error}", where=f"--runner={requested}") from error
    if output is not None and (found := counted(output.receipts())):
        _ = job | "complete before" >> beam.Create([dict(found)]) | "count" >> beam.Map(count)
    processes = _workers(options, parts, size, memory) if standard.runner == _IN_MEMORY else 1
    try:
        yield job
        with workers.started(processes):
            result = job.run()
            if is_dataflow:
                dataflow.follow(result, options)
            else:
                result.wait_until_finish()
    except BerthError:
        raise
    except Exception as error:
        original = _worker_error(error) or (dataflow.explained(error, options) if is_dataflow else None)
        if original is None:
            raise
        raise original from error


def is_in_memory(arguments: Sequence[str]) -> bool:
    """Whether a job with these flags runs in this process."""
    runner = PipelineOptions(list(arguments)).view_as(StandardOptions).runner or "DirectRunner"
    return RUNNERS.get(runner, runner) == _IN_MEMORY


def _workers(options: PipelineOptions, parts: int, size: int, memory: int) -> int:
    """How many processes a job in this process gets.

    Raises:
        UsageError: For a number below 1.
    """
    direct = options.view_as(DirectOptions)
    if direct.direct_running_mode != "in_memory":  # Beam's own workers
        return 1
    given: int | None = options.view_as(EngineOptions).workers
    if given is None:
        return min(default_workers(memory), parts, max(1, size // workers.BYTES_A_WORKER))
    if given < 1:
        raise UsageError(
            "the number of workers is too small", where="--workers", found=str(given), expected="1 or more"
        )
    return min(given, parts)


def _worker_error(error: BaseException) -> BerthError | None:
    """The BerthError inside an exception that Beam raised; None if there is none.

    Beam keeps it as the cause, the context or an argument; from a worker in another thread or process, only as text.
    """
    seen: list[BaseException] = []
    queue: list[BaseException | None] = [error]
    while queue:
        current = queue.pop(0)
        if current is None or current in seen:
            continue
        if isinstance(current, BerthError):
            return current
        seen.append(current)
        queue += [current.__cause__, current.__context__]
        queue += [argument for argument in current.args if isinstance(argument, BaseException)]
    last = str(error).rfind(f"{BerthError.__module__}.")
    if found := _ERROR_TEXT.match(str(error), max(last, 0)):
        return _ERRORS[found["kind"]](found["text"])
    return None
