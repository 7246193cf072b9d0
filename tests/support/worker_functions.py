"""Functions that tests let worker processes call: those must be able to import them."""

from __future__ import annotations

import os
import signal
import time

from berth.errors import UsageError
from berth.stage.output import Output


def square(number: int) -> int:
    """Its square."""
    return number * number


def pause_and_name_process(seconds: float) -> int:
    """Sleep; the worker's process id."""
    time.sleep(seconds)
    return os.getpid()


def refuse(number: int) -> int:
    """Fail for odd numbers, with an error that names the number."""
    if number % 2:
        raise UsageError("odd\nnumbers", where="numbers", found=str(number))
    return number


class LocalError(Exception):
    """An error that cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("no copy")
        self.file = open(os.devnull)  # noqa: SIM115


def fail_without_copy(_: int) -> None:
    """Raise an error that cannot be sent to another process."""
    raise LocalError


def kill_at_three(number: int) -> int:
    """End this process by SIGKILL at the number 3, as the kernel does when memory runs out."""
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def write_shard(task: tuple[Output, int]) -> None:
    """Write a shard that counts its number of bytes."""
    output, number = task
    with output.shard(f"shard-{number}") as shard:
        shard.write(b"x" * number)
        shard.records = 1
        shard.counters["documents"] = number


def note_overlap(path: str) -> bool:
    """Whether another process is in this function at the same time."""
    try:
        os.mkdir(path)
    except FileExistsError:
        return True
    time.sleep(0.05)
    os.rmdir(path)
    return False
