"""Run a stage once: inputs and parameters in, one output directory with a manifest out."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from berth import __version__, storage
from berth.errors import UsageError
from berth.stage.inputs import Inputs
from berth.stage.lock import LOCK, discard, locked
from berth.stage.manifest import NAME, Manifest, ManifestFile, ManifestInput
from berth.stage.output import RECEIPTS, TEMPORARY, Output

STARTED = ".stage.json"
# Libraries whose versions can change what a stage writes. Recorded if installed; not part of the digest.
RECORDED_TOOLS = (
    "apache-beam",
    "tensorflow",
    "keras",
    "jax",
    "numpy",
    "pyarrow",
    "nltk",
    "numba",
    "scikit-learn",
    "scipy",
)


@dataclass(frozen=True)
class Stage:
    """The work to do: everything that the result depends on, and nothing else.

    Attributes:
        name: The stage's name, also its directory in a workspace.
        version: Version of the algorithm: raise it when the same inputs and parameters give other bytes, and when the
            default of a parameter changes.
        parameters: JSON values. Of a recipe's sections those that differ from the defaults
            (:meth:`berth.recipe.Section.identity`).
        inputs: Input files by the role they play.
        seed: Seed of all randomness in the stage; None if there is none.
    """

    name: str
    version: int
    parameters: Mapping[str, Any]
    inputs: Mapping[str, Inputs] = field(default_factory=dict)
    seed: int | None = None

    @property
    def digest(self) -> str:
        """SHA-256 over name, version, parameters, seed and the inputs' digests."""
        inputs = {name: files.digest for name, files in self.inputs.items()}
        return stage_digest(self.name, self.version, self.parameters, inputs, self.seed)


def stage_digest(
    name: str, version: int, parameters: Mapping[str, Any], inputs: Mapping[str, str], seed: int | None
) -> str:
    """The digest of a stage from its own values and the digests of its inputs by role."""
    content = {
        "name": name,
        "version": version,
        "parameters": dict(parameters),
        "inputs": dict(inputs),
        "seed": seed,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


@dataclass(frozen=True)
class Workspace:
    """A directory for the outputs of all stages, each at ``URI/STAGE/DIGEST12``."""

    uri: str

    def directory(self, stage: Stage) -> str:
        """Where this stage's output goes."""
        return storage.join(self.uri, stage.name, stage.digest[:12])


@dataclass(frozen=True)
class Directory:
    """A directory for the output of one stage (``--output DIR``)."""

    uri: str

    def directory(self, stage: Stage) -> str:
        """Where this stage's output goes."""
        return self.uri


Destination = Workspace | Directory


@dataclass(frozen=True)
class Result:
    """A finished stage: its directory and manifest, and whether it was finished before this call."""

    uri: str
    manifest: Manifest
    was_up_to_date: bool

    def files(self, pattern: str) -> Inputs:
        """Its files as the input of another stage."""
        return Inputs.of_stage(self.uri, pattern)


def run(stage: Stage, destination: Destination, work: Callable[[Output], None]) -> Result:
    """Do the work of a stage unless it is finished.

    ``work`` writes its files below the output directory; files whose names begin with a dot are not part of the result.
    Shards that an interrupted run completed may be there already (:meth:`Output.is_complete`).

    Raises:
        UsageError: if the directory holds other files.
        BerthError: if another process is working there, or the work fails.
    """
    log = logging.getLogger(f"berth.{stage.name}")
    uri = destination.directory(stage)
    if (finished := _finished(stage, uri)) is not None:
        log.info("up to date: %s", uri)
        return Result(uri, finished, was_up_to_date=True)
    is_new = not storage.is_directory(uri)
    with locked(uri):
        if (finished := _finished(stage, uri)) is not None:  # another process has finished it meanwhile
            log.info("up to date: %s", uri)
            return Result(uri, finished, was_up_to_date=True)
        _claim(stage, uri)
        output = Output(uri)
        started = time.monotonic()
        if done := output.receipts():
            log.info("continuing: %d shards were completed before", len(done))
        log.info("started: %s", uri)
        try:
            work(output)
        except BaseException as error:
            # The request is impossible, or nothing was completed: leave no trace. In Cloud Storage, remote workers may
            # still be writing though this process gives up.
            if is_new and (isinstance(error, UsageError) or (not storage.is_cloud(uri) and not _visible(uri))):
                discard(uri)
            raise
        seconds = time.monotonic() - started
        manifest = Manifest(
            stage=stage.name,
            version=stage.version,
            digest=stage.digest,
            parameters=dict(stage.parameters),
            inputs={name: _recorded(inputs, uri) for name, inputs in stage.inputs.items()},
            seed=stage.seed,
            files=_inventory(output),
            counters=output.counters(),
            tools=_tools(),
            seconds=round(seconds, 3),
        )
        manifest.write(uri)
        _remove_working_files(uri)
    log.info("done in %.1f s: %s", seconds, uri)
    return Result(uri, manifest, was_up_to_date=False)


def _finished(stage: Stage, uri: str) -> Manifest | None:
    """The manifest, if this very stage is finished here."""
    if not storage.exists(storage.join(uri, NAME)):
        return None
    manifest = Manifest.read(uri)
    if manifest.digest != stage.digest:
        raise UsageError(
            f"this directory holds the output of another {manifest.stage} run",
            where=uri,
            found=_difference(stage, manifest),
            fix="Choose another directory, or delete this one if it is no longer needed.",
        )
    manifest.check_files(uri)
    if storage.exists(storage.join(uri, STARTED)):  # killed after its manifest was written
        _remove_working_files(uri)
    return manifest


def _remove_working_files(uri: str) -> None:
    """Remove files that only a running stage needs. The claim goes last: it says that there is something to remove."""
    for name in (RECEIPTS, TEMPORARY, LOCK, STARTED):
        storage.delete(storage.join(uri, name))


def _difference(stage: Stage, manifest: Manifest) -> str:
    """The first difference, as text, between a stage and the one whose output is in its directory."""
    if manifest.stage != stage.name:
        return f"the output of the stage {manifest.stage!r}, not {stage.name!r}"
    now: dict[str, Any] = json.loads(json.dumps(dict(stage.parameters)))
    for name in [*now, *manifest.parameters]:
        there = manifest.parameters
        if name not in now or name not in there or now[name] != there[name]:
            return f"{name} = {_shown(there, name)} there, {_shown(now, name)} now"
    if manifest.seed != stage.seed:
        return f"seed = {manifest.seed} there, {stage.seed} now"
    for name, inputs in stage.inputs.items():
        if name not in manifest.inputs or manifest.inputs[name].digest != inputs.digest:
            return f"other input files ({name})"
    return "output of another version of the stage"


def _shown(parameters: Mapping[str, Any], name: str) -> str:
    return repr(parameters[name]) if name in parameters else "its default"


def _claim(stage: Stage, uri: str) -> None:
    """Record whose unfinished files are here. Refuse a directory with other files."""
    claim = storage.join(uri, STARTED)
    owner = json.loads(storage.read_bytes(claim)).get("digest") if storage.exists(claim) else None
    visible = _visible(uri)
    if visible and owner is None:
        raise UsageError(
            "the output directory is not empty",
            where=uri,
            found=f"{len(visible)} files that are not of this stage, for example {storage.basename(visible[0])}",
            fix="Choose an empty or new directory.",
        )
    if visible and owner != stage.digest:
        raise UsageError(
            "this directory holds the unfinished output of other parameters or inputs",
            where=uri,
            fix="Choose another directory, or delete this one if it is no longer needed.",
        )
    # This process holds the lock: temporary files were left by one that was killed. If another stage completed
    # nothing visible, everything it left is worthless.
    for name in storage.names_below(uri):
        if is_temporary(name) or (owner != stage.digest and storage.basename(name) != LOCK):
            storage.delete(storage.join(uri, name))
    with storage.atomic_write(claim) as file:
        file.write(json.dumps({"stage": stage.name, "digest": stage.digest}).encode())


def _inventory(output: Output) -> tuple[ManifestFile, ...]:
    """Every file of the result. Files with a receipt were hashed while they were written; others are hashed now."""
    known = {receipt.file.path: receipt.file for receipt in output.receipts()}
    entries = []
    for path in _visible(output.uri):
        uri = output.path(path)
        entries.append(known.get(path) or ManifestFile(path=path, size=storage.size(uri), sha256=storage.sha256(uri)))
    return tuple(sorted(entries, key=lambda entry: entry.path))


def _recorded(inputs: Inputs, directory: str) -> ManifestInput:
    origins = inputs.origins
    if inputs.is_stage and storage.is_cloud(origins[0]) == storage.is_cloud(directory):
        origins = (os.path.relpath(origins[0], directory),)
    files = tuple(
        ManifestFile(path=file.name, size=file.size, sha256=file.sha256, records=file.records) for file in inputs.files
    )
    return ManifestInput(
        digest=inputs.digest, uri=origins[0] if len(origins) == 1 else origins, files=files, stage=inputs.is_stage
    )


def _visible(uri: str) -> list[str]:
    """Paths, in a directory, of the files that belong to its result: no part of them begins with a dot."""
    return [
        name
        for name in storage.names_below(uri)
        if not any(part.startswith(".") for part in name.split("/")) and name != NAME
    ]


def is_temporary(name: str) -> bool:
    """Whether a file is one that :func:`berth.storage.atomic_write` has not finished."""
    return storage.basename(name).startswith(".") and name.endswith(".tmp")


def _tools() -> dict[str, str]:
    versions = {"berth": __version__}
    for name in RECORDED_TOOLS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions
