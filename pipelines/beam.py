"""Where Beam jobs run: in this process by default, elsewhere by the flags after ``--``."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from berth.errors import BerthError, UsageError

if TYPE_CHECKING:
    import apache_beam

# Beam's own DirectRunner first tries to download another engine; its in-memory engine is named instead.
IN_MEMORY = ("DirectRunner", "FnApiRunner")


@contextlib.contextmanager
def pipeline(arguments: Sequence[str] = ()) -> Iterator[apache_beam.Pipeline]:
    """A Beam pipeline that runs when the block ends, and is waited for.

    Args:
        arguments: Beam's flags, unchanged, e.g. ``["--runner=DataflowRunner", "--project=P"]``. Without ``--runner``,
            and with ``--runner=DirectRunner``, the job runs in this process and nothing is downloaded.

    Raises:
        UsageError: for an unknown runner.
        BerthError: the error a worker raised, without Beam's wrapping.
    """
    import apache_beam
    from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

    # What a worker raises reaches the user as one error; Beam logs its traceback several times besides.
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    options = PipelineOptions(list(arguments))
    standard = options.view_as(StandardOptions)
    if standard.runner is None or standard.runner in IN_MEMORY:
        standard.runner = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
    try:
        job = apache_beam.Pipeline(options=options)
    except (ValueError, ImportError) as error:
        raise UsageError(f"Beam cannot start: {error}", where=f"--runner={standard.runner}") from error
    try:
        with job:
            yield job
    except BerthError:
        raise
    except Exception as error:
        original = _original(error)
        if original is None:
            raise
        raise original from error


def _original(error: BaseException) -> BerthError | None:
    """The BerthError inside what Beam raises; Beam keeps it as cause, as context or among the arguments."""
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
    return None
