"""Uploads to Cloud Storage: small files in one request, large ones in parts that are sent in parallel."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

from berth.storage.cloud_errors import damaged, explained, retry
from berth.storage.local import open_read
from berth.storage.local_errors import explained_reading
from berth.storage.uris import local_path

if TYPE_CHECKING:
    from google.cloud.storage import Blob

# Files above this size are sent in parts. One connection carries some 50 to 100 MB/s, several carry more.
LARGE_BYTES, PART_BYTES = 1 << 28, 1 << 25
WORKERS = 8
HASH_BYTES = 1 << 22


def upload(local: str, blob: Blob, uri: str) -> None:
    """Upload a local file; the object appears when it is complete, its CRC32C checked.

    Raises:
        BerthError: if Cloud Storage refuses or remains unavailable, or the object differs from the file. What was there
            before is still there then, except in the last case: then there is nothing.
    """
    if os.path.getsize(local) <= LARGE_BYTES:
        with explained(uri, of_bucket=True):
            blob.upload_from_filename(local, checksum="crc32c", retry=retry())
        return
    upload_parts(local, blob, uri, PART_BYTES)
    # Only the parts were checked by the service.
    if blob.crc32c != crc32c(local):
        with explained(uri):
            blob.delete(if_generation_match=blob.generation, retry=retry())
        raise damaged(uri)


def upload_parts(local: str, blob: Blob, uri: str, part_bytes: int) -> None:
    """Upload a file in parts, each checked and repeated on its own; then load the object's metadata.

    A part that fails for good cancels the upload. A process that is killed leaves its parts in the bucket, invisible: a
    lifecycle rule (AbortIncompleteMultipartUpload) removes them.

    Raises:
        BerthError: if Cloud Storage refuses or remains unavailable.
    """
    from google.cloud.storage import transfer_manager

    with explained_reading(local), explained(uri, of_bucket=True):
        transfer_manager.upload_chunks_concurrently(
            local,
            blob,
            chunk_size=part_bytes,
            worker_type=transfer_manager.THREAD,
            max_workers=WORKERS,
            checksum="crc32c",
            retry=retry(),
        )
        blob.reload(retry=retry())


def crc32c(path: str) -> str:
    """The CRC32C of a local file, as Cloud Storage writes it."""
    import google_crc32c

    checksum = google_crc32c.Checksum()  # type: ignore[no-untyped-call]
    with open_read(local_path(path), path) as file:
        while chunk := file.read(HASH_BYTES):
            checksum.update(chunk)  # type: ignore[no-untyped-call]
    return base64.b64encode(checksum.digest()).decode()  # type: ignore[no-untyped-call]
