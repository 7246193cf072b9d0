"""Which files `berth sync` copies, and where each goes. Links below the source are not followed."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

from berth import storage
from berth.errors import UsageError, printable
from berth.stage import LEASE, LOCK
from berth.stage.output import is_temporary
from berth.storage import Pattern
from berth.storage import cloud as cloud_storage
from berth.storage.cloud_errors import explained, retry
from berth.storage.cloud_upload import crc32c
from berth.storage.patterns import matches

log = logging.getLogger("berth.sync")


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


def find(source: str, destination: str) -> list[File]:
    """The files to copy, with their destinations.

    Args:
        source: Directory, file or pattern.
        destination: Directory, or the new name of a single file.

    Raises:
        UsageError: if nothing matches, or a name is not valid at the destination.
    """
    place = storage.parse(source)
    is_directory = isinstance(place, str) and storage.is_directory(place)
    if isinstance(place, str) and not is_directory:
        files = [_single(place, destination)] if storage.is_file(place) else []
    else:
        pattern = Pattern(place, "**") if isinstance(place, str) else place
        files = _matching(pattern, destination, is_directory)
        if not storage.is_cloud(destination):
            _check_destination(destination, files)
    if not files:
        raise UsageError("no file matches", where=source, fix="Check the path; put a pattern in quotes.")
    return files


def objects(prefix: str) -> dict[str, tuple[int, str]]:
    """Size and CRC32C of all objects whose URIs begin with a prefix."""
    bucket, key = cloud_storage.split(prefix)
    with explained(prefix, of_bucket=True):
        found = cloud_storage.client().list_blobs(bucket, prefix=key, retry=retry())
        return {cloud_storage.uri_of(blob): (blob.size, blob.crc32c) for blob in found}


def _single(uri: str, destination: str) -> File:
    if destination.endswith("/") or storage.is_directory(destination):
        destination = storage.join(destination, _checked(storage.basename(uri), uri))
    if storage.is_cloud(uri):
        return File(uri, destination, *objects(uri)[uri])
    return File(uri, destination, storage.size(uri), "")


def _matching(pattern: Pattern, destination: str, is_directory: bool) -> list[File]:
    if not storage.is_cloud(pattern.directory):
        base = str(storage.local_path(pattern.directory))
        names = [name for name in storage.names(pattern) if not _is_of_a_process(name)]
        linked = _links_below(base) if is_directory else [name for name in names if _is_linked(base, name)]
        # What a link leads to within the directory is copied under its own name.
        outside = [name for name in linked if not _leads_inside(base, name)]
        if outside:
            log.warning("links are not followed: %d, for example %s", len(outside), printable(outside[0]))
        sources = {name: storage.join(base, name) for name in sorted({*names}.difference(linked))}
        return [
            File(uri, storage.join(destination, _checked(name, uri)), storage.size(uri), "")
            for name, uri in sources.items()
        ]
    start = f"{pattern.directory.rstrip('/')}/"
    files = []
    for uri, facts in sorted(objects(start + pattern.fixed).items()):
        name = uri.removeprefix(start)
        # Consoles make objects whose names end in a slash to show an empty directory.
        if not name.endswith("/") and matches(pattern.parts, name.split("/")) and not _is_of_a_process(name):
            files.append(File(uri, storage.join(destination, _checked(name, uri)), *facts))
    return files


def _is_of_a_process(name: str) -> bool:
    """Whether a file only matters to a running process: a lock, a lease, a file that is not finished."""
    return storage.basename(name) in (LOCK, LEASE) or is_temporary(name)


def _links_below(directory: str) -> list[str]:
    """Paths of all links below a local directory."""
    return [
        os.path.relpath(os.path.join(place, name), directory)
        for place, directories, names in os.walk(directory)
        for name in [*directories, *names]
        if os.path.islink(os.path.join(place, name))
    ]


def _is_linked(base: str, name: str) -> bool:
    """Whether a file below a local directory is a link, or reached through one."""
    parts = name.split("/")
    return any(os.path.islink(os.path.join(base, *parts[:end])) for end in range(1, len(parts) + 1))


def _leads_inside(base: str, name: str) -> bool:
    return os.path.realpath(os.path.join(base, name)).startswith(f"{os.path.realpath(base)}/")


def _check_destination(destination: str, files: list[File]) -> None:
    """Refuse local copies that a link would lead out of the destination."""
    for directory in sorted({os.path.dirname(storage.below(destination, file.destination)) for file in files}):
        if directory and _is_linked(destination, directory):
            raise UsageError(
                "a link in the destination leads elsewhere",
                where=storage.join(destination, directory),
                fix="Remove the link, or choose another directory.",
            )


def _checked(name: str, uri: str) -> str:
    """A file's name, if it stays below the destination. Names of objects may be anything, even `../..`."""
    if any(part in ("", ".", "..") for part in name.split("/")) or not name.isprintable():
        raise UsageError("this is not a valid file name", where=uri, fix="Rename it, or copy the others by a pattern.")
    return name


def is_there(file: File, there: dict[str, tuple[int, str]]) -> bool:
    """Whether the copy exists already; ``there`` are the objects at the destination."""
    if storage.is_cloud(file.destination):
        size, checksum = there.get(file.destination, (None, ""))
        return size == file.size and checksum == file.checksum()
    path = storage.local_path(file.destination)
    is_same_size = path.is_file() and not path.is_symlink() and path.stat().st_size == file.size
    return is_same_size and crc32c(str(path)) == file.checksum()
