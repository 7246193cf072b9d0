"""Copy files to, from and within Cloud Storage: in parallel, verified by CRC32C, resumed after a kill."""

from __future__ import annotations

import base64
import glob
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from berth import storage
from berth.errors import UsageError
from berth.progress import Progress
from berth.stage import LOCK
from berth.stage.manifest import NAME as MANIFEST
from berth.storage import cloud as cloud_storage
from berth.storage.cloud_errors import damaged, explained, retry

WORKERS = 8
# The files of a batch are copied in parallel, with progress after each batch. Larger files are copied in chunks.
BATCH_FILES, BATCH_BYTES = 64, 1 << 28
CHUNK_BYTES = 1 << 25
HASH_BYTES = 1 << 22


@dataclass(frozen=True)
class File:
    """A file to copy.

    Attributes:
        source: Its URI.
        destination: The copy's URI.
        size: In bytes.
        crc32c: CRC32C of an object as Cloud Storage writes it (base64, big-endian); "" for a local file.
    """

    source: str
    destination: str
    size: int
    crc32c: str

    def checksum(self) -> str:
        """The CRC32C. A local file is read for it."""
        return self.crc32c or crc32c(self.source)


@dataclass(frozen=True)
class SyncResult:
    """The copies that were made, and the number of files that existed already."""

    copied: tuple[File, ...]
    skipped: int


def sync(source: str, destination: str) -> SyncResult:
    """Copy a directory, a file, or the files that match a pattern, to, from or within Cloud Storage.

    A file that exists at the destination with the same size and CRC32C is not copied again, so a copy that was killed
    continues. Manifests are copied last, so that no unfinished copy looks finished. Objects appear when they are
    complete; local files are written under a temporary name, verified, and renamed. Files that only matter on their own
    machine (a stage's lock, files that end in ``.tmp``) and links to directories within the copied one are omitted.
    Nothing is deleted.

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
    files = _files(source, destination)
    there = _objects(destination) if storage.is_cloud(destination) else {}
    copied = []
    with Progress("sync", sum(file.size for file in files), unit="B") as progress:
        for file in files:
            if _is_there(file, there):
                progress.update(file.size)
            else:
                copied.append(file)
        # Sorting is stable: manifests after all other files.
        copied.sort(key=_is_manifest)
        for batch in _batches(copied):
            _copy(batch)
            progress.update(sum(file.size for file in batch))
    return SyncResult(tuple(copied), len(files) - len(copied))


def crc32c(path: str) -> str:
    """The CRC32C of a local file, as Cloud Storage writes it."""
    import google_crc32c

    checksum = google_crc32c.Checksum()  # type: ignore[no-untyped-call]
    with storage.open_read(path) as file:
        while chunk := file.read(HASH_BYTES):
            checksum.update(chunk)  # type: ignore[no-untyped-call]
    return base64.b64encode(checksum.digest()).decode()  # type: ignore[no-untyped-call]


def _files(source: str, destination: str) -> list[File]:
    """The files to copy, with their destinations."""
    is_directory = storage.is_directory(source)
    if not storage.is_cloud(source):
        source = str(storage.local_path(source))
    fixed = source.rstrip("/") + "/" if is_directory else re.split(r"[*?[]", source)[0]
    base = fixed[: fixed.rfind("/") + 1]
    facts = _objects(fixed) if storage.is_cloud(source) else {}
    if not is_directory:
        uris = storage.glob(source)
    elif facts:
        uris = sorted(facts)
    else:
        uris = [base + name for name in _local_names(base)]
    uris = [uri for uri in uris if not uri.endswith("/")]  # consoles make such objects to show an empty directory
    if not uris:
        raise UsageError("no file matches", where=source, fix="Check the path; put a pattern in quotes.")
    if uris == [source] and not destination.endswith("/") and not storage.is_directory(destination):
        targets = [destination]
    else:
        targets = [storage.join(destination, _checked(uri.removeprefix(base), uri)) for uri in uris]
    return [
        File(uri, target, *facts[uri]) if facts else File(uri, target, storage.size(uri), "")
        for uri, target in zip(uris, targets, strict=True)
    ]


def _local_names(directory: str) -> list[str]:
    """Names of the files below a local directory, without those of a process that is running there."""
    names = sorted(glob.glob("**", root_dir=directory, recursive=True, include_hidden=True))
    whole = os.path.realpath(directory)
    links = [name for name in names if os.path.islink(os.path.join(directory, name))]
    # What a link leads to within the directory is copied anyway, under its own name.
    inner = tuple(
        f"{name}/" for name in links if os.path.realpath(os.path.join(directory, name)).startswith(f"{whole}/")
    )
    return [
        name
        for name in names
        if os.path.isfile(os.path.join(directory, name))
        and os.path.basename(name) != LOCK
        and not _is_temporary(name)
        and not name.startswith(inner)
    ]


def _is_manifest(file: File) -> bool:
    return storage.basename(file.destination) == MANIFEST


def _is_temporary(name: str) -> bool:
    return os.path.basename(name).startswith(".") and name.endswith(".tmp")


def _checked(name: str, uri: str) -> str:
    """A file's name, if it stays below the destination. Names of objects may be anything, even `../..`."""
    if any(part in ("", ".", "..") for part in name.split("/")) or not name.isprintable():
        shown = uri.encode(errors="backslashreplace").decode()
        raise UsageError(
            "this is not a valid file name", where=shown, fix="Rename it, or copy the others by a pattern."
        )
    return name


def _objects(prefix: str) -> dict[str, tuple[int, str]]:
    """Size and CRC32C of all objects whose URIs begin with a prefix."""
    bucket, key = cloud_storage.split(prefix)
    with explained(prefix, of_bucket=True):
        found = cloud_storage.client().list_blobs(bucket, prefix=key, retry=retry())
        return {cloud_storage.uri_of(blob): (blob.size, blob.crc32c) for blob in found}


def _is_there(file: File, objects: Mapping[str, tuple[int, str]]) -> bool:
    """Whether the copy exists already."""
    if storage.is_cloud(file.destination):
        size, checksum = objects.get(file.destination, (None, ""))
        return size == file.size and checksum == file.checksum()
    path = storage.local_path(file.destination)
    return path.is_file() and path.stat().st_size == file.size and crc32c(str(path)) == file.checksum()


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
        with explained(batch[0].destination, of_bucket=True):
            transfer_manager.upload_chunks_concurrently(
                batch[0].source,
                blobs[0],
                chunk_size=CHUNK_BYTES,
                worker_type=transfer_manager.THREAD,
                max_workers=WORKERS,
                checksum="crc32c",
                retry=retry(),
            )
            blobs[0].reload(retry=retry())
    else:
        errors = transfer_manager.upload_many(
            [(file.source, blob) for file, blob in zip(batch, blobs, strict=True)],
            upload_kwargs={"checksum": "crc32c", "retry": retry()},
            worker_type=transfer_manager.THREAD,
            max_workers=WORKERS,
        )
        _raise_first(errors, [file.destination for file in batch], of_bucket=True)
    for file, blob in zip(batch, blobs, strict=True):
        if blob.crc32c != file.checksum():
            storage.delete(file.destination)
            raise damaged(file.destination)


def _download(batch: Sequence[File]) -> None:
    """Download under temporary names, verify, rename."""
    from google.cloud.storage import transfer_manager

    temporary = [storage.join(os.path.dirname(f.destination), f".{storage.basename(f.destination)}.tmp") for f in batch]
    for name in temporary:
        storage.make_directory(os.path.dirname(name) or ".")
    blobs = [cloud_storage.blob(file.source) for file in batch]
    try:
        if batch[0].size > BATCH_BYTES:
            with explained(batch[0].source), storage.explained(temporary[0]):
                transfer_manager.download_chunks_concurrently(
                    blobs[0],
                    temporary[0],
                    chunk_size=CHUNK_BYTES,
                    download_kwargs={"raw_download": True, "retry": retry()},
                    worker_type=transfer_manager.THREAD,
                    max_workers=WORKERS,
                )
        else:
            errors = transfer_manager.download_many(
                list(zip(blobs, temporary, strict=True)),
                download_kwargs={"raw_download": True, "checksum": "crc32c", "retry": retry()},
                worker_type=transfer_manager.THREAD,
                max_workers=WORKERS,
            )
            _raise_first(errors, [file.source for file in batch])
        for file, name in zip(batch, temporary, strict=True):
            if crc32c(name) != file.crc32c:
                raise damaged(file.destination)
            storage.publish(name, file.destination)
    finally:
        for name in temporary:
            storage.delete(name)


def _rewrite(file: File) -> None:
    """Copy within Cloud Storage, without downloading."""
    source, target = cloud_storage.blob(file.source), cloud_storage.blob(file.destination)
    with explained(file.source):
        token, _, _ = target.rewrite(source, retry=retry())
        while token is not None:
            token, _, _ = target.rewrite(source, token=token, retry=retry())
    if target.crc32c != file.crc32c:
        raise damaged(file.destination)


def _raise_first(results: Iterable[object], uris: Sequence[str], of_bucket: bool = False) -> None:
    """Raise the first error among the results of many transfers."""
    for result, uri in zip(results, uris, strict=True):
        if isinstance(result, Exception):
            with explained(uri, of_bucket), storage.explained(uri):
                raise result
