"""Apache Beam, imported without pandas: ``from pipelines.engine.beam import beam``.

Import it where a job is built, not at the top of a stage: a stage that is up to date then answers at once.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

__all__ = ["PipelineOptions", "StandardOptions", "beam"]


@contextlib.contextmanager
def _without_pandas() -> Iterator[None]:
    """Beam imports pandas if it is installed, for its DataFrame API.

    Berth does not use that API, and pandas would cost each process 30 MB and a quarter of a second.
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
