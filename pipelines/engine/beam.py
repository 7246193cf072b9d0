"""Beam, and where its jobs run: in this process by default, elsewhere by the flags after ``--``.

Imported where a job begins, not before: ``from pipelines.engine.beam import beam, pipeline``.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from collections.abc import Iterator, Sequence

from berth.errors import BerthError, UsageError
from berth.stage.output import Output
from pipelines.engine import dataflow


@contextlib.contextmanager
def _without_pandas() -> Iterator[None]:
    """Beam takes pandas along where there is one, for its DataFrame API.

    Berth has no use for that, and it would cost each process 30 MB and a quarter of a second.
    """
    if "pandas" in sys.modules:
        yield
        return
    # This makes `import pandas` an ImportError.
    sys.modules["pandas"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["pandas"]


with _without_pandas():
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

# Names that Beam does not know, or means something else by: its own DirectRunner first tries to download another
# engine, so its in-memory engine is named instead.
_IN_MEMORY = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
RUNNERS = {
    "DirectRunner": _IN_MEMORY,
    "FnApiRunner": _IN_MEMORY,
    "DaskRunner": "apache_beam.runners.dask.dask_runner.DaskRunner",
}
# A worker's error where only its text comes back: "…berth.errors.BerthError: TEXT [while running 'STEP']", and on
# Dataflow, in lines of their own, what it passed through.
_IN_TEXT = re.compile(
    rf"{BerthError.__module__}\.(?P<kind>{BerthError.__name__}|{UsageError.__name__}): "
    r"(?P<text>.*?)(?: \[while running '[^\n]*'\](?:\s.*)?)?\Z",
    re.DOTALL,
)


@contextlib.contextmanager
def pipeline(arguments: Sequence[str] = (), output: Output | None = None, parts: int = 1) -> Iterator[beam.Pipeline]:
    """A Beam pipeline that runs when the block ends, and is waited for.

    Args:
        arguments: Beam's flags, unchanged, e.g. ``["--runner=DataflowRunner", "--project=P"]``. Without ``--runner``,
            and with ``--runner=DirectRunner``, the job runs in this process and nothing is downloaded.
        output: The stage's output: what a job on Dataflow is named by, and where it has its temporary files.
        parts: How many workers could work side by side.

    Raises:
        UsageError: for an unknown runner, or one that lacks options.
        BerthError: the error a worker raised, without Beam's wrapping.
    """
    # What a worker raises reaches the user as one error; Beam logs its traceback several times besides.
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    options = PipelineOptions(list(arguments))
    standard = options.view_as(StandardOptions)
    asked = standard.runner or "DirectRunner"
    standard.runner = RUNNERS.get(asked, asked)
    is_dataflow = dataflow.is_asked_for(arguments)
    if is_dataflow:
        dataflow.complete(options, output, parts)
    try:
        job = beam.Pipeline(options=options)
    except (ValueError, ImportError) as error:
        raise UsageError(f"Beam cannot start: {error}", where=f"--runner={asked}") from error
    try:
        yield job
        result = job.run()
        if is_dataflow:
            dataflow.follow(result, options)
        else:
            result.wait_until_finish()
    except BerthError:
        raise
    except Exception as error:
        original = _original(error) or (dataflow.explained(error, options) if is_dataflow else None)
        if original is None:
            raise
        raise original from error


def _original(error: BaseException) -> BerthError | None:
    """The BerthError inside what Beam raises.

    Beam keeps it as cause, as context or among the arguments; of a worker in another thread or process, only as text.
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
    if found := _IN_TEXT.match(str(error), max(last, 0)):
        kind = UsageError if found["kind"] == UsageError.__name__ else BerthError
        return kind(found["text"])
    return None
