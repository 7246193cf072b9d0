"""Inputs of a stage: named files with the digests of their contents."""

from __future__ import annotations

import fnmatch
import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from berth import storage
from berth.errors import BerthError, UsageError
from berth.formats.records import INDEX
from berth.stage.manifest import NAME, Manifest, ManifestFile
from berth.stage.unchanged import REVISIONS, check_contents, holds, remembered
from berth.storage import Pattern


@dataclass(frozen=True)
class InputFile:
    """A file that a stage reads. Results may depend on its ``name``, never on its ``uri``.

    ``revision`` is the one that the file had before it was hashed (:func:`berth.storage.revision`).
    """

    uri: str
    name: str
    size: int
    sha256: str
    records: int | None = None
    revision: str | None = None


@dataclass(frozen=True)
class Inputs:
    """The files of one input, sorted by name.

    Attributes:
        files: The files.
        origins: As written into the manifest: a stage's directory, or the paths and patterns that the user gave.
        is_stage: Whether the only origin is the directory of a finished stage.
    """

    files: tuple[InputFile, ...]
    origins: tuple[str, ...]
    is_stage: bool

    @property
    def uris(self) -> list[str]:
        """The files' URIs."""
        return [file.uri for file in self.files]

    @property
    def digest(self) -> str:
        """SHA-256 over the files' names and contents, independent of their location."""
        return digest_of((file.sha256, file.name) for file in self.files)

    def one(self) -> InputFile:
        """The only file. Raises UsageError if there are several."""
        if len(self.files) != 1:
            raise UsageError("a single file is needed here", where=self.uri, found=f"{len(self.files)} files")
        return self.files[0]

    def changed(self) -> str | None:
        """URI of the first file that no longer holds what was hashed; None if all do."""
        now = storage.revisions(self.uris)
        for file, revision in zip(self.files, now, strict=True):
            # One that is gone cannot be compared: whoever read it had the right one, or an error.
            if revision is not None and not holds(file.uri, file.sha256, file.revision, revision):
                return file.uri
        return None

    @property
    def uri(self) -> str:
        """The origins as one text, for messages; the directory of a stage."""
        return ", ".join(self.origins)

    @classmethod
    def of(cls, *texts: str | Pattern) -> Inputs:
        """Files that a user names by paths or glob patterns; the directory of a finished stage is all its files.

        The digest of a file that a finished stage made is in the stage's manifest: such a file is only read again if it
        may have changed (:mod:`berth.stage.unchanged`).

        Raises:
            UsageError: if a pattern matches nothing, or two files have the same name.
            BerthError: if a file of a finished stage was changed.
        """
        return cls._of([text if isinstance(text, Pattern) else storage.parse(text) for text in texts])

    @classmethod
    def at(cls, *uris: str) -> Inputs:
        """Files, or a finished stage, by URIs that are no patterns. Raises UsageError as :meth:`of` does."""
        return cls._of(uris)

    @classmethod
    def _of(cls, places: Sequence[str | Pattern]) -> Inputs:
        files: list[InputFile] = []
        others: list[str] = []
        manifests: dict[str, dict[str, InputFile]] = {}
        for place in places:
            if isinstance(place, str) and storage.exists(storage.join(place, NAME)):
                if len(places) > 1:
                    raise UsageError(
                        "a stage's directory cannot be combined with other files",
                        where=place,
                        fix="Name the files themselves, for instance with a glob pattern.",
                    )
                return cls.of_stage(place, "*")
            for uri in _found(place):
                directory = storage.parent(uri)
                if directory not in manifests:
                    manifests[directory] = _listed(directory)
                if (entry := manifests[directory].get(uri)) is not None:
                    files.append(entry)
                else:
                    others.append(uri)
        known = {directory: remembered(directory) for directory in {storage.parent(uri) for uri in others}}
        files += storage.concurrently(lambda uri: _measured(uri, known=known[storage.parent(uri)]), others)
        files.sort(key=lambda file: (file.name, file.uri))
        for first, second in itertools.pairwise(files):
            if first.name == second.name:
                raise UsageError(
                    f"two input files are called {first.name}",
                    where=first.uri,
                    found=f"the other is {second.uri}",
                    fix="Give the files different names: results are ordered by name.",
                )
        for directory, listed in manifests.items():
            files = _with_revisions(files, directory, listed)
        directories = {storage.parent(file.uri) for file in files}
        only = directories.pop() if len(directories) == 1 else ""
        if only and manifests[only]:
            return cls(tuple(files), (only,), is_stage=True)
        return cls(tuple(files), tuple(storage.absolute(str(place)) for place in places), is_stage=False)

    @classmethod
    def of_tree(cls, text: str) -> Inputs:
        """Files of one pattern, named by their paths below its fixed part: for ``texts/**/*.txt``, ``a/b.txt``.

        Raises:
            UsageError: if the pattern matches nothing.
        """
        place = storage.parse(text)
        start = storage.parent(place) if isinstance(place, str) else place.directory
        files = [_measured(uri, storage.below(start, uri)) for uri in _found(place)]
        files.sort(key=lambda file: file.name)
        return cls(tuple(files), (storage.absolute(text),), is_stage=False)

    @staticmethod
    def find(text: str) -> list[str]:
        """URIs of the files that match a path or pattern of a user. Their contents are not read.

        Raises:
            UsageError: if there is none, or the name of one is not text.
        """
        return _found(storage.parse(text))

    @classmethod
    def of_stage(cls, directory: str, pattern: str) -> Inputs:
        """The files of a finished stage whose path matches ``pattern`` (fnmatch), without their indexes.

        Raises:
            BerthError: if the stage is not finished, made no such file, or the file was changed.
        """
        listed = _listed(directory, must=True)
        indexes = {f"{file.name}{INDEX}" for file in listed.values()}
        files = [f for f in listed.values() if fnmatch.fnmatch(f.name, pattern) and f.name not in indexes]
        if not files:
            raise BerthError(f"the stage made no file {pattern!r}", where=directory)
        files.sort(key=lambda file: file.name)
        return cls(tuple(_with_revisions(files, directory, listed)), (directory,), is_stage=True)


def _found(place: str | Pattern) -> list[str]:
    """URIs of the files at a place, without manifests, revisions, and the indexes of files there."""
    uris = storage.glob(place) if isinstance(place, Pattern) else [place] if storage.is_file(place) else []
    indexes = {f"{uri}{INDEX}" for uri in uris}
    found = [uri for uri in uris if storage.basename(uri) not in (NAME, REVISIONS) and uri not in indexes]
    if not found:
        raise UsageError(
            "no file matches",
            where=str(place),
            fix="Check the path; put a glob pattern in quotes so that the shell passes it on.",
        )
    return found


def digest_of(files: Iterable[tuple[str, str]]) -> str:
    """SHA-256 over the SHA-256 and name of each input file, in order."""
    digest = hashlib.sha256()
    for sha256, name in files:
        digest.update(f"{sha256} {name}\n".encode())
    return digest.hexdigest()


def _listed(directory: str, must: bool = False) -> dict[str, InputFile]:
    """The files that a directory's manifest lists, by URI; none if there is no manifest."""
    if not must and not storage.exists(storage.join(directory, NAME)):
        return {}
    manifest = Manifest.read(directory)
    manifest.check_files(directory)
    uris = {storage.join(directory, entry.path): entry for entry in manifest.files}
    return {uri: InputFile(uri, file.path, file.size, file.sha256, file.records) for uri, file in uris.items()}


def _with_revisions(files: list[InputFile], directory: str, listed: Mapping[str, InputFile]) -> list[InputFile]:
    """The files; those that the directory's manifest lists are checked against it and have revisions.

    Raises BerthError if one was changed.
    """
    known = {each.uri: listed[each.uri] for each in files if each.uri in listed}
    entries = [ManifestFile(path=each.name, size=each.size, sha256=each.sha256) for each in known.values()]
    revisions = check_contents(directory, entries) if entries else {}
    return [replace(each, revision=revisions[known[each.uri].name]) if each.uri in known else each for each in files]


def _measured(uri: str, name: str = "", known: Mapping[str, str] | None = None) -> InputFile:
    """A file that no manifest lists. With the revisions of indexed files that are known, such a one is not read."""
    revision = storage.revision(uri)  # before its content is read: a change meanwhile is noticed later
    size, sha256 = storage.size(uri), None
    if known:
        from berth.stage.indexing import digest_of_index  # brings Numba

        sha256 = digest_of_index(uri, size, revision, known)
    return InputFile(uri, name or storage.basename(uri), size, sha256 or storage.sha256(uri), revision=revision)
