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
from berth.formats import tfrecord
from berth.formats.record_decoder import RecordDecoder, widths_of
from berth.formats.tfrecord import FOOTER_BYTES
from berth.stage.inputs import Inputs
from trainer.data.order import permute
from trainer.schedules.schedule import Update

Features = dict[str, np.ndarray]


@dataclass(frozen=True)
class Limits:
    """The values that a record may hold for a model: ids below the size of its vocabulary, and so on."""

    vocab_size: int
    type_vocab_size: int
    max_position_embeddings: int


class RecordSet:
    """The records of a set of files, numbered through in the order of the files.

    Of local files the records are read as they are needed; gzip files and those in Cloud Storage are held in memory.

    Args:
        inputs: The files.
        limits: The values that the model can take.

    Raises:
        BerthError: for an empty set, a damaged file, or records that do not fit the model; names file and record.
    """

    def __init__(self, inputs: Inputs, limits: Limits) -> None:
        self.files = [tfrecord.index_file(file.uri) for file in inputs.files]
        self.ends = np.cumsum([len(file.starts) for file in self.files])
        self.count = int(self.ends[-1])
        if self.count == 0:
            raise BerthError("there are no records to train or evaluate on", where=inputs.uri, found="empty files")
        self.limits = limits
        self.max_seq_length, self.max_predictions = self._widths_of_first_record()
        self._decoder = RecordDecoder(self.max_seq_length, self.max_predictions)

    def read(self, records: np.ndarray) -> Features:
        """Read records by their numbers.

        Args:
            records: int64 [batch].

        Returns:
            int32 input_ids, input_mask, segment_ids [batch, max_seq_length]; int32 masked_lm_positions, masked_lm_ids,
            float32 masked_lm_weights [batch, max_predictions]; int32 next_sentence_labels [batch, 1].

        Raises:
            BerthError: naming file and record, if one is damaged or does not fit.
        """
        numbers = np.searchsorted(self.ends, records, side="right")
        frames: list[np.ndarray] = []
        lengths = np.empty(len(records), dtype=np.int64)
        for row, (number, record) in enumerate(zip(numbers, records, strict=True)):
            file = self.files[number]
            frames.append(file.read(record - self.ends[number] + len(file.starts)))
            lengths[row] = len(frames[-1]) - FOOTER_BYTES
        data = np.concatenate(frames)
        starts = np.cumsum(lengths + FOOTER_BYTES) - lengths - FOOTER_BYTES
        damaged = tfrecord.first_damaged(data, starts, lengths)
        if damaged >= 0:
            raise tfrecord.problem(tfrecord.BAD_CRC, self.location(int(records[damaged])))
        features = self._decoder.decode(data, starts, lengths, lambda row: self.location(int(records[row])))
        self._check_values(features, records)
        return features

    def location(self, record: int) -> str:
        """File and index in it of a record, for messages."""
        number = int(np.searchsorted(self.ends, record, side="right"))
        file = self.files[number]
        return f"{file.uri}, record {record - int(self.ends[number]) + len(file.starts)}"

    def _widths_of_first_record(self) -> tuple[int, int]:
        file = next(file for file in self.files if len(file.starts))
        length, predictions = widths_of(file.read(0), 0, int(file.lengths[0]), self.location(0))
        if length > self.limits.max_position_embeddings:
            raise BerthError(
                "the records are longer than the model's positions",
                where=self.location(0),
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


def training_batch(records: RecordSet, seed: int, update: Update, share: Share) -> tuple[Features, np.ndarray]:
    """One process's share of the global batch of an update, which begins at the update's position in the data.

    Each micro-batch is a contiguous part of the global batch, each process's share one of each micro-batch.

    Returns:
        Features of shape [accumulation, local batch, …], and the indices of these examples in the global batch
        (int64 [accumulation, local batch]).
    """
    phase = update.phase
    indices = np.arange(phase.batch_size).reshape(phase.accumulation, share.processes, -1)[:, share.process]
    numbers = permute(update.position + indices.ravel(), records.count, seed)
    features = records.read(numbers)
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
