"""Graphs of small stages: Berth's own machinery around a transformation that takes a millisecond."""

from __future__ import annotations

import contextlib
import functools
import json
import zlib
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from random import Random

from berth import storage
from berth.stage import Result, Stage, Workspace, run
from berth.stage.inputs import Inputs
from berth.stage.output import Output

AsWorker = Callable[[], contextlib.AbstractContextManager[object]]

BUCKET = "gs://simulated"
SOURCE, WORKSPACE = f"{BUCKET}/source/items.txt", f"{BUCKET}/workspace"
COUNTS = ".counts"  # an intermediate directory, as the stages `filter` and `vocab` have


@dataclass(frozen=True)
class ToyStage:
    """A stage that drops some items and marks the others.

    Attributes:
        name: Its name.
        parents: Indices of the stages whose files it reads; none for the source.
        shards: How many files it writes.
        keeps: Of so many items, one is rejected.
        counts_first: Whether a pass before writes intermediate files, which are deleted in the end.
        summarises: Whether it also writes a file without a receipt, as `evaluate` and `report` do.
    """

    name: str
    parents: tuple[int, ...]
    shards: int
    keeps: int
    counts_first: bool
    summarises: bool

    @property
    def files(self) -> list[str]:
        """Names of its shards."""
        return [f"part-{number:05d}-of-{self.shards:05d}.txt" for number in range(self.shards)]


@dataclass(frozen=True)
class Graph:
    """Stages, each made from the source or from stages before it, and the source's items."""

    items: int
    stages: tuple[ToyStage, ...]

    @classmethod
    def of(cls, seed: int) -> Graph:
        """A small graph."""
        random = Random(seed)
        stages: list[ToyStage] = []
        for number in range(random.choice((1, 1, 1, 1, 2, 2, 3))):
            parents = () if not number else tuple(sorted(random.sample(range(number), random.randint(1, number))))
            stages.append(
                ToyStage(
                    name=f"stage-{number}",
                    parents=parents,
                    shards=random.choice((1, 2, 2, 3)),
                    keeps=random.randint(2, 9),
                    counts_first=random.random() < 0.3,
                    summarises=random.random() < 0.4,
                )
            )
        return cls(random.randint(3, 12), tuple(stages))

    @property
    def source(self) -> bytes:
        """The content of the source."""
        return "".join(f"item {number}\n" for number in range(self.items)).encode()

    def run(self, random: Random, as_worker: AsWorker = contextlib.nullcontext) -> list[Result]:
        """Run all stages in order.

        Args:
            random: Decides the order of workers, and which work is done twice.
            as_worker: A context in which another process works: a Beam worker.
        """
        results: list[Result] = []
        for toy in self.stages:
            given = {self.stages[parent].name: results[parent].files("part-*") for parent in toy.parents}
            inputs = given or {"source": Inputs.at(SOURCE)}
            parameters = {"shards": toy.shards, "keeps": toy.keeps}
            stage = Stage(toy.name, 1, parameters, inputs, seed=7)
            work = functools.partial(_work, toy, inputs, random, as_worker)
            results.append(run(stage, Workspace(WORKSPACE), work))
        return results


def _work(toy: ToyStage, inputs: dict[str, Inputs], random: Random, as_worker: AsWorker, output: Output) -> None:
    items = [line for files in inputs.values() for uri in files.uris for line in _lines(uri)]
    if toy.counts_first and not all(map(output.is_complete, toy.files)):
        for name in (name for name in toy.files if not output.is_complete(f"{COUNTS}/{name}")):
            with as_worker(), copy(output).shard(f"{COUNTS}/{name}") as shard:
                shard.write(str(len(_share(items, name, toy))).encode())
                shard.counters["counted"] += len(_share(items, name, toy))
    tasks = [name for name in toy.files if not output.is_complete(name)]
    tasks += [name for name in tasks if random.random() < 0.2]  # duplicate workers: of a slow one, or of one cut off
    random.shuffle(tasks)
    for name in tasks:
        with as_worker():
            _write_shard(_share(items, name, toy), name, toy, copy(output))
    if toy.summarises:
        with storage.atomic_write(output.path("summary.json")) as file:
            file.write(json.dumps({"items": len(items)}).encode())
    storage.delete(output.path(COUNTS))


def _write_shard(items: list[str], name: str, toy: ToyStage, output: Output) -> None:
    with output.shard(name) as shard:
        for item in items:
            shard.counters["items_in"] += 1
            if zlib.crc32(f"{toy.name} {item}".encode()) % toy.keeps == 0:
                shard.counters["rejected"] += 1
                continue
            shard.write(f"{item} {toy.name}\n".encode())
            shard.counters["items_out"] += 1
            shard.records += 1


def _share(items: list[str], name: str, toy: ToyStage) -> list[str]:
    """The items of one shard."""
    return [item for item in items if zlib.crc32(item.encode()) % toy.shards == toy.files.index(name)]


def _lines(uri: str) -> list[str]:
    with storage.open_read(uri) as file:
        return file.read().decode().splitlines()
