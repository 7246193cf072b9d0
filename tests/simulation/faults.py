"""What goes wrong in a simulated bucket, and which process goes on: decided by a seed, request by request."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from google.api_core import exceptions as api

from support.simulated_bucket import SimulatedClient, Store, lost_connection, timed_out, unavailable

# Statuses that the service may answer with, and that the same request survives later.
TEMPORARY = (429, 500, 502, 503)
LATE = ("upload", "delete")


class Killed(BaseException):
    """The process is dead: whatever it tries to do after this does not happen."""


@dataclass(frozen=True)
class Weather:
    """How likely each fault is, at each request.

    Attributes:
        unavailable: An error of the server, or a connection that cannot be made.
        lost: The answer is lost, though the request was carried out.
        slow: The request times out; half of such requests are carried out.
        torn: Half of an upload's content arrives.
        stale: A listing does not show the newest changes.
        killed: The process ends; what it was sending may arrive later.
        denied: The process loses its permission to write, or to do anything.
        quota: The bucket accepts no upload for the rest of the attempt.
        clock: The clock of the service is set back.
        switch: Another process goes on.
    """

    unavailable: float = 0.0
    lost: float = 0.0
    slow: float = 0.0
    torn: float = 0.0
    stale: float = 0.0
    killed: float = 0.0
    denied: float = 0.0
    quota: float = 0.0
    clock: float = 0.0
    switch: float = 0.0

    @classmethod
    def of(cls, random: Random) -> Weather:
        """Some faults, seldom or often."""
        rates = {
            name: random.choice((0.0, 0.0, often / 5, often))
            for name, often in (
                ("unavailable", 0.2),
                ("lost", 0.1),
                ("slow", 0.1),
                ("torn", 0.2),
                ("stale", 0.3),
                ("killed", 0.03),
                ("denied", 0.01),
                ("quota", 0.01),
                ("clock", 0.1),
            )
        }
        return cls(**rates, switch=random.choice((0.05, 0.5)))


CALM = Weather()


@dataclass
class SeededFaults:
    """The faults of a simulation.

    Args:
        random: Decides.
        weather: How likely they are.
        turns: The processes that take turns; None if there is one.
    """

    random: Random
    weather: Weather = CALM
    turns: Turns | None = None
    happened: set[str] = field(default_factory=set)
    seconds: float = 0.0
    _denied: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _dead: set[str] = field(default_factory=set)
    _late: list[Callable[[], object]] = field(default_factory=list)
    _is_full: bool = False
    _rates: dict[str, float] = field(default_factory=dict)

    def begin_attempt(self, weather: Weather, turns: Turns | None = None) -> None:
        """Processes are started anew, by a user who has seen to the permissions and the quota."""
        self.weather, self.turns = weather, turns
        self._rates = {name: rate for name, rate in vars(weather).items() if rate}
        self._denied.clear()
        self._dead.clear()
        self._is_full = False

    def before(self, client: SimulatedClient, kind: str, key: str, carry_out: Callable[[], object]) -> None:
        """See :class:`support.simulated_bucket.Faults`."""
        if self.turns is not None and self._happens("switch"):
            self.turns.switch(client.name.partition("/")[0], self.random)
        if client.name in self._dead:
            raise Killed
        self._deliver()
        if self._happens("clock"):
            client.store.clock -= self.random.randrange(1, 500_000)
        if self._happens("killed"):
            self._dead.add(client.name)
            if kind in LATE and self.random.random() < 0.5:
                self._late.append(carry_out)
            raise Killed
        if self._happens("denied"):
            self._denied[client.name] = self.random.choice((LATE, ("get", "list", "download", *LATE)))
        if kind in self._denied.get(client.name, ()):
            raise unavailable(kind, 403, "the account does not have access")
        self._is_full |= self._happens("quota")
        if self._is_full and kind == "upload":
            raise unavailable(kind, 403, "the quota of the bucket is exceeded")
        if self._happens("unavailable"):
            raise self.random.choice((lost_connection(), unavailable(kind, self.random.choice(TEMPORARY))))
        if self._happens("slow") and self.random.random() < 0.5:
            self.seconds += 60
            raise timed_out()

    def after(self, client: SimulatedClient, kind: str, key: str) -> None:
        """See :class:`support.simulated_bucket.Faults`."""
        if self._happens("lost"):
            raise self.random.choice((lost_connection(), unavailable(kind, 503)))
        if self._happens("slow") and self.random.random() < 0.5:
            self.seconds += 60
            raise timed_out()

    def is_torn(self, client: SimulatedClient, kind: str, key: str) -> bool:
        """See :class:`support.simulated_bucket.Faults`."""
        return self._happens("torn")

    def unseen(self, client: SimulatedClient, store: Store) -> set[str]:
        """The newest change, or the few newest. What a process has written itself, it sees."""
        if not self._happens("stale"):
            return set()
        newest = list(store.changed.items())[-self.random.randrange(1, 6) :]
        return {key for key, by in newest if by != client.name}

    def sleep(self, seconds: float) -> None:
        """Waiting costs no time."""
        self.seconds += seconds

    def _happens(self, name: str) -> bool:
        if name in self._rates and self.random.random() < self._rates[name]:
            self.happened.add(name)
            return True
        return False

    def _deliver(self) -> None:
        """Carry out some of what killed processes had sent."""
        while self._late and self.random.random() < 0.3:
            with contextlib.suppress(api.GoogleAPICallError):
                self._late.pop(self.random.randrange(len(self._late)))()


class Turns:
    """Several processes, here threads, of which one runs at a time, until it gives the turn to another.

    Args:
        names: Of the processes; the first begins.
    """

    def __init__(self, names: list[str]) -> None:
        self._may_run = {name: threading.Semaphore(0) for name in names}
        self._active = list(names)

    def run(self, tasks: dict[str, Callable[[], Any]], random: Random) -> None:
        """Run all tasks, each as the process of its name, to their ends."""

        def begin(name: str, task: Callable[[], Any]) -> None:
            self._may_run[name].acquire()
            try:
                task()
            finally:
                self._active.remove(name)
                if self._active:
                    self._may_run[random.choice(self._active)].release()

        threads = [threading.Thread(target=begin, args=item) for item in tasks.items()]
        for thread in threads:
            thread.start()
        self._may_run[self._active[0]].release()
        for thread in threads:
            thread.join()

    def switch(self, name: str, random: Random) -> None:
        """Let any of the processes go on; returns when it is the turn of this one again."""
        chosen = random.choice(self._active)
        if chosen != name:
            self._may_run[chosen].release()
            self._may_run[name].acquire()
