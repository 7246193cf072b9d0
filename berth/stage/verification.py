"""Whether finished stages are still as their manifests say (`berth verify`)."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from berth import storage
from berth.errors import BerthError
from berth.progress import Progress
from berth.stage.identity import Identity
from berth.stage.inputs import Inputs, digest_of
from berth.stage.lineage import SHORT, finished_stages, origins_of
from berth.stage.manifest import NAME, Manifest, ManifestFile, ManifestInput

log = logging.getLogger("berth.verify")


@dataclass(frozen=True)
class Problem:
    """A difference between a manifest and the files."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def verify(path: str, *, ancestors: bool = False) -> list[Problem]:
    """Read every file of the stages at ``path`` again and compare it with the manifests.

    An input from outside that no longer exists is not a problem, since the result does not need it any more; a warning
    is logged.

    Args:
        path: As for :func:`finished_stages`.
        ancestors: Also verify the stages that those were made from.

    Returns:
        The differences; empty if there are none.

    Raises:
        BerthError: if there is no finished stage at ``path``.
    """
    problems: list[Problem] = []
    manifests: dict[str, Manifest] = {}
    for directory in finished_stages(path, ancestors):
        try:
            manifests[directory] = Manifest.read(directory)
        except BerthError as error:
            problems.append(Problem(storage.join(directory, NAME), f"{error.what}: {error.found}"))
    total = sum(entry.size for manifest in manifests.values() for entry in manifest.files)
    with Progress("verify", total=total, unit="B") as progress:
        for directory, manifest in manifests.items():
            problems += _manifest_problems(directory, manifest, manifests)
            problems += _unlisted_files(directory, manifest)
            for entry in manifest.files:
                problems += _file_problems(storage.join(directory, entry.path), entry)
                progress.update(entry.size)
    return problems


def _manifest_problems(directory: str, manifest: Manifest, verified: Mapping[str, Manifest]) -> list[Problem]:
    """What is wrong with a manifest, or with the inputs that it names.

    Args:
        directory: Of the stage.
        manifest: Its manifest.
        verified: Manifests of all stages whose files are verified too.
    """
    problems = [*_digest_problems(directory, manifest)]
    for role, given in sorted(manifest.inputs.items()):
        problems += _input_problems(role, given, directory, verified)
    if not problems and manifest.seal != manifest.sealed().seal:  # else it is known what was changed
        what = "was changed after it was written: its seal is that of other content" if manifest.seal else "has no seal"
        problems.append(Problem(storage.join(directory, NAME), f"the manifest {what}"))
    return problems


def _digest_problems(directory: str, manifest: Manifest) -> Iterator[Problem]:
    if (found := Identity.of_manifest(manifest).digest) != manifest.digest:
        yield Problem(
            storage.join(directory, NAME),
            f"its parameters, seed or inputs were changed: they give the digest {found[:SHORT]}, "
            f"recorded is {manifest.digest[:SHORT]}",
        )
    # In a workspace, a stage's directory is WORKSPACE/STAGE/DIGEST12.
    name, above = storage.basename(directory), storage.basename(storage.parent(directory))
    if above == manifest.stage and re.fullmatch("[0-9a-f]{12}", name) and name != manifest.digest[:SHORT]:
        yield Problem(
            storage.join(directory, NAME),
            f"it is the manifest of another directory: its digest is {manifest.digest[:SHORT]}",
        )


def _file_problems(uri: str, entry: ManifestFile) -> Iterator[Problem]:
    if not storage.exists(uri):
        yield Problem(uri, "missing")
    elif (size := storage.size(uri)) != entry.size:
        yield Problem(uri, f"the size differs: {size:,} bytes, recorded are {entry.size:,}")
    elif (digest := storage.sha256(uri)) != entry.sha256:
        yield Problem(uri, f"the content differs: sha256 {digest[:SHORT]}…, recorded is {entry.sha256[:SHORT]}…")


def _unlisted_files(directory: str, manifest: Manifest) -> Iterator[Problem]:
    known = {entry.path for entry in manifest.files} | {NAME}
    for name in storage.names_below(directory):
        if name not in known and not any(part.startswith(".") for part in name.split("/")):
            yield Problem(storage.join(directory, name), "extra: the manifest does not list it")


def _input_problems(
    role: str, given: ManifestInput, directory: str, verified: Mapping[str, Manifest]
) -> Iterator[Problem]:
    """Whether the input still exists unchanged. Files of stages that are verified too are read there, not here."""
    where = f"{storage.join(directory, NAME)}, input {role!r}"
    if digest_of((file.sha256, file.path) for file in given.files) != given.digest:
        yield Problem(where, "the list of its files was changed: it does not give the recorded digest")
        return
    origins = origins_of(given, directory)
    try:
        now = {file.path: file for file in _present(given, origins, verified)}
    except BerthError as error:
        log.warning("%s cannot be compared: %s", where, error)
        return
    for file in given.files:
        there, place = now.get(file.path), ", ".join(origins)
        if there is None:
            yield Problem(where, f"{file.path} is not what was read: no such file in {place}")
        elif there.sha256 != file.sha256:
            yield Problem(where, f"{file.path} is not what was read: other content in {place}")
        elif there != file:
            yield Problem(where, f"its entry of {file.path} was changed: it differs from {place}")


def _present(given: ManifestInput, origins: Sequence[str], verified: Mapping[str, Manifest]) -> Iterable[ManifestFile]:
    """The files at an input's origin now. Raises BerthError if there are none."""
    if given.stage:
        (origin,) = origins
        listed = (verified.get(origin) or Manifest.read(origin)).files
        if origin in verified:
            return listed
        used = {file.path for file in given.files}
        uris = {entry: storage.join(origin, entry.path) for entry in listed if entry.path in used}
        return [
            entry.model_copy(update={"sha256": storage.sha256(uri), "size": storage.size(uri)})
            for entry, uri in uris.items()
            if storage.exists(uri)
        ]
    is_tree = any("/" in file.path for file in given.files)
    found = Inputs.of_tree(origins[0]) if is_tree else Inputs.of(*origins)
    return [ManifestFile(path=f.name, size=f.size, sha256=f.sha256, records=f.records) for f in found.files]
