"""Follow manifests: where a result comes from (`berth lineage`), whether all is still as recorded (`berth verify`)."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from berth import storage
from berth.errors import BerthError, UsageError
from berth.progress import Progress
from berth.stage import stage_digest
from berth.stage.inputs import Inputs
from berth.stage.manifest import NAME, Manifest, ManifestFile, ManifestInput

SHORT = 12
LISTED = 8  # files of an input shown at most
# What a reader wants to know first of a stage, as far as it counts it.
MAIN_COUNTERS = ("pages", "articles", "documents", "sentences", "words", "instances")

log = logging.getLogger("berth.verify")


@dataclass(frozen=True)
class Source:
    """Input files that were given, or (not ``is_given``) that a stage made which is no longer there.

    They are as the stage that read them recorded them.
    """

    uri: str
    files: tuple[ManifestFile, ...]
    is_given: bool


@dataclass(frozen=True)
class Node:
    """A finished stage and, by the role they play, where its inputs come from."""

    directory: str
    manifest: Manifest
    inputs: Mapping[str, Node | Source]


@dataclass(frozen=True)
class Problem:
    """Something that is not as a manifest says."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def describe(path: str) -> str:
    """The lineage of ``path`` as a text, as ``berth lineage`` prints it; of a workspace, that of all it leads to.

    Raises:
        BerthError: if there is no finished stage at ``path``, or a manifest on the way cannot be read.
    """
    return forest(finished_stages(path))


def forest(directories: Sequence[str]) -> str:
    """The lineages of several stages as one text; those that others of them were made from stand inside those."""
    known: dict[str, Node] = {}
    nodes = [_node(directory, known, ()) for directory in directories]
    read = {origin.directory for node in known.values() for origin in node.inputs.values() if isinstance(origin, Node)}
    shown: set[str] = set()
    return "\n\n".join("\n".join(_lines(node, "", "", shown)) for node in nodes if node.directory not in read)


def chain(path: str) -> Node:
    """The lineage of a stage, back to the files from outside.

    Args:
        path: Directory of a finished stage, or a file or directory that a stage made.

    Raises:
        BerthError: if ``path`` belongs to no finished stage, or a manifest on the way cannot be read.
    """
    return _node(stage_of(path), {}, ())


def stage_of(path: str) -> str:
    """The directory of the finished stage that ``path`` is, or that made ``path``.

    Raises:
        BerthError: if there is none.
    """
    whole = path if storage.is_cloud(path) else os.path.abspath(storage.local_path(path))
    directory = whole.rstrip("/")
    while not storage.exists(storage.join(directory, NAME)):
        if storage.parent(directory) in ("", "/", "gs:/", directory):
            raise BerthError(
                "this belongs to no finished stage" if storage.exists(whole) else "there is no such file or directory",
                where=path,
                expected="the output directory of a finished stage (WORKSPACE/STAGE/DIGEST) or a file in it",
            )
        directory = storage.parent(directory)
    inside = whole[len(directory) :].strip("/")
    made = [entry.path for entry in Manifest.read(directory).files]
    if inside and inside != NAME and not any(name == inside or name.startswith(f"{inside}/") for name in made):
        raise BerthError("the stage did not make this", where=path, found=f"no such file in {directory}/{NAME}")
    return directory


def _node(directory: str, known: dict[str, Node], below: tuple[str, ...]) -> Node:
    if directory in below:
        raise BerthError("the manifests name each other as inputs in a circle", where=directory)
    if directory not in known:
        manifest = Manifest.read(directory)
        inputs: dict[str, Node | Source] = {}
        for role, given in sorted(manifest.inputs.items()):
            origin = place_of(given, directory)
            if given.stage and storage.exists(storage.join(origin, NAME)):
                inputs[role] = _node(origin, known, (*below, directory))
            else:
                inputs[role] = Source(origin, given.files, not given.stage)
        known[directory] = Node(directory, manifest, inputs)
    return known[directory]


def place_of(given: ManifestInput, directory: str) -> str:
    """Where an input came from: a URI, or the pattern the user gave."""
    if not given.stage or storage.is_cloud(given.uri):
        return given.uri
    joined = storage.join(directory, given.uri)
    return os.path.normpath(joined) if not storage.is_cloud(joined) else _resolved(joined)


def _resolved(uri: str) -> str:
    """A gs:// URI without its ``..`` parts."""
    scheme, rest = uri.split("://", 1)
    return f"{scheme}://{os.path.normpath(rest)}"


def inputs_of(directory: str, role: str) -> Inputs:
    """The files that a finished stage read in one role, where they stand now.

    Raises:
        UsageError: if the stage read nothing in that role.
        BerthError: if they are no longer there.
    """
    recorded = Manifest.read(directory).inputs
    if role not in recorded:
        raise UsageError(f"this stage read no {role}", where=directory, found=", ".join(sorted(recorded)) or "no input")
    given = recorded[role]
    origin = place_of(given, directory)
    return Inputs.of(*(storage.join(origin, file.path) for file in given.files) if given.stage else origin.split(" "))


def _lines(item: Node | Source, role: str, indent: str, shown: set[str]) -> Iterator[str]:
    label = f"{role}: " if role else ""
    if isinstance(item, Source):
        yield from _source_lines(item, label, indent, shown)
        return
    manifest = item.manifest
    facts = [f"{manifest.stage} {manifest.digest[:SHORT]}"]
    if item.directory in shown:
        yield f"{label}{facts[0]}  (see above)"
        return
    shown.add(item.directory)
    if manifest.seed is not None:
        facts.append(f"seed {manifest.seed}")
    facts += [f"{manifest.counters[name]:,} {name}" for name in MAIN_COUNTERS if name in manifest.counters]
    yield label + "  ".join(facts)
    for number, (name, origin) in enumerate(item.inputs.items(), 1):
        is_last = number == len(item.inputs)
        lines = _lines(origin, name, indent + ("   " if is_last else "│  "), shown)
        yield f"{indent}{'└─' if is_last else '├─'} {next(lines)}"
        yield from lines


def _source_lines(source: Source, label: str, indent: str, shown: set[str]) -> Iterator[str]:
    count, size = len(source.files), sum(file.size for file in source.files)
    what = f"  {'given, ' if source.is_given else ''}{count:,} files, {size:,} B" if count > 1 else ""
    key = " ".join([source.uri, *(file.sha256 for file in source.files)])
    if count > LISTED and key in shown:
        yield f"{label}{source.uri}{what}  (see above)"
        return
    shown.add(key)
    yield f"{label}{source.uri}{what}"
    left_out = count - LISTED if count > LISTED else 0
    lines = [f"{file.path}  {file.size:,} B  sha256 {file.sha256}" for file in source.files]
    if left_out:
        digest = inputs_digest(source.files)
        lines[LISTED - 1 : -1] = [f"… {left_out:,} more files; sha256 of all names and contents {digest}"]
    for number, line in enumerate(lines, 1):
        yield f"{indent}{'└─' if number == len(lines) else '├─'} {line}"


def finished_stages(path: str, ancestors: bool = False) -> list[str]:
    """The stage directories that ``path`` stands for.

    Args:
        path: A workspace (all its finished stages), or anything :func:`stage_of` takes.
        ancestors: Also the stages that those were made from.

    Raises:
        BerthError: if there is no finished stage.
    """
    base = path.rstrip("/") if storage.is_cloud(path) else os.path.abspath(storage.local_path(path))
    found = [] if storage.exists(storage.join(base, NAME)) else storage.glob(storage.join(base, "*", "*", NAME))
    directories = [storage.parent(uri) for uri in found] or [stage_of(path)]
    if not ancestors:
        return directories
    known: dict[str, Node] = {}
    for directory in directories:
        _node(directory, known, ())
    return list(known)


def verify(path: str, *, ancestors: bool = False) -> list[Problem]:
    """Read every file of the stages at ``path`` again and compare it with the manifests.

    An input from outside that is no longer there is no problem (the result does not need it any more): that it could
    not be compared is logged.

    Args:
        path: As for :func:`finished_stages`.
        ancestors: Also verify the stages that those were made from.

    Returns:
        What is not as recorded; empty where all is well.

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
            problems += _digest_problems(directory, manifest)
            problems += _strangers(directory, manifest)
            for entry in manifest.files:
                problems += _file_problems(storage.join(directory, entry.path), entry)
                progress.update(entry.size)
            for role, given in sorted(manifest.inputs.items()):
                problems += _input_problems(role, given, directory)
    return problems


def _digest_problems(directory: str, manifest: Manifest) -> Iterator[Problem]:
    inputs = {role: given.digest for role, given in manifest.inputs.items()}
    found = stage_digest(manifest.stage, manifest.version, manifest.parameters, inputs, manifest.seed)
    if found != manifest.digest:
        yield Problem(
            storage.join(directory, NAME),
            f"its parameters, seed or inputs were changed: they give the digest {found[:SHORT]}, "
            f"recorded is {manifest.digest[:SHORT]}",
        )


def _file_problems(uri: str, entry: ManifestFile) -> Iterator[Problem]:
    if not storage.exists(uri):
        yield Problem(uri, "missing")
    elif (size := storage.size(uri)) != entry.size:
        yield Problem(uri, f"the size differs: {size:,} bytes, recorded are {entry.size:,}")
    elif (digest := storage.sha256(uri)) != entry.sha256:
        yield Problem(uri, f"the content differs: sha256 {digest[:SHORT]}…, recorded is {entry.sha256[:SHORT]}…")


def _strangers(directory: str, manifest: Manifest) -> Iterator[Problem]:
    known = {entry.path for entry in manifest.files} | {NAME}
    for uri in storage.glob(storage.join(directory, "**")):
        name = uri[len(directory) + 1 :]
        if name not in known and not any(part.startswith(".") for part in name.split("/")):
            yield Problem(uri, "extra: the manifest does not list it")


def _input_problems(role: str, given: ManifestInput, directory: str) -> Iterator[Problem]:
    """Whether what was read is still there unchanged; where a stage made it, that stage's manifest speaks for it."""
    where = f"{storage.join(directory, NAME)}, input {role!r}"
    if inputs_digest(given.files) != given.digest:
        yield Problem(where, "the list of its files was changed: it does not give the recorded digest")
        return
    origin = place_of(given, directory)
    try:
        now = {file.path: file.sha256 for file in _present(given, origin)}
    except BerthError as error:
        log.warning("%s cannot be compared: %s", where, error)
        return
    for file in given.files:
        if now.get(file.path) != file.sha256:
            state = "other content" if file.path in now else "no such file"
            yield Problem(where, f"{file.path} is not what was read: {state} in {origin}")


def inputs_digest(files: Sequence[ManifestFile]) -> str:
    """SHA-256 over the names and contents of some input files, as :class:`berth.stage.inputs.Inputs` has it."""
    return hashlib.sha256("".join(f"{file.sha256} {file.path}\n" for file in files).encode()).hexdigest()


def _present(given: ManifestInput, origin: str) -> Iterable[ManifestFile]:
    """What stands now where an input came from. Raises BerthError where nothing does."""
    if given.stage:
        return Manifest.read(origin).files
    if any("/" in file.path for file in given.files):
        found = Inputs.of_tree(origin)
    else:
        found = Inputs.of(*([origin] if storage.exists(origin) else origin.split(" ")))
    return [ManifestFile(path=file.name, size=file.size, sha256=file.sha256) for file in found.files]
