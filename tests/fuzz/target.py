"""What a fuzz target is, and what every input must keep to: one clear message or none, and bounded memory."""

from __future__ import annotations

import contextlib
import functools
import importlib
import resource
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

from berth.errors import BerthError, printable

FOLDER = Path(__file__).parent
# Recipes list up to twenty problems of some hundred characters each.
LONGEST_MESSAGE = 10_000
STATUSES = (1, 2, 75)
# What one input of a few kilobytes may add to the highest memory of the process.
MOST_MEMORY = 256 << 20


class FindingError(Exception):
    """An input did what none may do."""


class Target(NamedTuple):
    """A parser with what may reach it.

    Args:
        name: Its module in `targets`, and its directories in `seeds` and `regressions`.
        fuzz: Gives an input to the parser.
        refusals: The errors by which it may refuse an input.
    """

    name: str
    fuzz: Callable[[bytes], None]
    refusals: tuple[type[BerthError], ...]

    @property
    def seeds(self) -> Path:
        """Directory of inputs to begin with."""
        return FOLDER / "seeds" / self.name

    @property
    def regressions(self) -> Path:
        """Directory of inputs that once did what none may do."""
        return FOLDER / "regressions" / self.name

    def run(self, data: bytes) -> None:
        """Give an input to the parser.

        Raises:
            FindingError: if it is refused without one clear message, or took too much memory.
            Exception: any that is not one of the refusals.
        """
        before = _highest_memory()
        with refused(*self.refusals):
            self.fuzz(data)
        if (taken := _highest_memory() - before) > MOST_MEMORY:
            raise FindingError(f"{len(data):,} bytes of input took {taken >> 20} MB of memory")


def names() -> list[str]:
    """The names of all targets."""
    return sorted(path.stem for path in (FOLDER / "targets").glob("*.py"))


@functools.cache
def load(name: str) -> Target:
    """The target of this name, after all its seeds: libraries are loaded then, and kernels compiled.

    Neither counts as memory or time of an input.
    """
    module = importlib.import_module(f"fuzz.targets.{name}")
    target = Target(name, module.fuzz, module.REFUSALS)
    for path in sorted(target.seeds.iterdir()):
        with contextlib.suppress(Exception):  # a finding when it is run
            target.fuzz(path.read_bytes())
    return target


def place(name: str) -> str:
    """Path of a file or directory in a temporary directory that all inputs of this process share."""
    return str(Path(_directory().name, name))


def write(name: str, content: bytes) -> str:
    """Write a file of the temporary directory; returns its path."""
    path = Path(place(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return str(path)


@contextlib.contextmanager
def refused(*errors: type[BerthError]) -> Iterator[None]:
    """Permit one step to refuse its input by these errors; others, and unclear messages, are findings."""
    try:
        yield
    except errors as error:
        check_message(str(error))
        if error.exit_status not in STATUSES:
            raise FindingError(f"exit status {error.exit_status}") from error


def check_message(message: str) -> None:
    """Check that a message is one line that can be printed and read."""
    if len(message) > LONGEST_MESSAGE:
        raise FindingError(f"a message of {len(message):,} characters: {message[:200]}")
    if message != printable(message):
        raise FindingError(f"a message that is not one printable line: {message[:1000]!r}")


def choice(data: bytes) -> tuple[int, bytes]:
    """An input's first byte, as a number that chooses what is done, and the rest. Seeds begin with a digit: 0 is 0."""
    return (data[0] - ord("0")) % 256 if data else 0, data[1:]


def parts(data: bytes, count: int) -> list[bytes]:
    """An input cut at lines `%%` into so many parts; what is missing is empty."""
    found = data.split(b"\n%%\n", count - 1)
    return found + [b""] * (count - len(found))


def no_network() -> NoReturn:
    """Takes the place of the client of Cloud Storage: inputs may name buckets."""
    raise BerthError("there is no network here")


def clean() -> None:
    """Delete the temporary directory."""
    _directory().cleanup()


@functools.cache
def _directory() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="berth-fuzz-")


def _highest_memory() -> int:
    """Bytes of memory that the process held at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
