"""Segmented documents of a unit, and the temporary file they wait in while the lines of the corpus are counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.ipc

from berth import storage
from pipelines.documents.article_groups import Unit
from pipelines.sentences.documents import Documents
from pipelines.sentences.lines import Lines
from pipelines.sentences.segmenter import Segmenter, keep

SEGMENTED = ".segmented"
SCHEMA = pa.schema([("id", pa.string()), ("sentences", pa.int64()), ("text", pa.large_binary())])


def segmented_name(number: int) -> str:
    """The temporary file of a unit."""
    return f"{SEGMENTED}/{number:05d}.arrow"


@dataclass(frozen=True)
class Segmented:
    """Some documents, a sentence a line.

    Attributes:
        ids: Their ids.
        lines: Their text.
        sentences: Of each its number of sentences, int64, shape [documents].
    """

    ids: list[str]
    lines: Lines
    sentences: npt.NDArray[np.int64]

    @classmethod
    def of_unit(cls, unit: Unit, segmenter: Segmenter) -> Segmented:
        """Read and segment a unit's documents."""
        documents = Documents.read(unit)
        split = keep if unit.has_sentences else segmenter.load()
        return cls(documents.ids, *split(documents.lines))

    @classmethod
    def read(cls, uri: str) -> Segmented:
        """Read what :meth:`write` wrote."""
        with storage.open_read(uri) as file:
            batch = pa.ipc.open_file(file).get_batch(0)
        ids, sentences, text = batch.columns
        _, offsets, content = text.buffers()
        lines = Lines(np.frombuffer(content or b"", np.uint8), np.frombuffer(offsets, np.int64)[: len(text) + 1])
        return cls(ids.to_pylist(), lines, sentences.to_numpy())

    def write(self, file: pa.NativeFile) -> None:
        """Write the documents as one Arrow batch."""
        batch = pa.record_batch([pa.array(self.ids, pa.string()), self.sentences, self.lines.array()], SCHEMA)
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.ipc.new_file(file, SCHEMA, options=options) as writer:
            writer.write_batch(batch)
