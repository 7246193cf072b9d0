"""Which process of a training this is, and how it finds the others, before any engine is started."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from berth.errors import UsageError

# Ports that the processes of a training meet at; k8s/train/jobset.yaml opens them.
TENSORFLOW_PORT, JAX_PORT = 2222, 8476


def process_number() -> int:
    """The number of this process among those of its training, from 0: from TF_CONFIG or JAX_PROCESS_ID.

    Process 0 writes the results; the others compute along.
    """
    if os.environ.get("TF_CONFIG"):
        return int(json.loads(os.environ["TF_CONFIG"]).get("task", {}).get("index", 0))
    return int(os.environ.get("JAX_PROCESS_ID", "0"))


@dataclass(frozen=True)
class Pod:
    """A pod's place in its JobSet.

    Args:
        jobset: Name of the JobSet, also of its headless service.
        replicated_job: Name of the pod's replicated job.
        job: Number of the job among its replicas, from 0.
        number: Number of the pod in its job, from 0.
        count: Pods in the job.
    """

    jobset: str
    replicated_job: str
    job: int
    number: int
    count: int

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Pod | None:
        """The place that k8s/train/jobset.yaml puts into the environment; None outside a JobSet.

        Raises:
            UsageError: if a part of it is missing or cannot be.
        """
        if not environment.get("JOBSET_NAME"):
            return None
        names = ("REPLICATED_JOB_NAME", "JOB_INDEX", "JOB_COMPLETION_INDEX", "BERTH_HOSTS")
        missing = [name for name in names if not environment.get(name)]
        if missing:
            raise UsageError(
                "the pod does not know its place in the JobSet", where="environment", found=f"no {', '.join(missing)}"
            )
        numbers = {name: environment[name] for name in names[1:]}
        wrong = [f"{name}={value}" for name, value in numbers.items() if not value.isdecimal()]
        job, number, count = (int(value) if value.isdecimal() else -1 for value in numbers.values())
        if wrong or number >= count:
            raise UsageError(
                "the pod's place in the JobSet cannot be",
                where="environment",
                found=", ".join(wrong) or f"JOB_COMPLETION_INDEX={number} of BERTH_HOSTS={count}",
            )
        return cls(environment["JOBSET_NAME"], environment["REPLICATED_JOB_NAME"], job, number, count)

    def host(self, number: int) -> str:
        """DNS name of a pod of the same job, as the JobSet's headless service gives it."""
        return f"{self.jobset}-{self.replicated_job}-{self.job}-{number}.{self.jobset}"

    def settings(self, engine: str) -> dict[str, str]:
        """What an engine's processes find each other by: environment variables; none for a single pod.

        Args:
            engine: ``tensorflow`` (TF_CONFIG) or ``jax`` (the arguments of jax.distributed.initialize).
        """
        if self.count == 1:
            return {}
        if engine == "jax":
            return {
                "JAX_COORDINATOR_ADDRESS": f"{self.host(0)}:{JAX_PORT}",
                "JAX_NUM_PROCESSES": str(self.count),
                "JAX_PROCESS_ID": str(self.number),
            }
        workers = [f"{self.host(number)}:{TENSORFLOW_PORT}" for number in range(self.count)]
        task = {"type": "worker", "index": self.number}
        return {"TF_CONFIG": json.dumps({"cluster": {"worker": workers}, "task": task})}
