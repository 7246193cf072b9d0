"""Trials: a stage that crashes and is run again makes what an undisturbed run makes, and leaves nothing else."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from berth.errors import BerthError
from berth.stage.manifest import NAME as MANIFEST
from berth.stage.unchanged import REVISIONS
from crash.disk import ALL, DATA, Loss
from crash.operations import CRASHED, Crash, Operations
from crash.stages import Run

REFUSED = 78  # exit status: an error with a message
FAILED = 79
# What two runs of the same stage do not share, and what is no part of the result.
OF_A_RUN = ("seconds", "tools", "seal")
ASIDE = (".tensorboard",)


@dataclass
class Trials:
    """Trials of one stage.

    Args:
        do: Runs the stage into a directory.
        place: Directory for the trials; each has a new one below it.
        is_stage: Whether it is a stage, which leaves no temporary files; other files are written in places that belong
            to nobody, where what a killed process leaves stays.
    """

    do: Run
    place: Path
    is_stage: bool = True
    count: int = 0
    log: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.do(str(self._new("first")))  # imports and compiles what all trials need
        directory = self._new("recorded")
        report = self.place / "log.json"

        def record() -> None:
            operations = Operations(str(directory))
            operations.install()
            self.do(str(directory))
            assert not operations.passed, f"went past the recorder: {operations.passed}"
            report.write_text(json.dumps(operations.log))

        assert _forked(record) == 0, "the undisturbed run failed"
        self.log = [(kind, path) for kind, path in json.loads(report.read_text())]
        self.expected = self._tree(directory)

    def crashes(self) -> Iterator[Crash]:
        """All ways to crash once."""
        for at, (kind, _) in enumerate(self.log):
            yield Crash(at)
            if kind == "write":
                yield Crash(at, "torn")
            yield Crash(at, "power", ALL)
            yield Crash(at, "power", DATA)
            yield Crash(at, "power", Loss(0.5, 0.5, at))
        yield Crash(len(self.log) - 1, "after")

    def check(self, *crashes: Crash) -> None:
        """Crash so, then run again after each crash; compare. Raises AssertionError."""
        self.count += 1
        directory = self._new()
        for crash in crashes:
            status = _forked(lambda crash=crash: self._run(directory, crash))
            # A recovery may have fewer operations; a worker that crashes makes its launcher report it.
            assert status in (0, CRASHED, REFUSED, -signal.SIGKILL), f"{crash}: ended with {status}"
        self._finish(directory, ", then ".join(map(str, crashes)))

    def check_meanwhile(self, at: int) -> None:
        """Let another process start the same stage just before an operation; compare."""
        self.count += 1
        directory = self._new()

        def start_another(number: int) -> None:
            if number == at:
                status = _forked(lambda: self.do(str(directory)))
                assert status in (0, REFUSED), f"the other process ended with {status}"

        def run() -> None:
            Operations(str(directory), meanwhile=start_another).install()
            self.do(str(directory))

        status = _forked(run)
        assert status in (0, REFUSED), f"operation {at}, another process: ended with {status}"
        self._finish(directory, f"another process at operation {at}")

    def _run(self, directory: Path, crash: Crash) -> None:
        Operations(str(directory), crash).install()
        self.do(str(directory))

    def _finish(self, directory: Path, what: str) -> None:
        status = _forked(lambda: self.do(str(directory)))
        assert status == 0, f"{what}: the run after it ended with {status}"
        found = self._tree(directory)
        different = sorted(name for name in {*found, *self.expected} if found.get(name) != self.expected.get(name))
        assert not different, (
            f"{what}: {self._describe(what)} {different[0]}: {_shown(found, self.expected, different[0])}"
        )
        shutil.rmtree(directory)

    def _tree(self, directory: Path) -> dict[str, Any]:
        found = tree(directory)
        return found if self.is_stage else {name: each for name, each in found.items() if "/." not in name}

    def _describe(self, what: str) -> str:
        number = what.partition("operation ")[2].partition(",")[0]
        return f"({' '.join(self.log[int(number)])})" if number.isdigit() and int(number) < len(self.log) else ""

    def _new(self, name: str = "trial") -> Path:
        directory = self.place / f"{name}-{self.count}" / "workspace"
        directory.mkdir(parents=True)
        return directory


def tree(directory: Path) -> dict[str, Any]:
    """Everything in a directory by its path: contents, targets of links; manifests without what differs every time."""
    found: dict[str, Any] = {}
    for place, directories, names in os.walk(directory):
        directories[:] = [name for name in directories if name not in ASIDE]
        for name in (*names, *(name for name in directories if os.path.islink(os.path.join(place, name)))):
            path = Path(place, name)
            key = str(path.relative_to(directory))
            if path.is_symlink():
                found[key] = os.readlink(path)
            elif name == MANIFEST:
                found[key] = {k: v for k, v in json.loads(path.read_bytes()).items() if k not in OF_A_RUN}
            elif name != REVISIONS:
                found[key] = path.read_bytes()
    return found


def _forked(do: Callable[[], Any]) -> int:
    """Do something in a process of its own; its exit status, negative for a signal."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        status = FAILED
        try:
            do()
            status = 0
        except BerthError:
            status = REFUSED
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _shown(found: dict[str, Any], expected: dict[str, Any], name: str) -> str:
    return f"{str(found.get(name))[:300]}, undisturbed {str(expected.get(name))[:300]}"


def spread(items: Sequence[Crash], most: int) -> list[Crash]:
    """Some of the items, evenly chosen; all of them if there are no more."""
    return [items[number * len(items) // most] for number in range(most)] if len(items) > most else list(items)
