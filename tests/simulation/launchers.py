"""Launchers that want the lease of one directory, interleaved request by request as a seed says.

Each has a monotonic clock of its own, with its own beginning and rate; they are paused, die with a request on its way,
and come back. What they believe is compared with what the others did in the time that passes for all.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from berth import storage
from berth.errors import BerthError
from berth.stage import lease
from berth.stage.lease import Lease
from berth.storage import cloud
from simulation.faults import Killed, SeededFaults, Turns, Weather
from support.simulated_bucket import SimulatedClient, Store

DIRECTORY, MANIFEST = "gs://bucket/w/stage", "gs://bucket/w/stage/manifest.json"
NAMES = ["one", "two", "three"]
FINISHED = ("won", "found it finished")
# Of quartz clocks, a hundred times more than real ones differ.
SLOWEST, FASTEST = 0.99, 1.01

_local = threading.local()


@dataclass
class Launcher:
    """One process.

    Attributes:
        name: Its name.
        offset: What its clock showed at the beginning.
        rate: Seconds of its clock in a second.
        renewed: When it last wrote the lease, in the time of all; None if it does not believe that it holds it.
        fate: How it ended.
    """

    name: str
    offset: float
    rate: float
    renewed: float | None = None
    fate: str = ""


@dataclass
class World:
    """What the seed decides, and what has happened.

    Attributes:
        taken: How often a lease was taken over from another process.
    """

    random: Random
    store: Store
    faults: SeededFaults
    launchers: dict[str, Launcher] = field(default_factory=dict)
    taken: int = 0

    def now(self) -> float:
        """The clock of the process that runs."""
        launcher = self.launchers[_local.client.name]
        return launcher.offset + self.faults.seconds * launcher.rate

    def sleep(self, seconds: float) -> None:
        """The process that runs sleeps; others go on."""
        name = _local.client.name
        wake = self.faults.seconds + seconds / self.launchers[name].rate
        while self.faults.seconds < wake:
            if self.faults.turns is not None:
                self.faults.turns.switch(name, self.random)
            self.faults.seconds += max(0.0, min(self.random.choice((0.0, 1.0, 10.0)), wake - self.faults.seconds))


@contextlib.contextmanager
def patched() -> Iterator[None]:
    """Leases use the client and the clock of the process that runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cloud, "client", lambda: _local.client)
        patch.setattr(cloud, "retry", lambda: _no_repetition)
        patch.setattr(
            lease,
            "time",
            SimpleNamespace(monotonic=lambda: _local.world.now(), sleep=lambda seconds: _local.world.sleep(seconds)),
        )
        yield


def _no_repetition(attempt: Callable[[], Any]) -> Callable[[], Any]:
    """Requests are not repeated: each fault reaches the lease, as after all repetitions."""
    return attempt


def simulate(seed: int) -> World:
    """Let three launchers compete; then, if none of them has finished, one more without faults.

    Raises:
        AssertionError: if two of them held the lease, or the manifest was not written exactly once.
    """
    random = Random(seed)
    store = Store(recorded=(MANIFEST.rpartition("/")[2],))
    world = World(random, store, SeededFaults(random))
    turns = Turns(NAMES)
    weather = Weather(
        lost=random.choice((0.0, 0.05)),
        unavailable=random.choice((0.0, 0.02)),
        killed=random.choice((0.0, 0.02, 0.05)),
        clock=random.choice((0.0, 0.2)),
        switch=random.choice((0.2, 0.6)),
    )
    world.faults.begin_attempt(weather, turns)
    for name in [*NAMES, "last"]:
        world.launchers[name] = Launcher(name, random.uniform(0, 1e6), random.uniform(SLOWEST, FASTEST))
    errors: list[BaseException] = []
    turns.run({name: functools.partial(_run, world, name, errors) for name in NAMES}, random)
    assert not errors, errors[0]
    world.faults.begin_attempt(Weather())
    while world.launchers["last"].fate not in FINISHED:  # what the dead have sent may arrive now, as a sign of life
        _run(world, "last", errors)
        assert not errors, errors[0]
    written = list(store.versions.values())
    assert [len(each) for each in written] == [1], f"the manifest was written by {written}"
    return world


def _run(world: World, name: str, errors: list[BaseException]) -> None:
    """One process, from its start to its end. A killed one goes on to believe that it holds the lease."""
    _local.world, _local.client = world, SimulatedClient(world.store, world.faults, name)
    launcher = world.launchers[name]
    try:
        launcher.fate = _launch(world, launcher)
    except Killed:
        launcher.fate = "killed"
    except BerthError as error:
        launcher.fate = error.what
    except BaseException as error:
        errors.append(error)


def _launch(world: World, launcher: Launcher) -> str:
    """What `berth.stage.run` does with a lease: hold it, work, renew it before the manifest, give it back."""
    held = Lease(DIRECTORY)
    held.acquire()
    _check_alone(world, launcher)
    try:
        for _ in range(world.random.randrange(5)):
            if world.random.random() < 0.4:
                world.sleep(world.random.choice((30, 70, 300)))  # paused, without renewals
            world.sleep(lease.RENEWAL_SECONDS)
            if not _renew(world, launcher, held):
                return "taken over"
        if storage.exists(MANIFEST):
            return FINISHED[1]
        if not _renew(world, launcher, held):
            return "taken over"
        return FINISHED[cloud.replace(launcher.name.encode(), MANIFEST, 0) is None]
    finally:
        launcher.renewed = None  # before the request, which may arrive late
        held.release()


def _check_alone(world: World, launcher: Launcher) -> None:
    """Check that whoever held the lease before had not renewed it for its whole duration, by any of the clocks."""
    launcher.renewed = world.faults.seconds
    for other in world.launchers.values():
        if other is not launcher and other.renewed is not None:
            silent = world.faults.seconds - other.renewed
            assert silent >= lease.SECONDS * SLOWEST, f"{launcher.name} took over from {other.name} after {silent} s"
            world.taken += 1
            other.renewed = None


def _renew(world: World, launcher: Launcher, held: Lease) -> bool:
    """Renew; true if the process may go on. A process whose lease was taken over must not succeed."""
    was_taken = launcher.renewed is None
    try:
        renewed = held.renew()
    except BerthError:  # no answer: it may have been carried out
        return not was_taken and _renew(world, launcher, held)
    assert not (renewed and was_taken), f"{launcher.name} renewed a lease that another process had taken over"
    if renewed:
        launcher.renewed = world.faults.seconds
    return renewed
