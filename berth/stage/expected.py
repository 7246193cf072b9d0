"""Check given files against the sizes and digests that a recipe expects, before any work. Checks are remembered."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from berth import storage
from berth.errors import BerthError
from berth.recipe import Expected, Prepared, Recipe
from berth.stage import Destination, Stage, run
from berth.stage.inputs import Inputs
from berth.stage.output import Output

log = logging.getLogger("berth.expected")

STAGE, VERSION = "expected", 2
CHECKED = "checked.json"
DIGESTS = ("md5", "sha1", "sha256")
HASH_CHUNK = 1 << 20


@dataclass(frozen=True)
class GivenFile:
    """A given file, what the recipe expects of it, and the key that says so."""

    uri: str
    expected: Expected
    key: str

    @property
    def digests(self) -> dict[str, str]:
        """The digests it must have, by algorithm."""
        return self.expected.model_dump(include=set(DIGESTS), exclude_none=True)


def check(recipe: Recipe, destination: Destination) -> None:
    """Check all given files of a recipe: sizes every time, contents once.

    A checked content is remembered, as a stage's output, for as long as the file's modification time (in Cloud Storage:
    its generation) stays the same.

    Args:
        recipe: The recipe.
        destination: Where the output of that stage goes.

    Raises:
        BerthError: for the first file that is missing or differs.
    """
    files = list(_files(recipe))
    for file in files:
        _check_size(file)
    files = [file for file in files if file.digests]
    if files:
        known = [[storage.absolute(file.uri), storage.revision(file.uri), file.digests] for file in files]
        run(Stage(STAGE, VERSION, {"files": known}), destination, lambda output: _check_contents(files, output))


def check_checkpoint(recipe: Recipe) -> None:
    """Check the files of a recipe's initial checkpoint. Raises BerthError as :func:`check` does."""
    for file in _of_checkpoint(recipe):
        _check_size(file)
        _check_content(file)


def _files(recipe: Recipe) -> Iterator[GivenFile]:
    """All files for which the recipe expects something. Raises BerthError if one is missing."""
    for index, source in enumerate(recipe.corpus.sources):
        if source.expected is not None:
            key = f"corpus.sources.{index}.expected"
            uris = Inputs.find(source.path)
            if len(uris) > 1:
                raise BerthError(
                    f"{key} describes a single file, but the source has several",
                    where=source.path,
                    found=f"{len(uris)} files",
                    fix="Make each file a source of its own.",
                )
            yield GivenFile(uris[0], source.expected, key)
    if (prepared := recipe.corpus.prepared) is not None and prepared.expected:
        yield from _of_prepared(prepared)
    if recipe.vocabulary.path is not None and recipe.vocabulary.expected is not None:
        path, key = recipe.vocabulary.path, "vocabulary.expected"
        there = path if storage.exists(path) else None
        yield GivenFile(_existing(there, path, storage.basename(path), key), recipe.vocabulary.expected, key)
    yield from _of_checkpoint(recipe)


def _of_prepared(prepared: Prepared) -> Iterator[GivenFile]:
    """The files of prepared text, and those next to them that are not read (MLPerf's eval.md5), if they exist."""
    patterns = (prepared.text, prepared.evaluation)
    found = {storage.basename(uri): uri for pattern in patterns for uri in Inputs.find(pattern)}
    directories = sorted({storage.parent(uri) for uri in found.values()})
    for name, expected in prepared.expected.items():
        key = f"corpus.prepared.expected.{name}"
        if any(fnmatch.fnmatch(name, storage.basename(pattern)) for pattern in patterns):
            yield GivenFile(_existing(found.get(name), prepared.text, name, key), expected, key)
        elif beside := next(filter(storage.exists, (storage.join(each, name) for each in directories)), None):
            yield GivenFile(beside, expected, key)
        else:
            log.info("%s is not there, and not needed: it is not checked", name)


def _of_checkpoint(recipe: Recipe) -> Iterator[GivenFile]:
    uri = recipe.initial_checkpoint
    if uri is None:
        return
    for name, expected in recipe.initialization.expected.items():
        key = f"initialization.expected.{name}"
        # The checkpoint is named by a directory, or by a file or prefix of files in one.
        candidates = [storage.join(directory, name) for directory in (uri, storage.parent(uri) or ".")]
        there = next(filter(storage.exists, candidates), None)
        yield GivenFile(_existing(there, uri, name, key), expected, key)


def _existing(uri: str | None, where: str, name: str, key: str) -> str:
    if uri is None:
        raise BerthError(
            f"the file {name} is missing",
            where=where,
            expected=f"the file that {key} describes",
            fix="Download it, or correct the path.",
        )
    return uri


def _check_size(file: GivenFile) -> None:
    size, expected = storage.size(file.uri), file.expected.bytes
    if expected is not None and size != expected:
        raise _mismatch(file, f"{size:,} bytes", f"{expected:,} bytes")


def _check_contents(files: list[GivenFile], output: Output) -> None:
    for file in files:
        _check_content(file)
    with output.shard(CHECKED) as shard:
        checked = {storage.absolute(file.uri): file.digests for file in files}
        shard.write(json.dumps(checked, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n")
        shard.records = len(files)


def _check_content(file: GivenFile) -> None:
    digests = {name: hashlib.new(name, usedforsecurity=False) for name in file.digests}
    if digests:
        log.info("checking %s, %s bytes", file.uri, f"{storage.size(file.uri):,}")
        with storage.open_read(file.uri) as stream:
            while chunk := stream.read(HASH_CHUNK):
                for digest in digests.values():
                    digest.update(chunk)
    for name, expected in file.digests.items():
        if (found := digests[name].hexdigest()) != expected:
            raise _mismatch(file, f"{name} {found}", f"{name} {expected}")


def _mismatch(file: GivenFile, found: str, expected: str) -> BerthError:
    return BerthError(
        "this is not the file that the recipe expects",
        where=file.uri,
        found=found,
        expected=expected,
        fix=f"Download it again: it may be incomplete or damaged. If this is the right file, change {file.key}.",
    )
