"""One shard of sentences → one shard of records: the work of one task, on any runner."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from os import environ

import numpy as np
from numpy.typing import NDArray

from berth import storage
from berth.formats.record_blocks import BlockWriter
from berth.formats.records import INDEX, record_name
from berth.formats.vocabulary import UNKNOWN, Vocabulary
from berth.recipe import RecordSet
from berth.stage.inputs import InputFile
from berth.stage.output import Output
from pipelines.mlm import keyed, reference
from pipelines.mlm.instances import Documents, Generated, documents_of
from pipelines.mlm.record_encoder import layout_of, write_instances
from pipelines.mlm.tokenizer import Tokenizer

log = logging.getLogger("berth.records")

PIECE = 1 << 20  # ids counted at a time
# Enough text to send through every kernel.
_SAMPLE = b"A first sentence.\nA second one, which is long\xc3\xa9r.\n\nAnother document.\nIt has two sentences.\n"


@dataclass(frozen=True)
class RecordShards:
    """Makes record shards. It is small and picklable: workers get a copy, and read the files that it names.

    A worker holds one shard at a time, in the form of tokens and instances: for each MB of English text about 0.4 MB
    of tokens and, with 10 duplicates, 1.2 MB of instances; neither the text nor the records are ever held whole.
    """

    vocabulary: str
    lower_case: bool
    options: RecordSet
    seed: int
    output: Output

    def __call__(self, text: InputFile) -> None:
        """Make the records of one text file, unless they are complete.

        Raises:
            BerthError: if the text is not valid UTF-8.
        """
        name = record_name(text.name, self.options.compression)
        if self.output.is_complete(name + INDEX) and self.output.accept(name):
            return
        vocabulary = Vocabulary.read(self.vocabulary)
        with storage.open_read(text.uri) as file:
            documents = documents_of(Tokenizer(vocabulary, self.lower_case).encode_file(file, text.uri, text.size))
        if not len(documents.ids):
            log.warning("%s holds no text: its record file is empty", text.uri)
        generated = self._generate(documents, vocabulary, text.uri)
        with self.output.shard(name) as shard:
            blocks = BlockWriter(shard, self.options.compression == "gzip")
            self._write(blocks, documents, generated, vocabulary)
            # Before the shard is complete: where its receipt is, that of its index is.
            with self.output.shard(name + INDEX) as index:
                widths = self.options.max_seq_length, self.options.max_predictions
                index.write(blocks.index(shard.sha256(), *widths).to_bytes())
                index.is_counted = False
            shard.records = len(generated.order)
            shard.counters.update(_counters(documents, generated, self.options, vocabulary))

    def is_complete(self, name: str) -> bool:
        """Whether a shard of records and its index are complete."""
        return self.output.is_complete(name + INDEX) and self.output.is_complete(name)

    def is_compiled(self) -> bool:
        """Whether this machine has the kernels' machine code from an earlier run."""
        kernels = ("word_cache.encode_lines", f"{self.options.rng}.generate", "record_encoder.encode_records")
        return all(
            storage.names(storage.Pattern(environ["NUMBA_CACHE_DIR"], f"*/{kernel}-*.nbi")) for kernel in kernels
        )

    def compile(self) -> None:
        """Send a sample through all kernels, so that they are compiled once, before workers would all do so."""
        vocabulary = Vocabulary.read(self.vocabulary)
        documents = documents_of(Tokenizer(vocabulary, self.lower_case).encode(_SAMPLE))
        generated = self._generate(documents, vocabulary, "sample")
        self._write(BlockWriter(io.BytesIO(), is_gzip=False), documents, generated, vocabulary)

    def _generate(self, documents: Documents, vocabulary: Vocabulary, origin: str) -> Generated:
        if self.options.rng == "keyed":
            return keyed.create_instances(documents, vocabulary, self.options, self.seed, origin)
        return reference.create_instances(documents, vocabulary, self.options, self.seed)

    def _write(self, blocks: BlockWriter, documents: Documents, generated: Generated, vocabulary: Vocabulary) -> None:
        is_pair = self.options.objective == "mlm+nsp"
        layout = layout_of(vocabulary, self.options.max_seq_length, self.options.max_predictions, is_pair)
        write_instances(blocks, documents, generated, layout)


def _counters(documents: Documents, generated: Generated, options: RecordSet, vocabulary: Vocabulary) -> dict[str, int]:
    """Counters of the shard; they add up over shards."""
    rows = generated.instances.rows
    special = 3 if options.objective == "mlm+nsp" else 2
    used = int(rows["a_length"].sum(dtype=np.int64) + rows["b_length"].sum(dtype=np.int64)) + special * len(rows)
    return {
        "documents": len(documents.documents) - 1,
        "sentences": len(documents.sentences) - 1,
        "tokens": len(documents.ids),
        "unknown_tokens": _count(documents.ids, vocabulary.ids[UNKNOWN]),
        "instances": len(rows),
        "random_next": int(rows["random_next"].sum()),
        "masked": int(rows["masks"].sum(dtype=np.int64)),
        "padding": len(rows) * options.max_seq_length - used,
        **generated.counters,
    }


def _count(ids: NDArray[np.unsignedinteger], token: int) -> int:
    """How often a token occurs; piece by piece, since a comparison of all ids would take half their memory again."""
    return sum(int(np.count_nonzero(ids[k : k + PIECE] == token)) for k in range(0, len(ids), PIECE))
