"""The processes of a training run: the number of this one, and how it finds the others before an engine starts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from berth.errors import UsageError
from trainer.engines import processes

# Ports that the processes of a training run connect to; k8s/train/jobset.yaml opens them.
TENSORFLOW_PORT, JAX_PORT = 2222, 8476


def process_number() -> int:
    """The number of this process in its training run, from 0: from TF_CONFIG or JAX_PROCESS_ID.

    All processes compute; process 0 writes the results.

    Raises:
        UsageError: if these are impossible, or both are given.
    """
    tensorflow, jax = processes.of_tensorflow(), processes.of_jax()
    if tensorflow.count > 1 and jax.count > 1:
        raise UsageError(
            "TensorFlow's and JAX's variables both describe processes",
            where="environment",
            found=f"TF_CONFIG and {processes.ADDRESS}",
            fix="Set only those of the engine that trains.",
        )
    return tensorflow.number or jax.number


# Far more than a cluster has: TF_CONFIG lists all of them.
MOST_PODS = 100_000


@dataclass(frozen=True)
class Pod:
    """A pod of a JobSet, identified by its job and its index.

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
        """The pod that the environment variables of k8s/train/jobset.yaml describe; None outside a JobSet.

        Raises:
            UsageError: if a variable is missing or impossible.
        """
        if not environment.get("JOBSET_NAME"):
            return None
        names = ("REPLICATED_JOB_NAME", "JOB_INDEX", "JOB_COMPLETION_INDEX", "BERTH_HOSTS")
        missing = [name for name in names if not environment.get(name)]
        if missing:
            raise UsageError(
                "environment variables that say which pod of its JobSet this is are missing",
                where="environment",
                found=f"no {', '.join(missing)}, though JOBSET_NAME is set",
                expected="the variables that k8s/train/jobset.yaml sets",
                fix="Render the JobSet with `berth k8s`.",
            )
        numbers = {name: environment[name] for name in names[1:]}
        wrong = [f"{name}={value[:80]}" for name, value in numbers.items() if not processes.is_number(value)]
        job, number, count = (int(value) if processes.is_number(value) else -1 for value in numbers.values())
        if wrong or not number < count <= MOST_PODS:
            raise UsageError(
                "the environment variables do not say which pod of its JobSet this is",
                where="environment",
                found=", ".join(wrong) or f"JOB_COMPLETION_INDEX={number}, BERTH_HOSTS={count}",
                expected=f"whole numbers, JOB_COMPLETION_INDEX less than BERTH_HOSTS, which is at most {MOST_PODS:,}",
                fix="Render the JobSet with `berth k8s`.",
            )
        return cls(environment["JOBSET_NAME"], environment["REPLICATED_JOB_NAME"], job, number, count)

    def host(self, number: int) -> str:
        """The DNS name of a pod of the same job, from the JobSet's headless service."""
        return f"{self.jobset}-{self.replicated_job}-{self.job}-{number}.{self.jobset}"

    def settings(self, engine: str) -> dict[str, str]:
        """The environment variables by which an engine's processes find each other; none for a single pod.

        Args:
            engine: ``tensorflow`` (TF_CONFIG) or ``jax`` (arguments of jax.distributed.initialize).
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
