"""What a stage's output depends on, as it is recorded, and in what two stages differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from berth import storage
from berth.errors import BerthError
from berth.stage.manifest import NAME, Manifest, sha256_of

STARTED = ".stage.json"


class Identity(BaseModel):
    """Everything that a stage's digest covers: name, version, parameters, seed and the inputs' digests by role."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: int
    parameters: dict[str, Any]
    inputs: dict[str, str]
    seed: int | None

    @property
    def digest(self) -> str:
        """SHA-256 over all of it."""
        return sha256_of(self.model_dump())

    @classmethod
    def of_manifest(cls, manifest: Manifest) -> Identity:
        """That of a finished stage."""
        return cls(
            name=manifest.stage,
            version=manifest.version,
            parameters=manifest.parameters,
            inputs={role: given.digest for role, given in manifest.inputs.items()},
            seed=manifest.seed,
        )

    def differences(self, other: Identity) -> list[str]:
        """In what this stage, which is there, differs from another: each key with the values there and now."""
        if self.name != other.name:
            return [f"the output of the stage {self.name!r}, not {other.name!r}"]
        found = list(_differing(self.parameters, json.loads(json.dumps(other.parameters)), ""))
        if self.seed != other.seed:
            found.append(f"seed = {self.seed} there, {other.seed} now")
        roles = [*other.inputs, *(role for role in self.inputs if role not in other.inputs)]
        found += [f"other input files ({role})" for role in roles if self.inputs.get(role) != other.inputs.get(role)]
        if self.version != other.version:
            found.append("output of another version of the stage")
        return found


class Claim(BaseModel):
    """The content of `.stage.json`: whose unfinished output is here.

    ``changed`` is the URI of an input that changed while it was read: then nobody may continue what is here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str = ""
    digest: str | None = None
    identity: Identity | None = None
    changed: str | None = None

    @classmethod
    def read(cls, uri: str) -> Claim | None:
        """The claim in a directory; None if there is none. Raises BerthError if it is damaged."""
        note = storage.join(uri, STARTED)
        if not storage.exists(note):
            return None
        try:
            return cls.model_validate_json(storage.read_bytes(note))
        except ValidationError as error:
            raise BerthError(
                "the note about an unfinished stage is damaged", where=note, fix=f"Delete {uri} and run again."
            ) from error

    def write(self, uri: str) -> None:
        """Write the claim into a directory."""
        with storage.atomic_write(storage.join(uri, STARTED)) as file:
            file.write(json.dumps(self.model_dump(exclude_unset=True), sort_keys=True).encode())


def others(directories: str) -> Iterator[tuple[str, Identity]]:
    """The stages in `directories`/*, finished or not: directory and identity of each that is known."""
    for name in (NAME, STARTED):
        for uri in storage.glob(storage.Pattern(directories, f"*/{name}")):
            directory = storage.parent(uri)
            try:
                claim = Claim.read(directory) if name == STARTED else None
                identity = claim.identity if claim else Identity.of_manifest(Manifest.read(directory))
            except BerthError:  # damaged: an error for those who use it
                continue
            if identity is not None:
                yield directory, identity


def nearest(directories: str, identity: Identity) -> tuple[str, list[str]] | None:
    """Of the other stages in `directories`/*, the directory of the one with the fewest differences, and these.

    None if there is none.
    """
    found = [(directory, there.differences(identity)) for directory, there in others(directories)]
    return min((each for each in found if each[1]), key=lambda each: (len(each[1]), each[0]), default=None)


def _differing(there: Any, now: Any, path: str) -> Iterator[str]:
    """The values in which two JSON values differ, with their key paths."""
    if isinstance(there, list) and isinstance(now, list):
        there, now = ({str(index): value for index, value in enumerate(values)} for values in (there, now))
    if not (isinstance(there, dict) and isinstance(now, dict)):
        if there != now:
            yield f"{path} = {there!r} there, {now!r} now"
        return
    for name in [*now, *(name for name in there if name not in now)]:
        inside = f"{path}.{name}" if path else name
        if name in there and name in now:
            yield from _differing(there[name], now[name], inside)
        else:
            yield f"{inside} = {_shown(there, name)} there, {_shown(now, name)} now"


def _shown(values: Mapping[str, Any], name: str) -> str:
    return repr(values[name]) if name in values else "its default"
