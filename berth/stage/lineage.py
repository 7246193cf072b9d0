"""Where a result comes from (`berth lineage`): manifests followed back to the files from outside."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from berth import storage
from berth.errors import BerthError, UsageError, printable
from berth.stage.inputs import Inputs, digest_of
from berth.stage.manifest import NAME, Manifest, ManifestFile, ManifestInput

SHORT = 12
LISTED = 8  # at most this many files of an input are shown
# The counters that are shown of a stage, if it has them.
MAIN_COUNTERS = ("pages", "articles", "documents", "sentences", "words", "instances")


@dataclass(frozen=True)
class Source:
    """Input files from outside, or (not ``is_given``) of a stage that no longer exists.

    ``uris`` are the paths and patterns that were given. Sizes and digests are those that the stage that read them
    recorded.
    """

    uris: tuple[str, ...]
    files: tuple[ManifestFile, ...]
    is_given: bool

    @property
    def place(self) -> str:
        """All of them, as text for people."""
        return ", ".join(self.uris)


@dataclass(frozen=True)
class Node:
    """A finished stage and the origin of each of its inputs, by role."""

    directory: str
    manifest: Manifest
    inputs: Mapping[str, Node | Source]


def describe(path: str) -> str:
    """The lineage of ``path`` as text (``berth lineage``); of a workspace, the lineage of its final results.

    Raises:
        BerthError: if there is no finished stage at ``path``, or a manifest on the way cannot be read.
    """
    return forest(finished_stages(path))


def forest(directories: Sequence[str]) -> str:
    """The lineages of several stages as one text. A stage that another one was made from is shown inside that one."""
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
    # A link in `results` leads to the directory: inputs are relative to where that really is.
    whole = path if storage.is_cloud(path) else os.path.realpath(storage.local_path(path))
    directory = whole.rstrip("/")
    while not storage.exists(storage.join(directory, NAME)):
        if storage.parent(directory) in ("", "/", "gs:/", directory):
            raise BerthError(
                "this belongs to no finished stage" if storage.exists(whole) else "no such file or directory",
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
            origins = origins_of(given, directory)
            if given.stage and storage.exists(storage.join(origins[0], NAME)):
                inputs[role] = _node(origins[0], known, (*below, directory))
            else:
                inputs[role] = Source(origins, given.files, not given.stage)
        known[directory] = Node(directory, manifest, inputs)
    return known[directory]


def origins_of(given: ManifestInput, directory: str) -> tuple[str, ...]:
    """The origins of an input: the directory of a stage, or the paths and patterns that the user gave."""
    uris = (given.uri,) if isinstance(given.uri, str) else given.uri
    if not given.stage or storage.is_cloud(uris[0]):
        return uris
    joined = storage.join(directory, uris[0])
    return (_resolved(joined) if storage.is_cloud(joined) else os.path.normpath(joined),)


def origin_uri(given: ManifestInput, directory: str) -> str:
    """The origin of an input that is one file or one stage's directory; of others, the first."""
    return origins_of(given, directory)[0]


def _resolved(uri: str) -> str:
    """A gs:// URI without its ``..`` parts."""
    scheme, rest = uri.split("://", 1)
    return f"{scheme}://{os.path.normpath(rest)}"


def inputs_of(directory: str, role: str) -> Inputs:
    """The files that a finished stage read in one role, at their present location.

    Raises:
        UsageError: if the stage read nothing in that role.
        BerthError: if they no longer exist.
    """
    recorded = Manifest.read(directory).inputs
    if role not in recorded:
        raise UsageError(f"this stage read no {role}", where=directory, found=", ".join(sorted(recorded)) or "no input")
    given = recorded[role]
    origins = origins_of(given, directory)
    if given.stage:
        return Inputs.at(*(storage.join(origins[0], file.path) for file in given.files))
    return Inputs.of(*origins)


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
    key = " ".join([*source.uris, *(file.sha256 for file in source.files)])
    if count > LISTED and key in shown:
        yield f"{label}{printable(source.place)}{what}  (see above)"
        return
    shown.add(key)
    yield f"{label}{printable(source.place)}{what}"
    omitted = count - LISTED if count > LISTED else 0
    lines = [f"{printable(file.path)}  {file.size:,} B  sha256 {file.sha256}" for file in source.files]
    if omitted:
        digest = digest_of((file.sha256, file.path) for file in source.files)
        lines[LISTED - 1 : -1] = [f"… {omitted:,} more files; sha256 of all names and contents {digest}"]
    for number, line in enumerate(lines, 1):
        yield f"{indent}{'└─' if number == len(lines) else '├─'} {line}"


def finished_stages(path: str, ancestors: bool = False) -> list[str]:
    """The directories of the finished stages at ``path``.

    Args:
        path: A workspace (all its finished stages), or anything that :func:`stage_of` accepts.
        ancestors: Also the stages that those were made from.

    Raises:
        BerthError: if there is no finished stage.
    """
    base = path.rstrip("/") if storage.is_cloud(path) else os.path.abspath(storage.local_path(path))
    found = [] if storage.exists(storage.join(base, NAME)) else storage.glob(storage.Pattern(base, f"*/*/{NAME}"))
    directories = [storage.parent(uri) for uri in found] or [stage_of(path)]
    if not ancestors:
        return directories
    known: dict[str, Node] = {}
    for directory in directories:
        _node(directory, known, ())
    return list(known)
