"""Every order in which threads can go on at their points of exchange, with the real code.

Orders that lead to the same state have the same future, so that only one of them is followed further.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any


class Schedule:
    """Lets one thread go on at a time, in an order that a list of choices says.

    Args:
        choices: At each point where several threads could go on, the number of the one that does; then the first.
        seen: States that were reached in other orders, where choices had been made for good.

    Attributes:
        state: Gives everything on which the future depends; None if no two orders lead to the same state.
    """

    def __init__(self, choices: list[int], seen: set[Hashable]) -> None:
        self.choices, self.options = list(choices), list[int]()
        self.state: Callable[[], Hashable] | None = None
        self._given, self._seen = len(choices), seen
        self._waiting: dict[str, threading.Semaphore] = {}
        self._here = threading.local()
        self._all_wait = threading.Semaphore(0)
        self._errors: list[BaseException] = []

    def point(self) -> str:
        """Another thread may go on here; returns, when it is the turn of this one again, the name of its task."""
        name: str = self._here.name
        self._waiting[name] = threading.Semaphore(0)
        mine = self._waiting[name]
        self._all_wait.release()
        mine.acquire()
        return name

    def run(self, tasks: Mapping[str, Callable[[], object]]) -> None:
        """Run tasks, each in its thread, to their ends. Raises the first error of one."""

        def begin(name: str, task: Callable[[], object]) -> None:
            self._here.name = name
            try:
                task()  # until its first point, one after the other
            except BaseException as error:
                self._errors.append(error)
            finally:
                self._all_wait.release()

        threads = [threading.Thread(target=begin, args=item) for item in tasks.items()]
        for thread in threads:
            thread.start()
            self._all_wait.acquire()
        step, is_known = 0, False
        while self._waiting:
            names = sorted(self._waiting)
            if step >= self._given and self.state is not None and not is_known:
                is_known = (state := self.state()) in self._seen
                self._seen.add(state)
            if step == len(self.choices):
                self.choices.append(0)
            self.options.append(1 if is_known else len(names))
            self._waiting.pop(names[self.choices[step]]).release()
            step += 1
            self._all_wait.acquire()
        for thread in threads:
            thread.join()
        if self._errors:
            raise self._errors[0]


def every_order(run: Callable[[Schedule], Any]) -> Iterator[Any]:
    """The results of a function that runs with a schedule, for each order, except those that lead to a known state."""
    choices: list[int] = []
    seen: set[Hashable] = set()
    while True:
        schedule = Schedule(choices, seen)
        try:
            yield run(schedule)
        except AssertionError as error:
            raise AssertionError(f"{error}, in the order {schedule.choices}") from error
        choices = schedule.choices[: len(schedule.options)]
        while choices and choices[-1] + 1 == schedule.options[len(choices) - 1]:
            choices.pop()
        if not choices:
            return
        choices[-1] += 1
