"""Whether files still hold what they held when they were hashed: by their revision, else by reading them again."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping

from pydantic import TypeAdapter, ValidationError

from berth import storage
from berth.errors import BerthError
from berth.stage.manifest import Manifest, ManifestFile

# In the directory of a finished stage: the revision of each file when its content was last known to be that of the
# manifest; of files from elsewhere, when they were indexed. It describes this copy of the files and is no part of the
# result.
REVISIONS = ".revisions.json"
# A local file up to this size is read again even if its revision is the same: two changes within one tick of the file
# system's clock look alike.
SMALL = 1 << 20

_REVISIONS = TypeAdapter(dict[str, str])


def holds(uri: str, sha256: str, known: str | None, now: str | None) -> bool:
    """Whether a file holds the content with this digest.

    Args:
        uri: The file.
        sha256: The digest.
        known: Its revision when it had that digest; None if that is not known.
        now: Its revision now; None if it does not exist.
    """
    if now is None:
        return False
    return now == known or storage.sha256(uri) == sha256


def check_contents(directory: str, files: Iterable[ManifestFile]) -> dict[str, str]:
    """Check that files of a finished stage hold what its manifest says. Only what may have changed is read.

    Args:
        directory: Of the stage.
        files: Entries of its manifest.

    Returns:
        The files' revisions by path.

    Raises:
        BerthError: if one was changed or removed.
    """
    entries = list(files)
    known, found, is_new = remembered(directory), dict[str, str](), False
    uris = [storage.join(directory, entry.path) for entry in entries]
    for entry, uri, now in zip(entries, uris, storage.revisions(uris), strict=True):
        revision = None if is_always_read(uri, entry.size) else known.get(entry.path)
        if now is None or not holds(uri, entry.sha256, revision, now):
            raise BerthError(
                "a file of a finished stage was changed or removed",
                where=uri,
                found="no file" if now is None else "other content of the same size",
                expected=f"sha256 {entry.sha256[:12]}…, as its manifest says",
                fix=f"Delete {directory} and run again.",
            )
        found[entry.path] = now
        is_new |= known.get(entry.path) != now
    if is_new:
        with contextlib.suppress(BerthError):  # files of others may be read-only: then they are read again each time
            remember(directory, {**known, **found})
    return found


def check_stage(directory: str, manifest: Manifest) -> None:
    """Check all files of a finished stage as :func:`check_contents` does, their sizes first. Raises BerthError."""
    manifest.check_files(directory)
    check_contents(directory, manifest.files)


def remember(directory: str, revisions: Mapping[str, str]) -> None:
    """Write down the revisions, by path, of a finished stage's files, whose contents are known to be right."""
    with storage.atomic_write(storage.join(directory, REVISIONS)) as file:
        file.write(json.dumps(dict(revisions), indent=2, sort_keys=True).encode() + b"\n")


def is_always_read(uri: str, size: int) -> bool:
    """Whether a file of this size is too small for its revision to prove its content."""
    return size <= SMALL and not storage.is_cloud(uri)


def remembered(directory: str) -> dict[str, str]:
    """The revisions, by path, that were written down in a directory; none if there are none."""
    uri = storage.join(directory, REVISIONS)
    if not storage.exists(uri):
        return {}
    try:
        return _REVISIONS.validate_json(storage.read_bytes(uri))
    except ValidationError:  # nothing is known then
        return {}
