"""Training data: TFRecord files as one indexed set, read by record number in any order, checked as they are read."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from berth.errors import BerthError
from berth.formats import records as names
from berth.formats.record_decoder import RecordDecoder
from berth.stage.inputs import Inputs
from trainer.data.buffer import BlockBuffer
from trainer.data.index import open_table
from trainer.data.order import Order
from trainer.schedules.schedule import Update

Features = dict[str, np.ndarray]
AHEAD = 8  # batches of an evaluation whose blocks are being read before they are needed


@dataclass(frozen=True)
class Limits:
    """The values that a record may hold for a model: ids below the size of its vocabulary, and so on."""

    vocab_size: int
    type_vocab_size: int
    max_position_embeddings: int


class RecordSet:
    """The records of a set of files, numbered through in the order of the files.

    Args:
        inputs: The files.
        limits: The values that the model can take.
        buffer: Holds the blocks that are read; by default one of this set alone.
        unpacked: Directory for compressed files without an index, which are unpacked; by default a temporary one.

    Raises:
        BerthError: for an empty set, a damaged file or index, or records that do not fit the model; names file and
            record.
    """

    def __init__(
        self, inputs: Inputs, limits: Limits, buffer: BlockBuffer | None = None, unpacked: str | None = None
    ) -> None:
        self.table = open_table(inputs, unpacked)
        self.count = self.table.count
        if self.count == 0:
            raise BerthError("there are no records to train or evaluate on", where=inputs.uri, found="empty files")
        self.limits = limits
        self.max_seq_length, self.max_predictions = self._widths()
        self._buffer = buffer or BlockBuffer()
        self._decoder = RecordDecoder(self.max_seq_length, self.max_predictions)

    def read(self, records: np.ndarray) -> Features:
        """Read records by their numbers.

        Args:
            records: int64 [batch].

        Returns:
            int32 input_ids, input_mask, segment_ids [batch, max_seq_length]; int32 masked_lm_positions, masked_lm_ids,
            float32 masked_lm_weights [batch, max_predictions]; int32 next_sentence_labels [batch, 1].

        Raises:
            BerthError: naming the file and the block or record, if one is damaged or does not fit.
        """
        rows = self._decoder.rows(len(records))
        blocks = self.table.block_of(records)
        targets = np.argsort(blocks, kind="stable")
        needed, begins = np.unique(blocks[targets], return_index=True)
        picks = (records - self.table.ends[blocks] + self.table.records[blocks])[targets]
        bounds = [*begins.tolist(), len(records)]

        def origin(row: int) -> str:
            return self.location(int(records[row]))

        for index, block in self._buffer.blocks(self.table.places(needed)):
            part = slice(bounds[index], bounds[index + 1])
            self._decoder.decode(block.data, block.starts, block.lengths, picks[part], rows, targets[part], origin)
        features = self._decoder.features(rows)
        self._check_values(features, records)
        return features

    def expect(self, records: np.ndarray) -> None:
        """Begin to read the blocks of records (int64) that will be read soon."""
        self._buffer.expect(self.table.places(np.unique(self.table.block_of(records))))

    def location(self, record: int) -> str:
        """File and number in it of a record, for messages."""
        return self.table.location(record)

    def _widths(self) -> tuple[int, int]:
        shard = next(shard for shard in self.table.shards if shard.index.count)
        length, predictions = shard.index.max_seq_length, shard.index.max_predictions
        if length > self.limits.max_position_embeddings:
            raise BerthError(
                "the records are longer than the model's positions",
                where=f"{shard.name}, record 0",
                found=f"{length} tokens",
                expected=f"at most max_position_embeddings = {self.limits.max_position_embeddings}",
            )
        return length, predictions

    def _check_values(self, features: Features, records: np.ndarray) -> None:
        """Check values against the model's tables: beyond one, a value would silently be read as something else."""
        bounds = {
            names.INPUT_IDS.name: (self.limits.vocab_size, "the size of the vocabulary"),
            names.INPUT_MASK.name: (2, "1 for a token, 0 for padding;"),
            names.MASKED_IDS.name: (self.limits.vocab_size, "the size of the vocabulary"),
            names.MASKED_POSITIONS.name: (self.max_seq_length, "the length of a record"),
            names.SEGMENT_IDS.name: (self.limits.type_vocab_size, "type_vocab_size"),
            names.NEXT_SENTENCE.name: (2, "the number of labels"),
        }
        for name, (bound, meaning) in bounds.items():
            values = features[name]
            # Seen as unsigned, negative values are beyond every bound too.
            if values.view(np.uint32).max() >= bound:
                row, column = np.argwhere(values.view(np.uint32) >= bound)[0]
                raise BerthError(
                    f"a record does not fit the model: {name} is out of range",
                    where=self.location(int(records[row])),
                    found=str(values[row, column]),
                    expected=f"0 to {bound - 1} ({meaning} is {bound})",
                    fix="Train with the vocabulary and model the records were made for, or make them again.",
                )
        weights = features[names.MASKED_WEIGHTS.name]
        if not (np.isfinite(weights) & (weights >= 0.0)).all():  # a sum of weights may be 0, and accuracies exceed 1
            row, column = np.argwhere(~(np.isfinite(weights) & (weights >= 0.0)))[0]
            raise BerthError(
                f"a record has an impossible weight in {names.MASKED_WEIGHTS.name}",
                where=self.location(int(records[row])),
                found=f"{weights[row, column]:g}",
                expected="1.0 for a masked position, 0.0 for padding",
                fix="Make the records again with `berth records`.",
            )
        mask = features[names.INPUT_MASK.name]
        if (mask[:, 1:] > mask[:, :-1]).any():  # fused attention knows only the number of tokens
            row = int((mask[:, 1:] > mask[:, :-1]).any(axis=1).argmax())
            raise BerthError(
                "a record has padding before a token",
                where=self.location(int(records[row])),
                expected="input_mask of ones, then zeros",
                fix="Make the records again with `berth records`.",
            )


@dataclass(frozen=True)
class Share:
    """One process's share of every global batch.

    Args:
        process: Number of this process, from 0.
        processes: Number of processes.
    """

    process: int = 0
    processes: int = 1


def batch_records(order: Order, update: Update, share: Share) -> tuple[np.ndarray, np.ndarray]:
    """The records of one process's share of the global batch of an update.

    The batch's positions in the data begin at the update's. Each micro-batch is a contiguous part of the global batch,
    each process's share one of each micro-batch.

    Returns:
        Numbers of the records, and their indices in the global batch: int64 [accumulation, local batch].
    """
    phase = update.phase
    indices = np.arange(phase.batch_size).reshape(phase.accumulation, share.processes, -1)[:, share.process]
    positions = order.slots(update.position + np.arange(phase.batch_size))[indices]
    return order.records(positions.ravel()).reshape(indices.shape), indices


def training_batch(records: RecordSet, order: Order, update: Update, share: Share) -> tuple[Features, np.ndarray]:
    """One process's share of the global batch of an update.

    Returns:
        Features of shape [accumulation, local batch, …], and the indices of these examples in the global batch
        (int64 [accumulation, local batch]).
    """
    numbers, indices = batch_records(order, update, share)
    features = records.read(numbers.ravel())
    return {name: values.reshape(*indices.shape, -1) for name, values in features.items()}, indices


def evaluation_batches(records: RecordSet, batch_size: int, share: Share = Share()) -> Iterator[tuple[Features, int]]:
    """All records once, in order, in batches of one size; the last one is filled up with records that must not count.

    Args:
        records: The records.
        batch_size: Of the global batch, a multiple of the processes.
        share: This process gets a contiguous part of every batch.

    Yields:
        Features of shape [local batch, …], with `masked_lm_weights` zero in the filling, and how many examples count.
    """
    local = batch_size // share.processes
    for start in range(share.process * local, records.count + share.process * local, batch_size):
        real = max(0, min(local, records.count - start))
        records.expect(np.arange(start, min(start + AHEAD * batch_size, records.count)))
        features = records.read(np.minimum(np.arange(start, start + local), records.count - 1))
        features[names.MASKED_WEIGHTS.name][real:] = 0.0
        yield features, real


Item = TypeVar("Item")


def prefetch(make: Callable[[int], Item], numbers: Sequence[int], depth: int = 4) -> Generator[Item, None, None]:
    """The results of ``make(number)`` in order, computed ahead of their use by another thread."""
    ready: queue.Queue[Item | BaseException] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: Item | BaseException) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(item, timeout=0.1)
                return

    def produce() -> None:
        for number in numbers:
            if stopped.is_set():
                return
            try:
                put(make(number))
            except BaseException as error:  # raised again where the result is awaited
                put(error)
                return

    thread = threading.Thread(target=produce, name="prefetch", daemon=True)
    thread.start()
    try:
        for _ in numbers:
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
