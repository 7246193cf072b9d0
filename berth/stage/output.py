"""The output directory of a running stage: shards are written atomically, with receipts, so that work can resume."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from berth import storage
from berth.stage.manifest import ManifestFile

# Names that begin with a dot are never part of the result. Receipts are removed when the manifest is written.
RECEIPTS = ".receipts"
# Temporary files of remote runners while their jobs run.
TEMPORARY = ".temporary"


@dataclass
class ShardWriter:
    """A binary file being written, with its running SHA-256 and the shard's counters.

    It has the methods that pyarrow needs of a file object.
    """

    file: BinaryIO
    records: int = 0
    counters: Counter[str] = field(default_factory=Counter)
    size: int = 0
    closed: bool = False

    def __post_init__(self) -> None:
        self._digest = hashlib.sha256()

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append bytes."""
        self._digest.update(data)
        self.file.write(data)
        length = len(memoryview(data).cast("B")) if not isinstance(data, bytes | bytearray) else len(data)
        self.size += length
        return length

    def tell(self) -> int:
        """Bytes written so far."""
        return self.size

    def flush(self) -> None:
        """Flush the file's buffer."""
        self.file.flush()

    def writable(self) -> bool:
        """Always true."""
        return True

    def readable(self) -> bool:
        """Always false."""
        return False

    def seekable(self) -> bool:
        """Always false: the content is hashed as it is written."""
        return False

    def close(self) -> None:
        """Do nothing: :meth:`Output.shard` closes and renames the file."""

    def sha256(self) -> str:
        """SHA-256 of everything written."""
        return self._digest.hexdigest()


@dataclass(frozen=True)
class Receipt:
    """Proof that one shard is complete: its entry for the manifest, and its counters."""

    file: ManifestFile
    counters: dict[str, int]


@dataclass(frozen=True)
class Output:
    """The output directory of a running stage. It holds only the URI, so that it can be sent to Beam workers."""

    uri: str

    def path(self, name: str) -> str:
        """The URI of a file of the output."""
        return storage.join(self.uri, name)

    def is_complete(self, name: str) -> bool:
        """Whether this shard is complete, from this run or from an earlier one that was interrupted."""
        return storage.exists(self._receipt(name)) and storage.exists(self.path(name))

    def complete(self) -> set[str]:
        """Names of all shards that have a receipt, with a single listing of the directory."""
        return {name.removesuffix(".json") for name in storage.names_below(self.path(RECEIPTS))}

    @contextlib.contextmanager
    def shard(self, name: str) -> Iterator[ShardWriter]:
        """Write one shard. If the block succeeds, the shard is renamed to its name, then its receipt is written."""
        with storage.atomic_write(self.path(name)) as file:
            writer = ShardWriter(file)
            yield writer
        entry = ManifestFile(path=name, size=writer.size, sha256=writer.sha256(), records=writer.records)
        receipt = {"file": entry.model_dump(), "counters": dict(sorted(writer.counters.items()))}
        _write_json(self._receipt(name), receipt)

    def receipts(self) -> list[Receipt]:
        """The receipts of all complete shards, sorted by name."""
        found = map(json.loads, storage.read_all(storage.glob(storage.Pattern(self.path(RECEIPTS), "**"))))
        receipts = [Receipt(ManifestFile(**content["file"]), content["counters"]) for content in found]
        return sorted(receipts, key=lambda receipt: receipt.file.path)

    def counters(self) -> dict[str, int]:
        """The sum of all shards' counters."""
        total: Counter[str] = Counter()
        for receipt in self.receipts():
            total.update(receipt.counters)
        return dict(sorted(total.items()))

    def _receipt(self, name: str) -> str:
        return storage.join(self.uri, RECEIPTS, f"{name}.json")


def _write_json(uri: str, content: object) -> None:
    with storage.atomic_write(uri) as file:
        file.write(json.dumps(content, sort_keys=True).encode())
