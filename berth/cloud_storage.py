"""Objects in Google Cloud Storage, by URI. The client honours STORAGE_EMULATOR_HOST."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, BinaryIO, cast

from berth.errors import BerthError

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Client

SCHEME = "gs://"


@functools.cache
def _client() -> Client:
    from google.auth.exceptions import DefaultCredentialsError
    from google.cloud import storage

    try:
        return storage.Client()
    except (DefaultCredentialsError, OSError) as error:
        raise BerthError(
            "no credentials for Google Cloud Storage",
            found=str(error).split("\n")[0],
            fix="Run `gcloud auth application-default login`, or point GOOGLE_APPLICATION_CREDENTIALS at a key file.",
        ) from error


def _split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix(SCHEME).partition("/")
    return bucket, key


def _blob(uri: str) -> Blob:
    bucket, key = _split(uri)
    return _client().bucket(bucket).blob(key)


def exists(uri: str) -> bool:
    """Whether an object stands at ``uri``."""
    return bool(_blob(uri).exists())


def size(uri: str) -> int:
    """Size of an object in bytes."""
    blob = _existing(uri)
    return int(blob.size or 0)


def open_read(uri: str) -> BinaryIO:
    """Open an object for reading. Raises BerthError if there is none."""
    return cast(BinaryIO, _existing(uri).open("rb"))


def upload(local: str, uri: str) -> None:
    """Upload a local file; the object appears when it is complete, its CRC32C checked by the server."""
    _blob(uri).upload_from_filename(local, checksum="crc32c")


def glob(pattern: str) -> list[str]:
    """URIs of the objects that match a pattern (``*`` stays within a directory, ``**`` crosses them)."""
    bucket, key = _split(pattern)
    if not any(character in key for character in "*?["):
        return [pattern] if exists(pattern) else []
    return [f"{SCHEME}{bucket}/{blob.name}" for blob in _client().list_blobs(bucket, match_glob=key)]


def delete(uri: str) -> None:
    """Delete an object and all objects below ``uri/``."""
    bucket, key = _split(uri)
    for blob in _client().list_blobs(bucket, prefix=key):
        if blob.name == key or blob.name.startswith(key.rstrip("/") + "/"):
            blob.delete()


def _existing(uri: str) -> Blob:
    bucket, key = _split(uri)
    blob = _client().bucket(bucket).get_blob(key)
    if blob is None:
        raise BerthError("there is no such object", where=uri, fix="Check the bucket's name and the path.")
    return blob
