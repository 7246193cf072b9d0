"""Training data: TFRecord files as one indexed set, read by record number in any order, checked as they are read."""

from __future__ import annotations

import contextlib
import gzip
import queue
import threading
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from berth import storage
from berth.errors import BerthError
from berth.stage.inputs import InputFile, Inputs
from trainer.data import record_decoder as examples
from trainer.data.order import permute
from trainer.schedules.schedule import Update

Features = dict[str, np.ndarray]

# In the order of their columns in a decoded row.
INTEGER_FEATURES = (
    "input_ids",
    "input_mask",
    "segment_ids",
    "masked_lm_positions",
    "masked_lm_ids",
    "next_sentence_labels",
)
FLOAT_FEATURE = "masked_lm_weights"
FEATURES = (*INTEGER_FEATURES, FLOAT_FEATURE)
GZIP_MAGIC = b"\x1f\x8b"

WHAT_IS_WRONG = {
    examples.TRUNCATED: "the file ends in the middle of a record",
    examples.BAD_LENGTH_CRC: "this is not a TFRecord file, or it is damaged: the length of a record fails its checksum",
    examples.BAD_CRC: "a record is damaged: its data fails its checksum",
    examples.BAD_PROTOBUF: "a record is not a tf.train.Example",
    examples.MISSING_FEATURE: "a record lacks a feature",
    examples.WRONG_TYPE: "a feature has the wrong type",
    examples.WRONG_LENGTH: "a feature has the wrong number of values",
    examples.OUT_OF_RANGE: "a feature has a value beyond 32 bits",
}


@dataclass(frozen=True)
class RecordFile:
    """One TFRecord file: its bytes (mapped, not read) and where its records' data stand."""

    uri: str
    data: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray


@dataclass(frozen=True)
class Limits:
    """Values a record may hold for the model at hand: ids below the vocabulary size and so on."""

    vocab_size: int
    type_vocab_size: int
    max_position_embeddings: int


class RecordSet:
    """The records of a set of files, numbered through in the order of the files.

    Uncompressed local files are mapped into memory; gzip files and those in Cloud Storage are read into it.

    Args:
        inputs: The files.
        limits: What the model can take.

    Raises:
        BerthError: for an empty set, a damaged file, or records that do not fit the model; names file and record.
    """

    def __init__(self, inputs: Inputs, limits: Limits) -> None:
        self.files = [_index(file) for file in inputs.files]
        self.ends = np.cumsum([len(file.starts) for file in self.files])
        self.count = int(self.ends[-1])
        if self.count == 0:
            raise BerthError("there are no records to train or evaluate on", where=inputs.uri, found="empty files")
        self.limits = limits
        names = "".join(FEATURES).encode()
        self._names = np.frombuffer(names, dtype=np.uint8)
        self._name_ends = np.cumsum([len(name) for name in FEATURES])
        self._kinds = np.array([examples.INT64_LIST] * len(INTEGER_FEATURES) + [examples.FLOAT_LIST])
        self.max_seq_length, self.max_predictions = self._sizes_of_first_record()
        length, predictions = self.max_seq_length, self.max_predictions
        widths = {name: length if name.startswith(("input_", "segment_")) else predictions for name in FEATURES}
        widths["next_sentence_labels"] = 1
        self._columns = np.cumsum([0, *widths.values()])

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
        pieces: list[np.ndarray] = []
        lengths = np.empty(len(records), dtype=np.int64)
        for place, (number, record) in enumerate(zip(numbers, records, strict=True)):
            file = self.files[number]
            inside = record - self.ends[number] + len(file.starts)
            start, length = int(file.starts[inside]), int(file.lengths[inside])
            pieces.append(file.data[start : start + length + examples.FOOTER_BYTES])
            lengths[place] = length
        starts = np.cumsum(lengths + examples.FOOTER_BYTES) - lengths - examples.FOOTER_BYTES
        rows = np.empty((len(records), self._columns[-1]), dtype=np.int32)
        status, wrong, feature = examples.decode_batch(
            np.concatenate(pieces), starts, lengths, self._names, self._name_ends, self._kinds, self._columns, rows
        )
        if status != examples.OK:
            raise self._explain(int(records[wrong]), status, feature)
        features = {
            name: np.ascontiguousarray(rows[:, self._columns[index] : self._columns[index + 1]])
            for index, name in enumerate(FEATURES)
        }
        features[FLOAT_FEATURE] = features[FLOAT_FEATURE].view(np.float32)
        self._check_values(features, records)
        return features

    def location(self, record: int) -> str:
        """File and number inside it of a record, for messages."""
        number = int(np.searchsorted(self.ends, record, side="right"))
        file = self.files[number]
        return f"{file.uri}, record {record - int(self.ends[number]) + len(file.starts)}"

    def _sizes_of_first_record(self) -> tuple[int, int]:
        file = next(file for file in self.files if len(file.starts))
        sizes = np.empty(len(FEATURES), dtype=np.int64)
        start, length = int(file.starts[0]), int(file.lengths[0])
        status = examples.feature_sizes(file.data, start, length, self._names, self._name_ends, sizes)
        if status != examples.OK:
            raise self._explain(0, status, -1)
        for name, size in zip(FEATURES, sizes, strict=True):
            if size < 0:
                raise self._explain(0, examples.MISSING_FEATURE, FEATURES.index(name))
        length, predictions = int(sizes[FEATURES.index("input_ids")]), int(sizes[FEATURES.index("masked_lm_ids")])
        if length > self.limits.max_position_embeddings:
            raise BerthError(
                "the records are longer than the model's positions",
                where=self.location(0),
                found=f"{length} tokens",
                expected=f"at most max_position_embeddings = {self.limits.max_position_embeddings}",
            )
        return length, predictions

    def _explain(self, record: int, status: int, feature: int) -> BerthError:
        name = FEATURES[feature] if feature >= 0 else ""
        expected = ""
        if status == examples.WRONG_LENGTH:
            width = int(self._columns[feature + 1] - self._columns[feature])
            expected = f"{width} values of {name}, as in the first record"
        elif status == examples.WRONG_TYPE:
            expected = f"{'floats' if name == FLOAT_FEATURE else 'integers'} in {name}"
        elif name:
            expected = f"the feature {name}"
        return BerthError(
            WHAT_IS_WRONG[status],
            where=self.location(record),
            expected=expected,
            fix="Make the records again with `berth records`.",
        )

    def _check_values(self, features: Features, records: np.ndarray) -> None:
        """A value beyond a table would be read as zeros, or as another row, without a word."""
        bounds = {
            "input_ids": (self.limits.vocab_size, "the size of the vocabulary"),
            "input_mask": (2, "1 for a token, 0 for padding;"),
            "masked_lm_ids": (self.limits.vocab_size, "the size of the vocabulary"),
            "masked_lm_positions": (self.max_seq_length, "the length of a record"),
            "segment_ids": (self.limits.type_vocab_size, "type_vocab_size"),
            "next_sentence_labels": (2, "the number of labels"),
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
        weights = features[FLOAT_FEATURE]
        if not (np.isfinite(weights) & (weights >= 0.0)).all():  # a sum of weights may be 0, and accuracies exceed 1
            row, column = np.argwhere(~(np.isfinite(weights) & (weights >= 0.0)))[0]
            raise BerthError(
                f"a record has an impossible weight in {FLOAT_FEATURE}",
                where=self.location(int(records[row])),
                found=f"{weights[row, column]:g}",
                expected="1.0 for a masked position, 0.0 for padding",
                fix="Make the records again with `berth records`.",
            )
        mask = features["input_mask"]
        if (mask[:, 1:] > mask[:, :-1]).any():  # fused attention knows only the number of tokens
            row = int((mask[:, 1:] > mask[:, :-1]).any(axis=1).argmax())
            raise BerthError(
                "a record has padding before a token",
                where=self.location(int(records[row])),
                expected="input_mask of ones, then zeros",
                fix="Make the records again with `berth records`.",
            )


def _index(file: InputFile) -> RecordFile:
    """Map or read a file and find its records."""
    data = _open(file.uri)
    # The average record has hundreds of bytes; if the guess is too small, the scan says how many there are.
    room = file.records if file.records is not None else len(data) // 256
    while True:
        starts, lengths = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
        count, status, place = examples.scan_frames(data, starts, lengths)
        if status != examples.OK:
            raise BerthError(
                WHAT_IS_WRONG[status],
                where=f"{file.uri}, record {count} at byte {place}",
                fix="Make the records again with `berth records`.",
            )
        if count <= room:
            return RecordFile(file.uri, data, starts[:count], lengths[:count])
        room = count


def _open(uri: str) -> np.ndarray:
    if storage.is_cloud(uri):  # each opening is a request: the object is fetched at once
        content = storage.read_bytes(uri)
        return np.frombuffer(_decompressed(content, uri) if content.startswith(GZIP_MAGIC) else content, dtype=np.uint8)
    if storage.size(uri) == 0:
        return np.empty(0, dtype=np.uint8)
    with storage.open_read(uri) as stream:
        magic = stream.read(len(GZIP_MAGIC))
    if magic == GZIP_MAGIC:
        return np.frombuffer(_decompressed(storage.read_bytes(uri), uri), dtype=np.uint8)
    return np.memmap(storage.local_path(uri), dtype=np.uint8, mode="r")


def _decompressed(content: bytes, uri: str) -> bytes:
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise BerthError("the compressed file is damaged", where=uri, found=str(error)) from error


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
        Features of shape [accumulation, local batch, …], and the places of these examples in the global batch
        (int64 [accumulation, local batch]).
    """
    phase = update.phase
    places = np.arange(phase.batch_size).reshape(phase.accumulation, share.processes, -1)[:, share.process]
    numbers = permute(update.position + places.ravel(), records.count, seed)
    features = records.read(numbers)
    return {name: values.reshape(*places.shape, -1) for name, values in features.items()}, places


def evaluation_batches(records: RecordSet, batch_size: int, share: Share = Share()) -> Iterator[tuple[Features, int]]:
    """All records once, in order, in batches of one size: the last is filled up with records that must not count.

    Args:
        records: The records.
        batch_size: Of the global batch, a multiple of the processes.
        share: This process gets a contiguous part of every batch.

    Yields:
        Features of shape [local batch, …] with `masked_lm_weights` zero in the filling, and how many examples count.
    """
    local = batch_size // share.processes
    for start in range(share.process * local, records.count + share.process * local, batch_size):
        real = max(0, min(local, records.count - start))
        features = records.read(np.minimum(np.arange(start, start + local), records.count - 1))
        features[FLOAT_FEATURE][real:] = 0.0
        yield features, real


Item = TypeVar("Item")


def prefetch(make: Callable[[int], Item], numbers: Sequence[int], depth: int = 4) -> Generator[Item, None, None]:
    """The results of ``make(number)`` in order, made ahead of their use by another thread."""
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
