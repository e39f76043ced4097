"""Who trains together: what the environment variable TF_CONFIG says.

It is the same for TensorFlow, for Kubernetes operators and for many Slurm scripts:

    {"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type":
    "worker", "index": 0}}

The cluster is the same in all processes, the task tells which one this is. The first
worker, or the one under "chief", is the chief.
"""

import os
import re
from typing import NamedTuple

from training import quiet  # noqa: F401 (before TensorFlow)

import tensorflow as tf

EXAMPLE = (
    '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": '
    '"worker", "index": 0}}'
)


class Cluster(NamedTuple):
    """Who trains together.

    Attributes:
        addresses: "host:port" of each process, the chief's first.
        index: of this process.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def others(self) -> list[int]:
        """The indices of all processes but this one."""
        return [n for n in range(len(self.addresses)) if n != self.index]

    def name(self, index: int) -> str:
        """Returns a process as messages name it."""
        role = "the chief" if index == 0 else f"worker {index}"
        return f"{role} at {self.addresses[index]}"

    def find_socket(self, index: int) -> tuple[str, int]:
        """Returns host and port of a process."""
        host, _, port = self.addresses[index].rpartition(":")
        return host.strip("[]"), int(port)


def is_set() -> bool:
    """True if there is a TF_CONFIG."""
    return "TF_CONFIG" in os.environ


def read_cluster() -> Cluster:
    """Returns what TF_CONFIG says; without it, one process is alone.

    Raises:
        ValueError: it does not describe a cluster with this process in it.
    """
    if not is_set():
        return Cluster(("127.0.0.1:0",), 0)
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    try:
        jobs = resolver.cluster_spec().as_dict()
        job, index = resolver.task_type, resolver.task_id
    except (ValueError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"TF_CONFIG cannot be read ({reason}): expected such as {EXAMPLE}"
        ) from None
    problem = find_problem(jobs, job, index)
    if problem:
        raise ValueError(f"TF_CONFIG {problem}: expected such as {EXAMPLE}")
    chiefs = jobs.get("chief", [])
    before = len(chiefs) if job == "worker" else 0
    return Cluster((*chiefs, *jobs.get("worker", [])), before + index)


def find_problem(jobs: dict, job: str | None, index: int | None) -> str | None:
    """Returns what is wrong with a cluster that TensorFlow takes as it is; None if all
    is well.

    Args:
        jobs: the addresses of each job.
        job: of this process.
        index: of this process in its job.
    """
    addresses = [address for tasks in jobs.values() for address in tasks]
    chiefs, workers = (len(jobs.get(name, [])) for name in ("chief", "worker"))
    for address in addresses:
        host, _, port = str(address).rpartition(":")
        if not (host and re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) < 65536):
            return f"has the address {address!r}, which is not host:port"
        if addresses.count(address) > 1:
            return f"has the address {address} twice"
    if not jobs.keys() <= {"chief", "worker"}:
        return f'has {", ".join(jobs)} in its "cluster"'
    if chiefs > 1 or not addresses:
        return f"names {chiefs} chiefs and {workers} workers"
    tasks = len(jobs.get(job, []))
    if index is None or not 0 <= index < tasks:
        return f'has the task {job} {index}, and {tasks} of that type in its "cluster"'
    return None
