"""A runner for Beam jobs whose workers are processes: each element of each step is worked on in a forked one."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterable
from typing import Any

from apache_beam.transforms.core import DoFn

from berth.errors import BerthError
from support.eager_runner import EagerRunner


class ForkingRunner(EagerRunner):
    """The launcher waits for each worker, reports one that is lost, and leaves it alone when it dies itself."""

    def process(self, do: DoFn, elements: list[Any], args: list[Any], kwargs: dict[str, Any]) -> Iterable[Any]:
        """The outputs of a step."""
        for element in elements:
            yield from _in_worker(lambda element=element: list(do.process(element, *args, **kwargs) or ()))


def _in_worker(work: Any) -> list[Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        result = work()
        with os.fdopen(writing, "wb") as file:
            file.write(pickle.dumps(result))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        content = file.read()
    _, status = os.waitpid(child, 0)
    if status or not content:
        raise BerthError("a worker was lost")
    result: list[Any] = pickle.loads(content)
    return result
