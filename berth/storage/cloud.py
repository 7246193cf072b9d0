"""Objects in Google Cloud Storage, by URI. The client honours STORAGE_EMULATOR_HOST."""

from __future__ import annotations

import contextlib
import functools
import io
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO

from berth.errors import UsageError
from berth.storage import cloud_upload
from berth.storage.cloud_credentials import check_credentials
from berth.storage.cloud_errors import explained, is_missing_bucket, missing, retry
from berth.storage.patterns import ANY_DIRECTORIES, Pattern, matches
from berth.storage.uris import CLOUD_SCHEME

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Client

BUFFER_BYTES = 1 << 16
CONCURRENT_REQUESTS = 8  # the client keeps ten connections
# https://cloud.google.com/storage/docs/buckets#naming
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


@functools.cache
def client() -> Client:
    """The client of this process.

    Raises:
        BerthError: if there are no credentials.
    """
    check_credentials()
    from google.cloud import storage

    with explained(CLOUD_SCHEME):
        return storage.Client()


def split(uri: str) -> tuple[str, str]:
    """Bucket and key of a URI. Raises UsageError if the bucket's name or the key is invalid."""
    bucket, _, key = uri.removeprefix(CLOUD_SCHEME).partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise UsageError("this is not a valid bucket name", where=uri, found=bucket, expected="gs://BUCKET/PATH")
    # https://cloud.google.com/storage/docs/objects#naming
    if "\n" in key or "\r" in key:
        raise UsageError("names in Cloud Storage cannot hold line breaks", where=uri, fix="Choose another name.")
    return bucket, key


def blob(uri: str) -> Blob:
    """The client's object for a URI; sends no request."""
    bucket, key = split(uri)
    return client().bucket(bucket).blob(key)


def uri_of(blob: Blob) -> str:
    """The URI of an object."""
    return f"{CLOUD_SCHEME}{blob.bucket.name}/{blob.name}"


def exists(uri: str) -> bool:
    """Whether there is an object at ``uri``."""
    return _find(uri) is not None


def is_directory(uri: str) -> bool:
    """Whether there are objects below ``uri/``."""
    bucket, key = split(uri)
    prefix = f"{key.rstrip('/')}/" if key else ""
    with explained(uri, of_bucket=True):
        return any(client().list_blobs(bucket, prefix=prefix, max_results=1, retry=retry()))


def size(uri: str) -> int | None:
    """Size of an object in bytes; None if there is none."""
    found = _find(uri)
    return int(found.size or 0) if found is not None else None


def generation(uri: str) -> int | None:
    """The generation of an object, the number of its current version; None if there is none."""
    found = _find(uri)
    return int(found.generation or 0) if found is not None else None


def open_read(uri: str) -> BinaryIO:
    """Open an object for reading. Raises BerthError if it does not exist."""
    from berth.storage.cloud_reader import ObjectReader

    return io.BufferedReader(ObjectReader(_existing(uri), uri), BUFFER_BYTES)


def upload(local: str, uri: str) -> None:
    """Upload a local file; the object appears when it is complete, its CRC32C checked. Raises BerthError."""
    cloud_upload.upload(local, blob(uri), uri)


def replace(content: bytes, uri: str, generation: int) -> int | None:
    """Write an object if its generation is the given one, 0 if there must be none; returns its new generation.

    None if it has another one. That may also be after a lost answer: then what is there is this content.
    """
    from google.api_core.exceptions import PreconditionFailed

    written = blob(uri)
    with explained(uri, of_bucket=True):
        try:
            written.upload_from_string(content, checksum="crc32c", if_generation_match=generation, retry=retry())
        except PreconditionFailed:
            return None
    return int(written.generation or 0)


def read_version(uri: str) -> tuple[bytes, int] | None:
    """The content of a small object and its generation; None if there is none."""
    from google.api_core.exceptions import NotFound

    while (found := _find(uri)) is not None:
        generation = int(found.generation or 0)  # which the request names
        with explained(uri), contextlib.suppress(NotFound):  # replaced or deleted meanwhile
            return found.download_as_bytes(raw_download=True, checksum=None, retry=retry()), generation
    return None


def delete_version(uri: str, generation: int) -> None:
    """Delete an object if its generation is the given one."""
    written = blob(uri)
    with explained(uri):
        _delete(written, generation)


def names(pattern: Pattern) -> list[str]:
    """Paths, below the pattern's directory, of the objects that match.

    They are compared here: the service's own patterns (``matchGlob``) have more special characters, and apply to the
    directory too.
    """
    bucket, key = split(pattern.directory)
    start = f"{key.rstrip('/')}/" if key else ""
    delimiter = "/" if len(pattern.parts) == 1 and pattern.parts[0] != ANY_DIRECTORIES else None
    with explained(pattern.directory, of_bucket=True):
        found = client().list_blobs(bucket, prefix=start + pattern.fixed, delimiter=delimiter, retry=retry())
        below = [blob.name[len(start) :] for blob in found]
    # Consoles make an object "NAME/" to show an empty directory.
    return [name for name in below if not name.endswith("/") and matches(pattern.parts, name.split("/"))]


def delete(uri: str) -> None:
    """Delete an object and all objects below ``uri/``."""
    bucket, key = split(uri)
    below = key.rstrip("/") + "/"
    with explained(uri, of_bucket=True), ThreadPoolExecutor(CONCURRENT_REQUESTS) as executor:
        found = client().list_blobs(bucket, prefix=key, retry=retry())
        wanted = (blob for blob in found if blob.name == key or blob.name.startswith(below))
        list(executor.map(lambda blob: _delete(blob, blob.generation), wanted))


def _delete(blob: Blob, generation: int | None) -> None:
    from google.api_core.exceptions import NotFound, PreconditionFailed

    # Deleted by another process, or by an attempt whose response was lost; or replaced meanwhile: the request of a
    # process that was killed may arrive late, and must not delete what was written after it.
    with contextlib.suppress(NotFound, PreconditionFailed):
        blob.delete(if_generation_match=generation, retry=retry())


def _find(uri: str) -> Blob | None:
    """The object with its metadata, or None. Raises BerthError if there is no such bucket."""
    from google.api_core.exceptions import NotFound

    if not split(uri)[1]:  # the bucket itself
        return None
    found = blob(uri)
    with explained(uri):
        try:
            found.reload(retry=retry())
        except NotFound as error:
            if is_missing_bucket(str(error.message)):
                raise
            return None
    return found


def _existing(uri: str) -> Blob:
    found = _find(uri)
    if found is None:
        raise missing(uri)
    return found
