"""Whose unfinished files are in a stage's directory: a note that keeps other stages from continuing them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pydantic import TypeAdapter, ValidationError

from berth import storage
from berth.errors import BerthError, UsageError

STARTED = ".stage.json"
LOCK = ".lock"

_CLAIM = TypeAdapter(dict[str, str])


def take(name: str, digest: str, uri: str, visible: Sequence[str], everything: Sequence[str]) -> None:
    """Record whose unfinished files are in a directory, and remove those that are worthless.

    The caller holds the directory's lock.

    Args:
        name: The stage's name.
        digest: Its digest.
        uri: The directory.
        visible: URIs of the files in it that belong to a result.
        everything: URIs of all files in it.

    Raises:
        UsageError: if it holds files of another stage, or of none.
        BerthError: if what it holds was made from an input that changed meanwhile, or the note is damaged.
    """
    owner, changed = _read(uri)
    if visible and changed:
        raise changed_input(changed, uri)
    if visible and owner is None:
        raise UsageError(
            "the output directory is not empty",
            where=uri,
            found=f"{len(visible)} files that are not of this stage, for example {storage.basename(visible[0])}",
            fix="Choose an empty or new directory.",
        )
    if visible and owner != digest:
        raise UsageError(
            "this directory holds the unfinished output of other parameters or inputs",
            where=uri,
            fix="Choose another directory, or delete this one if it is no longer needed.",
        )
    # Temporary files were left by a process that was killed. If another stage completed nothing visible, everything it
    # left is worthless.
    for file in everything:
        is_temporary = storage.basename(file).startswith(".") and file.endswith(".tmp")
        if is_temporary or (owner != digest and storage.basename(file) != LOCK):
            storage.delete(file)
    _write(uri, {"stage": name, "digest": digest})


def give_up(name: str, uri: str, changed: str) -> None:
    """Note that the files here may be made from two versions of the input ``changed``: nobody may continue them."""
    _write(uri, {"stage": name, "changed": changed})


def changed_input(changed: str, uri: str) -> BerthError:
    """The error for an output directory that may be made from two versions of the input ``changed``."""
    return BerthError(
        "an input changed while a stage was reading it",
        where=changed,
        expected="the content that it had at the start",
        fix=f"What was made from it is of no use: delete {uri} and run again, and write to no input meanwhile.",
    )


def _read(uri: str) -> tuple[str | None, str | None]:
    """The digest of the stage that claimed a directory, and the URI of its input that changed meanwhile."""
    note = storage.join(uri, STARTED)
    if not storage.exists(note):
        return None, None
    try:
        content = _CLAIM.validate_json(storage.read_bytes(note))
    except ValidationError as error:
        raise BerthError(
            "the note about an unfinished stage is damaged", where=note, fix=f"Delete {uri} and run again."
        ) from error
    return content.get("digest"), content.get("changed")


def _write(uri: str, content: Mapping[str, str]) -> None:
    with storage.atomic_write(storage.join(uri, STARTED)) as file:
        file.write(json.dumps(dict(content)).encode())
