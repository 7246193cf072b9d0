"""A bucket of Cloud Storage in memory, with the interface of the real client and with faults that a seed decides.

It takes the place of `google.cloud.storage.Client`, the lowest seam below `berth.storage`: retries, explanations of
errors, ranges and listings are Berth's own. Errors are those that the real client raises, within its `retry`.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Protocol, TypeVar

import google_crc32c
import requests  # type: ignore[import-untyped]
from google.api_core import exceptions as api
from google.cloud.storage.exceptions import InvalidResponse

Result = TypeVar("Result")
Retry = Callable[[Callable[..., Any]], Callable[..., Any]]


class Faults(Protocol):
    """Decides what goes wrong. ``kind`` is get, list, download, upload, delete or rewrite; ``key`` the object's."""

    def before(self, client: SimulatedClient, kind: str, key: str, carry_out: Callable[[], object]) -> None:
        """Called before the service carries out a request; raises the error of one that does not reach it (in time)."""

    def after(self, client: SimulatedClient, kind: str, key: str) -> None:
        """Called when a request was carried out; raises the error of one whose answer is lost."""

    def is_torn(self, client: SimulatedClient, kind: str, key: str) -> bool:
        """Whether only the first half of an upload's content arrives."""

    def unseen(self, client: SimulatedClient, store: Store) -> set[str]:
        """Keys whose newest change a listing does not show: changes by others."""


@dataclass(frozen=True)
class Stored:
    """The content of an object, and the number of this version."""

    content: bytes
    generation: int


@dataclass
class Store:
    """What the service holds.

    Attributes:
        objects: By key.
        clock: The service's clock; generations are times, but never the same twice.
        before: What each key held before its newest change; None if there was nothing.
        changed: Who made each key's newest change, in the order of these changes.
        versions: All contents that the objects of some names have had, by key.
        recorded: Those names.
    """

    objects: dict[str, Stored] = field(default_factory=dict)
    clock: int = 1_000_000
    before: dict[str, Stored | None] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)
    versions: dict[str, list[bytes]] = field(default_factory=dict)
    recorded: tuple[str, ...] = ()
    _given: set[int] = field(default_factory=set)

    def put(self, key: str, content: bytes, by: str = "") -> int:
        """Store an object; returns its generation."""
        self.clock += 1
        generation = next(each for each in itertools.count(self.clock) if each not in self._given)
        self._given.add(generation)
        self._note(key, by)
        self.objects[key] = Stored(content, generation)
        if key.endswith(self.recorded):
            self.versions.setdefault(key, []).append(content)
        return generation

    def remove(self, key: str, by: str) -> None:
        """Delete an object."""
        self._note(key, by)
        del self.objects[key]

    def _note(self, key: str, by: str) -> None:
        self.before[key] = self.objects.get(key)
        self.changed.pop(key, None)
        self.changed[key] = by


class SimulatedClient:
    """A client of one process.

    Args:
        store: What the service holds.
        faults: What goes wrong.
        name: Of the process.
    """

    def __init__(self, store: Store, faults: Faults, name: str = "process") -> None:
        self.store, self.faults, self.name = store, faults, name

    def bucket(self, name: str) -> SimulatedBucket:
        """A bucket."""
        return SimulatedBucket(self, name)

    def list_blobs(
        self,
        bucket: str,
        prefix: str = "",
        delimiter: str | None = None,
        max_results: int | None = None,
        retry: Retry | None = None,
    ) -> Iterator[SimulatedBlob]:
        """The objects whose keys begin with ``prefix``, in order; with a delimiter, only those directly below it."""
        found = self.request("list", prefix, lambda: self._listing(prefix), retry)
        inside = self.bucket(bucket)
        shown = 0
        for key, stored in found:
            if delimiter is None or delimiter not in key[len(prefix) :]:
                yield SimulatedBlob(inside, key, stored)
                shown += 1
                if shown == max_results:
                    return

    def _listing(self, prefix: str) -> list[tuple[str, Stored]]:
        objects: dict[str, Stored] = dict(self.store.objects)
        for key in self.faults.unseen(self, self.store):
            if (old := self.store.before.get(key)) is not None:
                objects[key] = old
            else:
                objects.pop(key, None)
        return sorted((key, stored) for key, stored in objects.items() if key.startswith(prefix))

    def request(self, kind: str, key: str, carry_out: Callable[[], Result], retry: Retry | None) -> Result:
        """One request, with its repetitions."""

        def attempt() -> Result:
            self.faults.before(self, kind, key, carry_out)
            result = carry_out()
            self.faults.after(self, kind, key)
            return result

        result: Result = (retry(attempt) if retry is not None else attempt)()
        return result


@dataclass(frozen=True)
class SimulatedBucket:
    """A bucket."""

    client: SimulatedClient
    name: str

    def blob(self, key: str) -> SimulatedBlob:
        """An object that may not exist."""
        return SimulatedBlob(self, key)


class SimulatedBlob:
    """An object, as the client sees it.

    Args:
        bucket: Its bucket.
        name: Its key.
        known: Its version when its metadata was last loaded; None if it never was.
    """

    def __init__(self, bucket: SimulatedBucket, name: str, known: Stored | None = None) -> None:
        self.bucket, self.name, self._known = bucket, name, known

    @property
    def generation(self) -> int | None:
        """The number of its version."""
        return self._known.generation if self._known is not None else None

    @property
    def size(self) -> int | None:
        """In bytes."""
        return len(self._known.content) if self._known is not None else None

    @property
    def crc32c(self) -> str | None:
        """The checksum, as the service writes it."""
        return checksum_of(self._known.content) if self._known is not None else None

    def reload(self, retry: Retry | None = None) -> None:
        """Load the metadata. Raises NotFound."""
        self._known = self._client.request("get", self.name, self._existing, retry)

    def upload_from_filename(
        self, path: str, checksum: str | None = None, if_generation_match: int | None = None, retry: Retry | None = None
    ) -> None:
        """Upload a file; 0 as ``if_generation_match`` means that there must be no object yet."""
        with open(path, "rb") as file:
            self.upload_from_string(file.read(), checksum, if_generation_match, retry)

    def upload_from_string(
        self,
        content: bytes,
        checksum: str | None = None,
        if_generation_match: int | None = None,
        retry: Retry | None = None,
    ) -> None:
        """Upload a content, as :meth:`upload_from_filename` does."""

        def carry_out() -> Stored:
            self._check_generation(if_generation_match)
            whole = content
            if self._client.faults.is_torn(self._client, "upload", self.name):
                whole = content[: len(content) // 2]
            if checksum is not None and whole != content:
                raise invalid_response(400, "Provided CRC32C does not match")
            return Stored(whole, self._store.put(self.name, whole, self._client.name))

        try:
            self._known = self._client.request("upload", self.name, carry_out, retry)
        except InvalidResponse as error:  # as the real client: after the repetitions
            raise api.from_http_status(error.response.status_code, str(error)) from error

    def download_as_bytes(
        self,
        start: int = 0,
        end: int | None = None,
        raw_download: bool = False,
        checksum: str | None = None,
        retry: Retry | None = None,
    ) -> bytes:
        """Bytes from ``start`` to ``end``, which is included, of the version whose metadata was loaded."""

        def carry_out() -> bytes:
            stored = self._existing()
            if self._known is not None and stored.generation != self._known.generation:
                raise api.NotFound(f"No such object: {self.bucket.name}/{self.name}")  # that version is gone
            return stored.content[start : None if end is None else end + 1]

        return self._client.request("download", self.name, carry_out, retry)

    def delete(self, if_generation_match: int | None = None, retry: Retry | None = None) -> None:
        """Delete the object. Raises NotFound, or PreconditionFailed if it has another generation."""

        def carry_out() -> None:
            self._existing()
            self._check_generation(if_generation_match)
            self._store.remove(self.name, self._client.name)

        self._client.request("delete", self.name, carry_out, retry)

    @property
    def _client(self) -> SimulatedClient:
        return self.bucket.client

    @property
    def _store(self) -> Store:
        return self._client.store

    def _existing(self) -> Stored:
        stored = self._store.objects.get(self.name)
        if stored is None:
            raise api.NotFound(f"No such object: {self.bucket.name}/{self.name}")
        return stored

    def _check_generation(self, wanted: int | None) -> None:
        stored = self._store.objects.get(self.name)
        if wanted is not None and wanted != (stored.generation if stored is not None else 0):
            raise api.PreconditionFailed("At least one of the pre-conditions you specified did not hold.")


def checksum_of(content: bytes) -> str:
    """The CRC32C of a content, as the service writes it."""
    return base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()


def invalid_response(status: int, message: str) -> InvalidResponse:
    """What the client's transfers raise for an HTTP status."""
    return InvalidResponse(SimpleNamespace(status_code=status), message)


def unavailable(kind: str, status: int, message: str = "the service is unavailable") -> Exception:
    """The error that the client raises for a status: transfers have a type of their own."""
    is_transfer = kind in ("upload", "download")
    error: Exception = invalid_response(status, message) if is_transfer else api.from_http_status(status, message)
    return error


def lost_connection() -> Exception:
    """The error of a connection that ends before the answer."""
    error: Exception = requests.ConnectionError("the connection was closed")
    return error


def timed_out() -> Exception:
    """The error of a request that takes too long."""
    error: Exception = requests.Timeout("read timed out")
    return error
