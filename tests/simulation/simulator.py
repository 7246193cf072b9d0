"""A simulation: a graph of stages runs in a bucket where much goes wrong, again and again until it is finished.

After each attempt, and in the end, the invariants hold: whatever is finished is what an undisturbed run makes, all
items are accounted for, a digest has one manifest, and nothing is visible that the manifest does not list.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import tenacity.nap

from berth.errors import BerthError
from berth.stage import lease
from berth.stage.manifest import NAME as MANIFEST
from berth.stage.unchanged import REVISIONS
from berth.storage import cloud, cloud_errors, cloud_reader, files
from simulation.faults import CALM, Killed, SeededFaults, Turns, Weather
from simulation.graphs import BUCKET, SOURCE, WORKSPACE, Graph
from support.simulated_bucket import SimulatedClient, Store

GRAPHS = 60
ATTEMPTS = (1, 1, 1, 1, 2, 3)  # with faults; then one without
# What two runs of the same stage do not share.
OF_A_RUN = ("seconds", "tools", "seal")

_process = threading.local()


class Serial:
    """In place of a pool of threads: the order of requests depends on the seed alone."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def __enter__(self) -> Serial:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def map(self, do: Callable[[Any], Any], items: Any) -> list[Any]:
        """The results of ``do``."""
        return list(map(do, items))


@contextlib.contextmanager
def simulated() -> Iterator[None]:
    """`berth.storage` uses the client of the process that :func:`_as_process` names, without threads and waiting."""
    cloud_errors.retry()  # imports its parts before they are patched
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cloud, "client", lambda: _process.client)
        patch.setattr(cloud, "ThreadPoolExecutor", Serial)
        patch.setattr(cloud, "retry", lambda: _with_retry)
        patch.setattr(cloud_reader, "retry", lambda: _with_retry)
        patch.setattr(files, "ThreadPoolExecutor", Serial)
        patch.setattr(tenacity.nap, "time", SimpleNamespace(sleep=_sleep))
        # Time passes only while a process sleeps. No thread renews leases, so that a process that waits for long enough
        # takes them over from holders that are dead, and from others that are merely slow.
        patch.setattr(lease, "time", SimpleNamespace(sleep=_sleep, monotonic=lambda: _process.client.faults.seconds))
        patch.setattr(lease, "renewed", lambda lease: contextlib.nullcontext())
        before = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(before)


def _sleep(seconds: float) -> None:
    _process.client.faults.sleep(seconds)


def _with_retry(attempt: Callable[[], Any]) -> Callable[[], Any]:
    """Berth's retry policy, which takes longer than a request: only those that fail get it."""

    def call() -> Any:
        try:
            return attempt()
        except Exception as error:
            failed = [error]

        def again() -> Any:
            if failed:
                raise failed.pop()
            return attempt()

        return cloud_errors.retry()(again)()

    return call


def simulate(seed: int) -> set[str]:
    """Run one simulation; returns the faults that happened.

    Raises:
        AssertionError: if an invariant does not hold.
    """
    random = Random(seed)
    number = random.randrange(GRAPHS)
    graph, expected = Graph.of(number), undisturbed(number)
    faults = SeededFaults(random)
    store = Store(recorded=(MANIFEST,))
    store.put(_key(SOURCE), graph.source)
    for _ in range(random.choice(ATTEMPTS)):
        weather = Weather.of(random)
        names = random.choice((["one"], ["one"], ["one"], ["one", "two"]))
        turns = Turns(names) if len(names) > 1 else None
        faults.begin_attempt(weather, turns)
        tasks = {name: functools.partial(_attempt, graph, store, faults, name, errors := []) for name in names}
        if turns is None:
            tasks["one"]()
        else:
            turns.run(tasks, random)
        assert not errors, errors[0]
        check(store, expected, is_finished=False)
    faults.begin_attempt(CALM)
    _as_process(store, faults, "last")
    graph.run(random, _as_worker)
    check(store, expected, is_finished=True)
    if random.random() < 0.2:
        assert all(result.was_up_to_date for result in graph.run(random)), "a finished stage was run again"
        check(store, expected, is_finished=True)
    return faults.happened


@functools.cache
def undisturbed(number: int) -> dict[str, Any]:
    """What the graph of a number makes when nothing goes wrong: contents by key."""
    graph, store = Graph.of(number), Store()
    store.put(_key(SOURCE), graph.source)
    _as_process(store, SeededFaults(Random(0)), "only")
    results = graph.run(Random(0))
    made = visible(store)
    for toy, result in zip(graph.stages, results, strict=True):
        counters, read = result.manifest.counters, graph.items
        if toy.parents:
            read = sum(results[parent].manifest.counters.get("items_out", 0) for parent in toy.parents)
        _check_counters(counters, read)
    assert not [key for key in store.objects if "/." in key and not key.endswith(REVISIONS)], "something is left"
    return made


def check(store: Store, expected: Mapping[str, Any], is_finished: bool) -> None:
    """Check what is in the bucket against what an undisturbed run makes."""
    found = visible(store)
    finished = {key.rpartition("/")[0] for key in found if key.endswith(f"/{MANIFEST}")}
    for key, content in found.items():
        if key.rpartition("/")[0] in finished:
            assert key in expected, f"{key} is visible, and no part of the result"
            assert content == expected[key], f"{key} holds {content!r}, undisturbed {expected[key]!r}"
    for key in expected:
        if is_finished or key.rpartition("/")[0] in finished:
            assert key in found, f"{key} is missing"
    for key, versions in store.versions.items():
        manifests = [_comparable(content) for content in versions]
        assert all(each == expected[key] for each in manifests), f"{key} had another content: {manifests}"
        assert len(versions) == 1, f"{key} was written {len(versions)} times"


def visible(store: Store) -> dict[str, Any]:
    """Contents, by key, of what a reader sees: no part of such a name begins with a dot."""
    return {
        key: _comparable(stored.content) if key.endswith(f"/{MANIFEST}") else stored.content
        for key, stored in store.objects.items()
        if key.startswith(_key(WORKSPACE)) and not any(part.startswith(".") for part in key.split("/"))
    }


def _attempt(graph: Graph, store: Store, faults: SeededFaults, name: str, errors: list[BaseException]) -> None:
    """One process: it ends well, with an error that tells the user what to do, or is killed."""
    _as_process(store, faults, name)
    try:
        graph.run(faults.random, _as_worker)
    except (BerthError, Killed):
        pass
    except BaseException as error:
        errors.append(error)


@contextlib.contextmanager
def _as_worker() -> Iterator[None]:
    """The worker of the process that runs: Beam reports to the launcher when it is lost."""
    launcher = _process.client
    _process.client = SimulatedClient(launcher.store, launcher.faults, f"{launcher.name}/worker")
    try:
        yield
    except Killed as error:
        raise BerthError("a worker was lost") from error
    finally:
        _process.client = launcher


def _as_process(store: Store, faults: SeededFaults, name: str) -> None:
    _process.client = SimulatedClient(store, faults, name)


def _check_counters(counters: Mapping[str, int], read: int) -> None:
    assert counters["items_in"] == read
    assert counters["items_in"] == counters.get("items_out", 0) + counters.get("rejected", 0)


def _comparable(manifest: bytes) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(manifest)
    return {key: value for key, value in content.items() if key not in OF_A_RUN}


def _key(uri: str) -> str:
    return uri.removeprefix(f"{BUCKET}/")
