"""Whose unfinished files are in a stage's directory: a note that keeps other stages from continuing them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from berth import storage
from berth.errors import BerthError, UsageError
from berth.stage.identity import STARTED, Claim, Identity
from berth.stage.lease import LEASE
from berth.stage.lock import LOCK
from berth.stage.manifest import NAME, Manifest
from berth.stage.output import is_hidden, is_temporary


def take(
    identity: Identity,
    uri: str,
    visible: Sequence[str],
    continues: Callable[[Identity, str], bool] | None = None,
) -> None:
    """Record whose unfinished files are in a directory, and remove those that are worthless.

    The caller holds the directory's lock or lease.

    Args:
        identity: That of the stage.
        uri: The directory.
        visible: Paths, in it, of the files that belong to a result.
        continues: Whether the output of another stage there is a beginning of this one's; None: never.

    Raises:
        UsageError: if it holds files of another stage, or of none.
        BerthError: if what it holds was made from an input that changed meanwhile, or the note is damaged.
    """
    if storage.exists(manifest := storage.join(uri, NAME)):
        beginning = Identity.of_manifest(Manifest.read(uri))
        if beginning.digest != identity.digest:  # finished, but only the beginning of this stage
            Claim(stage=beginning.name, digest=beginning.digest, identity=beginning).write(uri)
            storage.delete(manifest)
    claim = Claim.read(uri)
    is_own = claim is not None and claim.digest == identity.digest
    if claim is not None and claim.identity is not None and not is_own and continues is not None:
        is_own = continues(claim.identity, uri)
    if visible and claim is None:
        raise UsageError(
            "the output directory is not empty",
            where=uri,
            found=f"{len(visible)} files that are not of this stage, for example {storage.basename(visible[0])}",
            fix="Choose an empty or new directory.",
        )
    if visible and claim is not None and claim.changed:
        raise changed_input(claim.changed, uri)
    if visible and claim is not None and not is_own:
        there = claim.identity
        raise UsageError(
            "this directory holds the unfinished output of other parameters or inputs",
            where=uri,
            found=there.differences(identity)[0] if there is not None else "",
            fix="Set it back to continue what is there; or choose another directory, or delete this one if it is no "
            "longer needed.",
        )
    # Temporary files were left by a process that was killed. If another stage completed nothing visible, everything it
    # left is worthless; what is visible now was completed a moment ago by another process in this bucket. The note is
    # replaced and never absent: without it, nobody could continue what is here.
    for name in storage.names_below(uri):
        if is_temporary(name) or (not is_own and is_hidden(name) and name not in (LOCK, LEASE, STARTED)):
            storage.delete(storage.join(uri, name))
    Claim(stage=identity.name, digest=identity.digest, identity=identity).write(uri)


def remove_temporary(uri: str) -> None:
    """Remove the temporary files that a process left when it was killed."""
    for name in filter(is_temporary, storage.names_below(uri)):
        storage.delete(storage.join(uri, name))


def give_up(name: str, uri: str, changed: str) -> None:
    """Note that the files here may be made from two versions of the input ``changed``: nobody may continue them."""
    Claim(stage=name, changed=changed).write(uri)


def changed_input(changed: str, uri: str) -> BerthError:
    """The error for an output directory that may be made from two versions of the input ``changed``."""
    return BerthError(
        "an input changed while a stage was reading it",
        where=changed,
        expected="the content that it had at the start",
        fix=f"What was made from it is of no use: delete {uri} and run again, and write to no input meanwhile.",
    )
