"""Copy files to, from and within Cloud Storage: in parallel, verified by CRC32C, resumed after a kill."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from berth import storage
from berth.errors import UsageError
from berth.progress import Progress
from berth.stage.manifest import NAME as MANIFEST
from berth.stage.transfer_files import File, find, is_there, objects
from berth.storage import cloud as cloud_storage
from berth.storage import local
from berth.storage.cloud_errors import damaged, explained, retry
from berth.storage.cloud_upload import crc32c, upload_parts
from berth.storage.local_errors import explained_reading

WORKERS = 8
# The files of a batch are copied in parallel, with progress after each batch. Larger files are copied in chunks.
BATCH_FILES, BATCH_BYTES = 64, 1 << 28
CHUNK_BYTES = 1 << 25


@dataclass(frozen=True)
class SyncResult:
    """The copies that were made, and the number of files that existed already."""

    copied: tuple[File, ...]
    skipped: int


def sync(source: str, destination: str) -> SyncResult:
    """Copy a directory, a file, or the files that match a pattern, to, from or within Cloud Storage.

    A file that exists at the destination with the same size and CRC32C is not copied again, so a copy that was killed
    continues. Manifests are copied last, so that no unfinished copy looks finished. Objects appear when they are
    complete; local files are written under a temporary name, verified, and renamed. Files that only matter to a
    running process (a stage's lock or lease, files that end in ``.tmp``) and links to directories within the copied one
    are omitted. Nothing is deleted.

    Args:
        source: Directory, file or pattern. A file's name is its path below the directory, or below the fixed part of
            the pattern.
        destination: Directory; for a single file also its new name, unless it is a directory or ends with ``/``.

    Raises:
        UsageError: if nothing matches, source and destination are both local, or a name is not valid at the
            destination.
        BerthError: if Cloud Storage refuses or remains unavailable, or a copy differs from its source.
    """
    if not storage.is_cloud(source) and not storage.is_cloud(destination):
        raise UsageError(
            "source and destination are both local",
            where=source,
            found=f"the destination {destination}",
            expected="at least one gs:// URI",
        )
    files = find(source, destination)
    there = objects(destination) if storage.is_cloud(destination) else {}
    copied = []
    with Progress("sync", sum(file.size for file in files), unit="B") as progress:
        for file in files:
            if is_there(file, there):
                progress.update(file.size)
            else:
                copied.append(file)
        # Sorting is stable: manifests after all other files.
        copied.sort(key=_is_manifest)
        for batch in _batches(copied):
            _copy(batch)
            progress.update(sum(file.size for file in batch))
    return SyncResult(tuple(copied), len(files) - len(copied))


def _is_manifest(file: File) -> bool:
    return storage.basename(file.destination) == MANIFEST


def _batches(files: Iterable[File]) -> Iterator[list[File]]:
    """Files in batches, in order. A file that is copied in chunks is alone; manifests are separate from other files."""
    batch: list[File] = []
    for file in files:
        is_other = bool(batch) and _is_manifest(file) != _is_manifest(batch[-1])
        if batch and (is_other or len(batch) == BATCH_FILES or sum(f.size for f in batch) + file.size > BATCH_BYTES):
            yield batch
            batch = []
        batch.append(file)
    if batch:
        yield batch


def _copy(batch: Sequence[File]) -> None:
    """Copy files whose sources are all local or all in Cloud Storage, and likewise their destinations."""
    if not storage.is_cloud(batch[0].source):
        _upload(batch)
    elif not storage.is_cloud(batch[0].destination):
        _download(batch)
    else:
        with ThreadPoolExecutor(WORKERS) as executor:
            list(executor.map(_rewrite, batch))


def _upload(batch: Sequence[File]) -> None:
    from google.cloud.storage import transfer_manager

    blobs = [cloud_storage.blob(file.destination) for file in batch]
    if batch[0].size > BATCH_BYTES:
        upload_parts(batch[0].source, blobs[0], batch[0].destination, CHUNK_BYTES)
    else:
        results = transfer_manager.upload_many(
            [(file.source, blob) for file, blob in zip(batch, blobs, strict=True)],
            upload_kwargs={"checksum": "crc32c", "retry": retry()},
            worker_type=transfer_manager.THREAD,
            max_workers=WORKERS,
        )
        for result, file in zip(results, batch, strict=True):
            with explained_reading(file.source), explained(file.destination, of_bucket=True):
                _raise_if_error(result)
    for file, blob in zip(batch, blobs, strict=True):
        if blob.crc32c != file.checksum():
            storage.delete(file.destination)
            raise damaged(file.destination)


def _download(batch: Sequence[File]) -> None:
    """Download under temporary names, verify, rename."""
    from google.cloud.storage import transfer_manager

    blobs = [cloud_storage.blob(file.source) for file in batch]
    with contextlib.ExitStack() as stack:
        temporary = [stack.enter_context(_temporary_file(file.destination)) for file in batch]
        if batch[0].size > BATCH_BYTES:
            with storage.explained(batch[0].destination), explained(batch[0].source):
                transfer_manager.download_chunks_concurrently(
                    blobs[0],
                    temporary[0],
                    chunk_size=CHUNK_BYTES,
                    download_kwargs={"raw_download": True, "retry": retry()},
                    worker_type=transfer_manager.THREAD,
                    max_workers=WORKERS,
                )
        else:
            results = transfer_manager.download_many(
                list(zip(blobs, temporary, strict=True)),
                download_kwargs={"raw_download": True, "checksum": "crc32c", "retry": retry()},
                worker_type=transfer_manager.THREAD,
                max_workers=WORKERS,
            )
            for result, file in zip(results, batch, strict=True):
                with storage.explained(file.destination), explained(file.source):
                    _raise_if_error(result)
        for file, name in zip(batch, temporary, strict=True):
            if crc32c(name) != file.crc32c:
                raise damaged(file.destination)
            local.publish(name, storage.local_path(file.destination), file.destination)


@contextlib.contextmanager
def _temporary_file(uri: str) -> Iterator[str]:
    """The path of a new file beside a local one; deleted unless it is renamed."""
    path = storage.local_path(uri)
    local.make_directory(path.parent, uri)
    with local.temporary_file(path, uri) as (name, handle):
        os.close(handle)
        yield name


def _rewrite(file: File) -> None:
    """Copy within Cloud Storage, without downloading."""
    source, target = cloud_storage.blob(file.source), cloud_storage.blob(file.destination)
    with explained(file.source):
        token, _, _ = target.rewrite(source, retry=retry())
        while token is not None:
            token, _, _ = target.rewrite(source, token=token, retry=retry())
    if target.crc32c != file.crc32c:
        raise damaged(file.destination)


def _raise_if_error(result: object) -> None:
    """Raise what a transfer returned if it is an error."""
    if isinstance(result, Exception):
        raise result
