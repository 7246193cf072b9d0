"""Patterns of file names: a type of their own, and the local files that match one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from berth.storage.uris import join

WILDCARDS = "*?["
ANY_DIRECTORIES = "**"


@dataclass(frozen=True)
class Pattern:
    """The files below a directory whose names match.

    Attributes:
        directory: Its URI, taken as it is, whatever characters it holds; "" is the current directory.
        names: Path below the directory. In a component, ``*`` is any text, ``?`` any character and ``[abc]`` one of
            these; the component ``**`` is any number of directories, at the end everything below. Linked directories
            are not entered by ``**``, since links may form a circle.
    """

    directory: str
    names: str

    def __str__(self) -> str:
        """As a user would write it, for messages."""
        return join(self.directory, self.names)

    @property
    def parts(self) -> tuple[str, ...]:
        """The components of ``names``."""
        return tuple(self.names.split("/"))

    @property
    def fixed(self) -> str:
        """The text that all matching names begin with."""
        return next((self.names[:end] for end, each in enumerate(self.names) if each in WILDCARDS), self.names)


def has_wildcards(text: str) -> bool:
    """Whether a text that a user gives may be a pattern."""
    return any(character in text for character in WILDCARDS)


def matches(parts: Sequence[str], names: Sequence[str]) -> bool:
    """Whether the components of a path match those of a pattern."""
    if not parts or not names:
        return not parts and not names
    if parts[0] != ANY_DIRECTORIES:
        return fnmatchcase(names[0], parts[0]) and matches(parts[1:], names[1:])
    return len(parts) == 1 or any(matches(parts[1:], names[start:]) for start in range(len(names)))


def local_names(directory: str, parts: Sequence[str]) -> Iterator[str]:
    """Paths, below a local directory, of the files that match; with several ``**``, some more than once.

    Raises:
        OSError: if a directory exists but cannot be read.
    """
    first, rest = parts[0], parts[1:]
    if first == ANY_DIRECTORIES:
        if rest:
            yield from local_names(directory, rest)
        for entry in _entries(directory):
            if entry.is_dir(follow_symlinks=False):
                yield from _below(entry, parts)
            elif not rest and entry.is_file():
                yield entry.name
        return
    for entry in _entries(directory):
        if fnmatchcase(entry.name, first):
            if rest and entry.is_dir():
                yield from _below(entry, rest)
            elif not rest and entry.is_file():
                yield entry.name


def _below(entry: os.DirEntry[str], parts: Sequence[str]) -> Iterator[str]:
    return (f"{entry.name}/{name}" for name in local_names(entry.path, parts))


def _entries(directory: str) -> list[os.DirEntry[str]]:
    """The entries of a directory; none if it does not exist, or is deleted meanwhile."""
    try:
        with os.scandir(directory or ".") as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
