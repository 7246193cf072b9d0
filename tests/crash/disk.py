"""What a disk holds after a power failure: only what was fsynced is certain.

A file's content is that of its last fsync; a directory's entries are those of its last fsync. Everything since then may
or may not have reached the disk: a :class:`Loss` decides.
"""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass, field
from random import Random


@dataclass(frozen=True)
class Loss:
    """What is lost of the changes since the last fsync.

    Attributes:
        entries: How likely a change of a directory (create, rename, unlink, mkdir, rmdir) is lost.
        contents: How likely written data is lost.
        seed: Decides.
    """

    entries: float
    contents: float
    seed: int = 0


ALL = Loss(1.0, 1.0)
DATA = Loss(0.0, 1.0)  # as on a file system that keeps the order of renames, but not of data


@dataclass
class Directory:
    """A directory: entries by name, as they are on the disk; links are their targets."""

    entries: dict[str, int | str] = field(default_factory=dict)


@dataclass
class Disk:
    """The files and directories below a root, with what of them is certain to be on the disk.

    At the beginning everything is. Files are known by numbers of their own, since the system gives the inode of a
    deleted file to a new one.

    Attributes:
        root: The directory.
    """

    root: str
    _numbers: dict[int, int] = field(default_factory=dict)
    _files: dict[int, bytes] = field(default_factory=dict)
    _directories: dict[int, Directory] = field(default_factory=dict)
    _next: int = 0

    def __post_init__(self) -> None:
        for place, _, names in os.walk(self.root, topdown=False):
            for name in names:
                path = os.path.join(place, name)
                if not os.path.islink(path):
                    self._files[self.created(path)] = _content(path)
            self.created(place)
        for place, _, _ in os.walk(self.root):
            self.fsync(place)

    def created(self, path: str) -> int:
        """A file or directory was created: nothing of it is on the disk. Returns its number."""
        self._next += 1
        self._numbers[os.lstat(path).st_ino] = self._next
        if os.path.isdir(path):
            self._directories[self._next] = Directory()
        return self._next

    def fsync(self, path: str) -> None:
        """A file or directory was fsynced."""
        if os.path.isdir(path):
            self._directories[self._number(path)] = Directory(self._entries(path))
        else:
            self._files[self._number(path)] = _content(path)

    def lose_power(self, loss: Loss) -> None:
        """Leave in the root what the disk holds after a power failure."""
        random = Random(loss.seed)
        tree = self._read(self.root, loss, random)
        for name in os.listdir(self.root):
            path = os.path.join(self.root, name)
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        _write(self.root, tree)

    def _number(self, path: str) -> int:
        return self._numbers[os.lstat(path).st_ino]

    def _entries(self, place: str) -> dict[str, int | str]:
        found: dict[str, int | str] = {}
        for name in os.listdir(place):
            path = os.path.join(place, name)
            found[name] = os.readlink(path) if os.path.islink(path) else self._number(path)
        return found

    def _read(self, place: str, loss: Loss, random: Random) -> dict[str, object]:
        """The tree after the power failure: directories as mappings, files as bytes, links as texts."""
        live = {self._number(path): path for path in _all(self.root)}
        return self._directory(self._number(place), place, live, loss, random)

    def _directory(
        self, number: int, place: str | None, live: dict[int, str], loss: Loss, random: Random
    ) -> dict[str, object]:
        known = self._directories[number].entries
        now = self._entries(place) if place is not None else known
        tree: dict[str, object] = {}
        for name in sorted({*known, *now}):
            is_lost = known.get(name) != now.get(name) and random.random() < loss.entries
            entry = known.get(name) if is_lost else now.get(name)
            if isinstance(entry, str):
                tree[name] = entry
            elif entry is not None:
                path = live.get(entry)
                if entry in self._directories:
                    tree[name] = self._directory(entry, path, live, loss, random)
                else:
                    tree[name] = self._file(entry, path, loss, random)
        return tree

    def _file(self, number: int, path: str | None, loss: Loss, random: Random) -> bytes:
        certain = self._files.get(number, b"")
        written = _content(path) if path is not None else certain
        if written == certain or random.random() < loss.contents:
            return certain
        return written[: random.randint(0, len(written))] if loss.contents else written


def _all(root: str) -> list[str]:
    found = [root]
    for place, directories, names in os.walk(root):
        found += [os.path.join(place, name) for name in (*directories, *names)]
    return [path for path in found if not stat.S_ISLNK(os.lstat(path).st_mode)]


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _write(place: str, tree: dict[str, object]) -> None:
    for name, entry in tree.items():
        path = os.path.join(place, name)
        if isinstance(entry, dict):
            os.mkdir(path)
            _write(path, entry)
        elif isinstance(entry, str):
            os.symlink(entry, path)
        else:
            assert isinstance(entry, bytes)
            with open(path, "wb") as file:
                file.write(entry)
