"""The step of a Beam job that does its work: in worker processes where there are some, with Beam's counters."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from apache_beam.utils.windowed_value import WindowedValue

from pipelines.engine import workers
from pipelines.engine.beam import beam
from pipelines.engine.element import Done, perform

NAMESPACE = "berth"


class Work(beam.DoFn):  # type: ignore[misc]
    """Calls a function for each element; its result is the output.

    In this process's own engine with several workers, the elements of a bundle (all there are) are collected, then
    worked on by all workers. On other engines, which have workers of their own, each element is worked on at once.
    A side input is only waited for.

    Args:
        function: A function of a module, or a method of a dataclass: workers get a pickled copy.
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function
        self._elements: list[Any] = []

    def start_bundle(self) -> None:
        """Begin a bundle."""
        self._elements = []

    def process(self, element: Any, done: Any = None) -> Iterator[Any]:
        """Work on an element, or keep it for the workers."""
        if workers.current() is None:
            yield _counted(perform(self._function, element))
        else:
            self._elements.append(element)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        """Let the workers work on the elements."""
        pool = workers.current()
        if pool is None or not self._elements:
            return
        for done in pool.map(functools.partial(perform, self._function), self._elements):
            window = beam.transforms.window.GlobalWindow()
            yield WindowedValue(_counted(done), window.max_timestamp(), [window])


def count(counters: Mapping[str, int]) -> None:
    """Add to Beam's counters, which engines show while a job runs."""
    for name, number in counters.items():
        beam.metrics.Metrics.counter(NAMESPACE, name).inc(number)


def _counted(done: Done) -> Any:
    count(done.counters)
    return done.result
