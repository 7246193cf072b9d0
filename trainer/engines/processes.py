"""The processes of a training run, from the variables by which TensorFlow and JAX find each other."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from berth.errors import UsageError

TENSORFLOW = "TF_CONFIG"
ADDRESS, COUNT, NUMBER = "JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"


@dataclass(frozen=True)
class Processes:
    """The number of this process, from 0, and how many there are; for JAX, where process 0 listens."""

    number: int = 0
    count: int = 1
    address: str = ""


def of_tensorflow() -> Processes:
    """The processes of TF_CONFIG; a single one without it.

    Raises:
        UsageError: if TF_CONFIG is not JSON, names other tasks than workers, or a worker that is not in its list.
    """
    text = os.environ.get(TENSORFLOW)
    if not text:
        return Processes()
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(f"no JSON: {text[:80]}") from error
    cluster = _object(_object(content, "TF_CONFIG").get("cluster", {}), "cluster")
    task = _object(content.get("task", {}), "task")
    if others := sorted(set(cluster) - {"worker"}):
        # With a chief, the chief and worker 0 would both be process 0, and wait for each other for ever.
        raise _wrong(f"cluster with {', '.join(others)}", "workers only: list a chief as worker 0")
    workers = cluster.get("worker", [])
    if not (isinstance(workers, list) and all(isinstance(worker, str) for worker in workers)):
        raise _wrong(f"cluster.worker {json.dumps(workers)[:80]}", "a list of addresses, HOST:PORT")
    kind, index = task.get("type", "worker"), task.get("index", 0)
    count = max(len(workers), 1)
    if kind != "worker":
        raise _wrong(f"task.type {json.dumps(kind)}", '"worker"')
    if not is_number(str(index)) or int(index) >= count:
        raise _wrong(f"task.index {json.dumps(index)[:80]}", f"a whole number below {count}, the number of workers")
    return Processes(int(index), count)


def of_jax() -> Processes:
    """The processes of JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID; a single one without them.

    Raises:
        UsageError: if some of them are missing, or they are no numbers that fit each other.
    """
    given = {name: os.environ.get(name, "") for name in (ADDRESS, COUNT, NUMBER)}
    if not any(given.values()):
        return Processes()
    if missing := [name for name, value in given.items() if not value]:
        raise UsageError(
            "the variables by which JAX's processes find each other are incomplete",
            where="environment",
            found=f"{', '.join(name for name in given if given[name])} without {', '.join(missing)}",
            expected="all three, or none for a single process",
        )
    numbers = [int(given[name]) if is_number(given[name]) else -1 for name in (NUMBER, COUNT)]
    if not 0 <= numbers[0] < numbers[1]:
        raise UsageError(
            "the variables by which JAX's processes find each other are impossible",
            where="environment",
            found=f"{NUMBER}={given[NUMBER][:80]}, {COUNT}={given[COUNT][:80]}",
            expected=f"whole numbers, {NUMBER} less than {COUNT}",
        )
    return Processes(numbers[0], numbers[1], given[ADDRESS])


def is_number(text: str) -> bool:
    """Whether a text is a whole number of a sensible size in ASCII digits."""
    return text.isascii() and text.isdecimal() and len(text) <= 9


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(f"{name} {json.dumps(value)[:80]}", "a JSON object")
    return value


def _wrong(found: str, expected: str = "") -> UsageError:
    return UsageError(
        "the environment variable TF_CONFIG does not describe the processes of a training run",
        where="environment, TF_CONFIG",
        found=found,
        expected=expected or '{"cluster": {"worker": ["HOST:PORT", …]}, "task": {"type": "worker", "index": 0}}',
    )
