"""Every durable operation below a directory, one after another: where a process can crash, and how it does.

The functions of `os` through which Python creates, writes, renames and deletes files, and the write of Berth's output
files, are replaced within a process that ends afterwards. An audit hook checks that nothing goes past them.
"""

from __future__ import annotations

import builtins
import contextlib
import fcntl
import io
import mmap
import os
import signal
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from berth.storage import local
from crash.disk import Disk, Loss

CRASHED = 77  # exit status
How = Literal["before", "torn", "after", "power", "launcher"]
CREATING = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_RDWR
# Audit events of changes; the paths are the first arguments.
CHANGES = {
    "os.mkdir": 1,
    "os.rename": 2,
    "os.remove": 1,
    "os.rmdir": 1,
    "os.symlink": 2,
    "os.link": 2,
    "os.truncate": 1,
}


@dataclass(frozen=True)
class Crash:
    """Where and how a process ends.

    Attributes:
        at: Index of the operation.
        how: ``before`` it, ``after`` it, in the middle of a write (``torn``), or before it by a power failure, which
            also loses what was not fsynced. ``launcher``: the process that started the worker is killed; the worker,
            which is about to do the operation, goes on.
        loss: What a power failure loses.
    """

    at: int
    how: How = "before"
    loss: Loss | None = None

    def __str__(self) -> str:
        return f"operation {self.at}, {self.how}{f' {self.loss}' if self.loss else ''}"


@dataclass
class Operations:
    """Counts and records the operations of this process and of those it forks.

    Args:
        root: The directory.
        crash: Where to end; None for nowhere.
        meanwhile: Called before each operation with its index.
    """

    root: str
    crash: Crash | None = None
    meanwhile: Callable[[int], None] | None = None
    log: list[tuple[str, str]] = field(default_factory=list)
    passed: list[tuple[str, str]] = field(default_factory=list)

    def install(self) -> None:
        """Replace the functions, until this process ends."""
        self._launcher = os.getpid()
        self._counter = mmap.mmap(-1, 8)  # shared with the processes that this one forks
        self._disk = Disk(self.root) if self.crash is not None and self.crash.how == "power" else None
        self._is_inside = False
        self._real_open, self._real_fsync = os.open, os.fsync
        for name in ("mkdir", "rmdir", "unlink", "remove", "rename", "replace", "symlink"):
            setattr(os, name, self._wrapped(name, getattr(os, name)))
        os.open, os.fsync = self._open, self._fsync
        fcntl.flock = self._wrapped_handle("lock", fcntl.flock)
        local._Output.write = self._write_of(io.FileIO.write)  # type: ignore[method-assign]
        io.open = self._open_file(io.open)  # type: ignore[assignment]
        builtins.open = io.open
        sys.addaudithook(self._audit)

    def _point(self, kind: str, path: str, do: Callable[[], Any], torn: Callable[[], Any] | None = None) -> Any:
        """One operation."""
        if not (path == self.root or path.startswith(f"{self.root}/")):
            return do()
        number = struct.unpack("q", self._counter[:8])[0]
        self._counter[:8] = struct.pack("q", number + 1)
        self.log.append((kind, path[len(self.root) :]))
        if self.meanwhile is not None:
            self.meanwhile(number)
        crash = self.crash
        if crash is not None and crash.at == number:
            self._crash_before(crash, torn)
        self._is_inside = True
        try:
            result = do()
        finally:
            self._is_inside = False
        if crash is not None and crash.at == number and crash.how == "after":
            os._exit(CRASHED)
        return result

    def _crash_before(self, crash: Crash, torn: Callable[[], Any] | None) -> None:
        if crash.how == "launcher":
            if os.getpid() != self._launcher:
                os.kill(self._launcher, signal.SIGKILL)
            return
        if crash.how == "after":
            return
        if crash.how == "torn" and torn is not None:
            torn()
        if crash.how == "power" and self._disk is not None and crash.loss is not None:
            disk, self._disk = self._disk, None
            disk.lose_power(crash.loss)
        os._exit(CRASHED)

    def _wrapped(self, kind: str, do: Callable[..., Any]) -> Callable[..., Any]:
        is_creation = kind in ("mkdir",)

        def call(path: Any, *args: Any, **kwargs: Any) -> Any:
            place = _absolute(args[0] if kind in ("rename", "replace", "symlink") else path, kwargs.get("dir_fd"))
            result = self._point(kind, place, lambda: do(path, *args, **kwargs))
            if is_creation and self._disk is not None and place.startswith(self.root):
                self._disk.created(place)
            return result

        return call

    def _wrapped_handle(self, kind: str, do: Callable[..., Any]) -> Callable[..., Any]:
        return lambda handle, *args: self._point(kind, _path_of(handle), lambda: do(handle, *args))

    def _open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        def do() -> int:
            return self._real_open(path, flags, mode, dir_fd=dir_fd)

        if not flags & CREATING:
            return do()
        return int(self._created(_absolute(path, dir_fd), do))

    def _created(self, place: str, do: Callable[[], Any]) -> Any:
        is_new = not os.path.lexists(place)
        result = self._point("create" if is_new else "open", place, do)
        if is_new and self._disk is not None and place.startswith(f"{self.root}/"):
            self._disk.created(place)
        return result

    def _open_file(self, do: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            if isinstance(path, int) or not set(mode) & set("wax+"):
                return do(path, mode, *args, **kwargs)
            return self._created(os.path.abspath(os.fspath(path)), lambda: do(path, mode, *args, **kwargs))

        return call

    def _fsync(self, handle: int) -> None:
        path = _path_of(handle)
        self._point("fsync", path, lambda: None)  # the memory of the machine is not lost with the process
        if self._disk is not None and path.startswith(self.root):
            self._disk.fsync(path)

    def _write_of(self, do: Callable[..., int]) -> Callable[..., int]:
        def write(file: Any, data: Any) -> int:
            view = memoryview(data).cast("B")
            half = view[: len(view) // 2]
            return int(self._point("write", _path_of(file.fileno()), lambda: do(file, view), lambda: do(file, half)))

        return write

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if self._is_inside:
            return
        changed: tuple[Any, ...] = ()
        if event in CHANGES:
            changed = args[: CHANGES[event]]
        elif event == "open" and isinstance(args[2], int) and args[2] & CREATING:
            changed = args[:1]
        for path in changed:
            if isinstance(path, str | bytes) and os.path.abspath(os.fsdecode(path)).startswith(f"{self.root}/"):
                self.passed.append((event, os.fsdecode(path)))


def _absolute(path: Any, directory: int | None) -> str:
    name = os.fsdecode(path)
    return os.path.join(_path_of(directory), name) if directory is not None else os.path.abspath(name)


def _path_of(handle: int) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/self/fd/{handle}").removesuffix(" (deleted)")
    return ""
