"""Documents split into sentences, and the temporary file that keeps them while the lines of the corpus are counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.ipc

from berth import storage
from pipelines.documents.article_groups import ArticleGroup
from pipelines.sentences.documents import Documents
from pipelines.sentences.lines import Lines
from pipelines.sentences.segmenter import Segmenter, keep

DIRECTORY = ".split"
SCHEMA = pa.schema([("id", pa.string()), ("sentences", pa.int64()), ("text", pa.large_binary())])


def split_name(number: int) -> str:
    """The temporary file of an article group."""
    return f"{DIRECTORY}/{number:05d}.arrow"


@dataclass(frozen=True)
class SplitDocuments:
    """The documents of an article group, one sentence a line.

    Attributes:
        ids: Their ids.
        lines: Their text.
        sentences: Number of sentences of each, int64, shape [documents].
    """

    ids: list[str]
    lines: Lines
    sentences: npt.NDArray[np.int64]

    @classmethod
    def of_group(cls, group: ArticleGroup, segmenter: Segmenter) -> SplitDocuments:
        """Read the documents of a group and split them."""
        documents = Documents.read(group)
        split = keep if group.has_sentences else segmenter.load()
        return cls(documents.ids, *split(documents.lines))

    @classmethod
    def read(cls, uri: str) -> SplitDocuments:
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
