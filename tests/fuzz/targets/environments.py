"""The environment variables by which the processes of a training run find each other."""

from __future__ import annotations

import os

from berth.errors import BerthError
from fuzz.target import choice, parts
from trainer.engines import processes
from trainer.loop.hosts import Pod, process_number

REFUSALS = (BerthError,)

NAMES = (processes.TENSORFLOW, processes.ADDRESS, processes.COUNT, processes.NUMBER)
POD = ("JOBSET_NAME", "REPLICATED_JOB_NAME", "JOB_INDEX", "JOB_COMPLETION_INDEX", "BERTH_HOSTS")


def fuzz(data: bytes) -> None:
    """Whether they are a pod's; then the values of the variables, separated by lines `%%`."""
    number, content = choice(data)
    names = POD if number % 2 else NAMES
    values = [os.fsdecode(value.replace(b"\0", b"")) for value in parts(content, len(names))]
    given = {name: value for name, value in zip(names, values, strict=True) if value}
    if number % 2:
        pod = Pod.of(given)
        if pod is not None:
            assert 0 <= pod.number < pod.count
            pod.settings("jax")
            pod.settings("tensorflow")
        return
    before = dict(os.environ)
    try:
        os.environ.update(given)
        assert process_number() >= 0
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(before)
