"""The output directory of a running stage: shards are written atomically, with receipts, so that work can resume."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, ValidationError

from berth import storage
from berth.errors import BerthError
from berth.stage.lease import Lease
from berth.stage.manifest import ManifestFile, sha256_of
from berth.stage.unchanged import holds

log = logging.getLogger("berth.stage")

# Names that begin with a dot are never part of the result. Receipts are removed when the manifest is written.
RECEIPTS = ".receipts"
# Temporary files of remote runners while their jobs run.
TEMPORARY = ".temporary"
# Where the receipts that are written in a context are counted.
_counted: ContextVar[Counter[str] | None] = ContextVar("_counted", default=None)


@dataclass
class ShardWriter:
    """A binary file being written, with its running SHA-256 and the shard's counters.

    It has the methods that pyarrow needs of a file object. ``is_counted``: whether the manifest gets the records.
    """

    file: BinaryIO
    records: int = 0
    counters: Counter[str] = field(default_factory=Counter)
    size: int = 0
    closed: bool = False
    is_counted: bool = True

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


class Receipt(BaseModel):
    """Proof that one shard is complete: its entry for the manifest, its counters, and its revision in storage.

    ``seal`` is the SHA-256 of the rest: a receipt that was damaged proves nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: ManifestFile
    counters: dict[str, int]
    revision: str
    seal: str = ""

    def sealed(self) -> Receipt:
        """The receipt with its seal."""
        return self.model_copy(update={"seal": sha256_of(self.model_dump(mode="json", exclude={"seal"}))})

    @classmethod
    def read(cls, content: bytes) -> Receipt | None:
        """The receipt in a file; None if it is damaged."""
        try:
            receipt = cls.model_validate_json(content)
        except ValidationError:
            return None
        return receipt if receipt == receipt.sealed() else None


@dataclass(frozen=True)
class Output:
    """The output directory of a running stage. Workers get copies that hold only the URI.

    ``lease`` is the launcher's in a bucket. ``named`` are the shards that this process has found, asked for or written:
    a listing may not show yet what workers elsewhere wrote a moment ago (a bucket that is mounted as a directory), so
    their receipts are asked for by name. Of a result none of them can be a part without its receipt, which holds its
    counters.
    """

    uri: str
    lease: Lease | None = field(default=None, compare=False, repr=False)
    named: set[str] = field(default_factory=set, compare=False, repr=False)

    def __reduce__(self) -> tuple[type[Output], tuple[str]]:
        return Output, (self.uri,)

    def path(self, name: str) -> str:
        """The URI of a file of the output."""
        return storage.join(self.uri, name)

    def check_lease(self) -> None:
        """Raise a BerthError if another launcher has taken over this directory, so that this one stops early."""
        if self.lease is not None:
            self.lease.check()

    def is_complete(self, name: str) -> bool:
        """Whether this shard is complete, from this run or from an earlier one that was interrupted."""
        self.named.add(name)
        return storage.exists(self._receipt(name)) and storage.exists(self.path(name))

    def complete(self) -> set[str]:
        """Names of all shards that have a receipt, with a single listing of the directory."""
        return {name.removesuffix(".json") for name in storage.names_below(self.path(RECEIPTS))}

    @contextlib.contextmanager
    def shard(self, name: str) -> Iterator[ShardWriter]:
        """Write one shard. If the block succeeds, the shard is renamed to its name, then its receipt is written.

        Raises:
            BerthError: as :meth:`check_lease`, or if the file cannot be written.
        """
        self.check_lease()
        with storage.atomic_write(self.path(name)) as file:
            writer = ShardWriter(file)
            yield writer
        records = writer.records if writer.is_counted else None
        entry = ManifestFile(path=name, size=writer.size, sha256=writer.sha256(), records=records)
        counters = dict(sorted(writer.counters.items()))
        receipt = Receipt(file=entry, counters=counters, revision=storage.revision(self.path(name))).sealed()
        _write_json(self._receipt(name), receipt.model_dump(mode="json"))
        self.named.add(name)
        _count(receipt)

    def accept(self, name: str) -> bool:
        """Whether a shard that this worker was to write is complete already; then it is counted as if written now.

        A worker finds it so if an earlier attempt wrote it, whose counters the engine has dropped.
        """
        if not self.is_complete(name):
            return False
        if (receipt := self.receipt(name)) is not None:
            _count(receipt)
        return True

    def discard(self, name: str) -> None:
        """Delete a shard that is to be made again, and its receipt before it."""
        storage.delete(self._receipt(name))
        storage.delete(self.path(name))

    def receipts(self) -> list[Receipt]:
        """The receipts of all complete shards, sorted by name. Raises BerthError if one is damaged."""
        found = self._read_receipts()
        for uri, receipt in found.items():
            if receipt is None:
                raise _damaged(uri)
        receipts = {receipt.file.path: receipt for receipt in found.values() if receipt is not None}
        for name in self.named.difference(receipts):
            if (receipt := self.receipt(name)) is not None:
                receipts[name] = receipt
        return [receipt for _, receipt in sorted(receipts.items())]

    def keep_complete(self) -> int:
        """Delete receipts that are damaged or whose shards are not as they say; returns the number of the others.

        Called before the work begins: such shards are then made again. The receipt of an intermediate file that is gone
        stays: the stage had no more need of the file, but its counters belong to the result.
        """
        found = self._read_receipts()
        shards = {uri: self.path(receipt.file.path) for uri, receipt in found.items() if receipt is not None}
        now = dict(zip(shards, storage.revisions(list(shards.values())), strict=True))
        for uri, receipt in found.items():
            if receipt is not None and now[uri] is None and is_hidden(receipt.file.path):
                continue
            if receipt is None or not holds(shards[uri], receipt.file.sha256, receipt.revision, now[uri]):
                log.warning("%s is damaged, or its shard is: the shard is made again", uri)
                storage.delete(uri)
                found[uri] = None
        kept = {receipt.file.path for receipt in found.values() if receipt is not None}
        self.named.update(kept)
        return len(kept)

    def _read_receipts(self) -> dict[str, Receipt | None]:
        """All receipts by the URIs of their files; None for damaged ones."""
        uris = storage.glob(storage.Pattern(self.path(RECEIPTS), "**"))
        return dict(zip(uris, map(Receipt.read, storage.read_all(uris)), strict=True))

    def receipt(self, name: str) -> Receipt | None:
        """The receipt of one shard; None if there is none. Raises BerthError if it is damaged."""
        if not storage.exists(uri := self._receipt(name)):
            return None
        if (receipt := Receipt.read(storage.read_bytes(uri))) is None:
            raise _damaged(uri)
        return receipt

    def counters(self) -> dict[str, int]:
        """The sum of all shards' counters."""
        return sum_of_counters(self.receipts())

    def _receipt(self, name: str) -> str:
        return storage.join(self.uri, RECEIPTS, f"{name}.json")


@contextlib.contextmanager
def counting() -> Iterator[Counter[str]]:
    """Count what the receipts count that the block writes in this thread: see :func:`counted`."""
    counters: Counter[str] = Counter()
    token = _counted.set(counters)
    try:
        yield counters
    finally:
        _counted.reset(token)


def counted(receipts: Iterable[Receipt]) -> Counter[str]:
    """The counters of receipts, and as ``records`` those of the files that are part of the result."""
    total: Counter[str] = Counter()
    for receipt in receipts:
        total.update(receipt.counters)
        if not is_hidden(receipt.file.path):
            total["records"] += receipt.file.records or 0
    return total


def _count(receipt: Receipt) -> None:
    if (counters := _counted.get()) is not None:
        counters.update(counted([receipt]))


def sum_of_counters(receipts: Iterable[Receipt]) -> dict[str, int]:
    """The sum of the counters of all receipts."""
    total: Counter[str] = Counter()
    for receipt in receipts:
        total.update(receipt.counters)
    return dict(sorted(total.items()))


def _damaged(uri: str) -> BerthError:
    return BerthError(
        "the receipt of a shard is damaged", where=uri, fix="Run the same command again: the shard is made again."
    )


def is_hidden(name: str) -> bool:
    """Whether a file, by its path in the output, is not part of the result."""
    return any(part.startswith(".") for part in name.split("/"))


def is_temporary(name: str) -> bool:
    """Whether a file is one that :func:`berth.storage.atomic_write` has not finished."""
    return storage.basename(name).startswith(".") and name.endswith(".tmp")


def _write_json(uri: str, content: object) -> None:
    with storage.atomic_write(uri) as file:
        file.write(json.dumps(content, sort_keys=True).encode())
