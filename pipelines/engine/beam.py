"""Apache Beam, imported without pandas: ``from pipelines.engine.beam import beam``.

Import it where a job is built, not at the top of a stage: a stage that is up to date then answers at once.
"""

from __future__ import annotations

from berth.optional_imports import without

__all__ = ["DirectOptions", "PipelineOptions", "StandardOptions", "beam"]

# Beam imports pandas if it is installed, for its DataFrame API, which Berth does not use. It would cost each process
# 30 MB and a quarter of a second.
with without("pandas"):
    import apache_beam as beam
    from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions
