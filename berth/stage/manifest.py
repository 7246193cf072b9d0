"""The manifest: the files that a stage made, and everything they were made from. Written last: it marks completion."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from berth import storage
from berth.errors import BerthError

NAME = "manifest.json"
FORMAT = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ManifestFile(_Frozen):
    """A file that a stage made or read. ``path`` is relative to its directory; ``records`` is None if not counted."""

    path: str
    size: int
    sha256: str
    records: int | None = None


class ManifestInput(_Frozen):
    """One named input: the digest over its files' names and contents, and those files.

    ``uri`` is relative to the manifest's directory where ``stage`` is true (the input is the output of another stage
    of the same workspace), so that a workspace can be moved or copied as a whole; otherwise it is the path or pattern
    that the user gave, or all of them if there are several.
    """

    digest: str
    uri: str | Annotated[tuple[str, ...], Field(min_length=1)]
    files: tuple[ManifestFile, ...]
    stage: bool = False


class Manifest(_Frozen):
    """The content of ``manifest.json``.

    ``parameters`` are those that differ from the defaults of the version of Berth in ``tools``. ``seconds`` and
    ``tools`` describe the run and are not part of the digest. ``seal`` shows that nothing was changed afterwards.
    """

    format: int = FORMAT
    stage: str
    version: int
    digest: str
    parameters: dict[str, Any]
    inputs: dict[str, ManifestInput]
    seed: int | None = None
    files: tuple[ManifestFile, ...]
    counters: dict[str, int]
    tools: dict[str, str]
    seconds: float
    seal: str = ""

    def sealed(self) -> Manifest:
        """The manifest with its seal: the SHA-256 of the rest."""
        return self.model_copy(update={"seal": sha256_of(self.model_dump(mode="json", exclude={"seal"}))})

    @classmethod
    def read(cls, directory: str) -> Manifest:
        """Read the manifest of a stage's directory.

        Raises:
            BerthError: if there is none, or it is not a manifest of this format.
        """
        uri = storage.join(directory, NAME)
        if not storage.exists(uri):
            raise BerthError(
                "there is no finished stage here (no manifest)",
                where=directory,
                fix="Name the output directory of a stage (WORKSPACE/STAGE/DIGEST), or run again to finish it.",
            )
        try:
            return cls.model_validate_json(storage.read_bytes(uri))
        except ValidationError as error:
            first = error.errors()[0]
            location = ".".join(str(part) for part in first["loc"])
            raise BerthError(
                "the manifest cannot be read",
                where=uri,
                found=f"{first['msg']} at {location or 'its start'}",
                fix="It was edited, or written by another version of Berth: delete the directory and run again.",
            ) from error

    def write(self, directory: str) -> bool:
        """Write the manifest atomically, with its seal; False if another process has written one into this bucket."""
        text = json.dumps(self.sealed().model_dump(mode="json"), indent=2, ensure_ascii=False, sort_keys=True)
        return storage.create(storage.join(directory, NAME), text.encode("utf-8") + b"\n")

    def check_files(self, directory: str) -> None:
        """Check that every file exists with its recorded size. Contents are checked by ``berth verify``.

        Raises:
            BerthError: if one was changed or removed.
        """
        uris = [storage.join(directory, entry.path) for entry in self.files]
        for entry, uri, size in zip(self.files, uris, storage.sizes(uris), strict=True):
            if size != entry.size:
                raise BerthError(
                    "a file of a finished stage was changed or removed",
                    where=uri,
                    found="no file" if size is None else f"{size} bytes",
                    expected=f"{entry.size} bytes, as its manifest says",
                    fix=f"Delete {directory} and run again.",
                )


def sha256_of(content: object) -> str:
    """SHA-256 of a JSON value, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
