"""Run a stage once: inputs and parameters in, one output directory with a manifest out."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from berth import __version__, storage
from berth.errors import BerthError, UsageError
from berth.stage import claim
from berth.stage.identity import STARTED, Identity, nearest
from berth.stage.inputs import Inputs
from berth.stage.inventory import inventory, visible
from berth.stage.lease import Lease
from berth.stage.lock import LOCK, discard, locked
from berth.stage.manifest import NAME, Manifest, ManifestFile, ManifestInput
from berth.stage.output import RECEIPTS, TEMPORARY, Output
from berth.stage.unchanged import check_stage, remember

SHOWN_DIFFERENCES = 3
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
        continues: Whether the output of another identity in a directory (its URI) is a beginning of this stage's own,
            which is then continued. None: never.
    """

    name: str
    version: int
    parameters: Mapping[str, Any]
    inputs: Mapping[str, Inputs] = field(default_factory=dict)
    seed: int | None = None
    continues: Callable[[Identity, str], bool] | None = field(default=None, compare=False)

    @property
    def identity(self) -> Identity:
        """Name, version, parameters, seed and the inputs' digests."""
        return Identity(
            name=self.name,
            version=self.version,
            parameters=dict(self.parameters),
            inputs={role: files.digest for role, files in self.inputs.items()},
            seed=self.seed,
        )

    @property
    def digest(self) -> str:
        """SHA-256 over all of these."""
        return self.identity.digest


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
        BerthError: if another process is working there or has taken the work over, or the work fails.
    """
    log = logging.getLogger(f"berth.{stage.name}")
    uri = destination.directory(stage)
    if (finished := _finished(stage, uri)) is not None:
        log.info("up to date: %s", uri)
        return Result(uri, finished, was_up_to_date=True)
    is_new = not storage.is_directory(uri)
    with locked(uri) as lease:
        if (finished := _finished(stage, uri)) is not None:  # another process has finished it meanwhile
            log.info("up to date: %s", uri)
            return Result(uri, finished, was_up_to_date=True)
        claim.take(stage.identity, uri, visible(uri), stage.continues)
        output = Output(uri, lease)
        started = time.monotonic()
        if done := output.keep_complete():
            log.info("continuing: %d shards were completed before", done)
        log.info("started: %s", uri)
        if is_new and isinstance(destination, Workspace):
            _explain(stage, storage.join(destination.uri, stage.name), log)
        try:
            work(output)
        except BaseException as error:
            # The request is impossible, or nothing was completed: leave no trace. In Cloud Storage, remote workers may
            # still be writing though this process gives up.
            changed = None
            with contextlib.suppress(BerthError, OSError):  # whatever made the work fail may make this fail too
                changed = _changed_input(stage)
            if is_new and (isinstance(error, UsageError) or (not storage.is_cloud(uri) and not visible(uri))):
                if _is_held(lease):
                    discard(uri)
            elif changed and _is_held(lease):
                claim.give_up(stage.name, uri, changed)
            if changed and isinstance(error, Exception):
                raise claim.changed_input(changed, uri) from error
            raise
        if changed := _changed_input(stage):
            if _is_held(lease):
                claim.give_up(stage.name, uri, changed)
            raise claim.changed_input(changed, uri)
        seconds = time.monotonic() - started
        if (listed := inventory(output)) is None:
            return _finished_elsewhere(stage, uri)
        files, counters = listed
        manifest = Manifest(
            stage=stage.name,
            version=stage.version,
            digest=stage.digest,
            parameters=dict(stage.parameters),
            inputs={name: _recorded(inputs, uri) for name, inputs in stage.inputs.items()},
            seed=stage.seed,
            files=tuple(files),
            counters=counters,
            tools=_tools(),
            seconds=round(seconds, 3),
        ).sealed()
        # Not before the inventory: a process that has finished the same stage removes the receipts.
        if (lease is not None and not lease.renew()) or not manifest.write(uri):
            return _finished_elsewhere(stage, uri)
        remember(uri, {entry.path: revision for entry, revision in files.items()})
        _remove_working_files(uri)
    log.info("done in %.1f s: %s", seconds, uri)
    return Result(uri, manifest, was_up_to_date=False)


def _is_held(lease: Lease | None) -> bool:
    """Whether this process holds the directory, also after an error that may make the renewal fail too."""
    with contextlib.suppress(BerthError):
        return lease is None or lease.renew()
    return False


def _finished(stage: Stage, uri: str) -> Manifest | None:
    """The manifest, if this very stage is finished here."""
    if not storage.exists(storage.join(uri, NAME)):
        return None
    manifest = Manifest.read(uri)
    if manifest.digest != stage.digest:
        there = Identity.of_manifest(manifest)
        if stage.continues is not None and stage.continues(there, uri):
            return None
        raise UsageError(
            f"this directory holds the output of another {manifest.stage} run",
            where=uri,
            found=there.differences(stage.identity)[0],
            fix="Choose another directory, or delete this one if it is no longer needed.",
        )
    check_stage(uri, manifest)
    if storage.exists(storage.join(uri, STARTED)):  # killed after its manifest was written
        claim.remove_temporary(uri)
        _remove_working_files(uri)
    return manifest


def _finished_elsewhere(stage: Stage, uri: str) -> Result:
    """The result of another process, which finished the same stage in a bucket a moment ago."""
    if (finished := _finished(stage, uri)) is None:
        raise BerthError(
            "another process is working on this output", where=uri, fix="Wait until it has finished, then run again."
        )
    return Result(uri, finished, was_up_to_date=False)


def _remove_working_files(uri: str) -> None:
    """Remove files that only a running stage needs. The claim goes last: it says that there is something to remove."""
    for name in (RECEIPTS, TEMPORARY, LOCK, STARTED):
        storage.delete(storage.join(uri, name))


def _explain(stage: Stage, directories: str, log: logging.Logger) -> None:
    """Say in what this stage differs from the one in the workspace that is most like it: why it is made anew."""
    other = nearest(directories, stage.identity)
    if other is not None:
        shown = "; ".join(other[1][:SHOWN_DIFFERENCES]) + ("; …" if len(other[1]) > SHOWN_DIFFERENCES else "")
        log.info("made anew, since %s has other parameters or inputs: %s", other[0], shown)


def _changed_input(stage: Stage) -> str | None:
    """URI of the first input that no longer holds what was hashed."""
    return next(filter(None, (inputs.changed() for inputs in stage.inputs.values())), None)


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


@functools.cache
def _tools() -> dict[str, str]:
    versions = {"berth": __version__}
    for name in RECORDED_TOOLS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions
