"""Machines that share the runs of a sweep, as a cluster of Ray."""

import dataclasses
import logging
import socket
import tempfile
from concurrent import futures
from pathlib import Path
from types import ModuleType

from lessons import course
from lessons.commands.sweeping import attempts, one_run
from training import files, options

SECONDS = 10  # in which a machine has to answer


class RayCluster:
    """A cluster of Ray whose machines run a lesson, as it stands on this one.

    As a context manager, it leaves the cluster after its block, and ends the runs that
    are still going on.

    Args:
        lesson: its name.
        address: of the cluster: "HOST:PORT"; or "auto" for that of RAY_ADDRESS, or the
            one that was started on this machine.
        count: of the runs at the same time on each machine.

    Raises:
        ValueError: Ray is not installed, or there is no such cluster.
    """

    def __init__(self, lesson: str, address: str, count: int):
        self.lesson = lesson
        self.ray = connect(address)
        needs = share_machines(self.ray.nodes(), count)
        # Tried again by `attempts`, which says so.
        self.task = self.ray.remote(run_there).options(max_retries=0, **needs)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.ray.shutdown()

    def submit(self, config: options.Options) -> futures.Future[str]:
        """Lets the next free machine run the lesson; the result is what `run_one`
        returns, once the run's folder is here, or `attempts.WorkerLostError`.
        """
        result = futures.Future()

        def receive(there: futures.Future) -> None:
            try:
                outcome, sent = there.result()
                write(sent, config.logdir / self.lesson / str(config.name))
                result.set_result(outcome)
            except self.ray.exceptions.RayTaskError as error:
                result.set_exception(error.cause)
            except self.ray.exceptions.RayError as error:
                reason = f"its worker was lost ({type(error).__name__})"
                result.set_exception(attempts.WorkerLostError(reason))
            except BaseException as error:
                result.set_exception(error)

        reference = self.task.remote(self.lesson, config)
        reference.future().add_done_callback(receive)
        return result


def connect(address: str) -> ModuleType:
    """Joins a cluster, and returns Ray.

    Raises:
        ValueError: Ray is not installed, or there is no such cluster.
    """
    expected = (
        f"--cluster is {address!r}, expected auto on a machine of the cluster, or its "
        "HOST:PORT, as ray start --head names it"
    )
    if address != "auto":
        host, _, port = address.rpartition(":")
        if not (host and port.isdecimal()):
            raise ValueError(expected)
        try:  # Ray itself would wait for minutes
            socket.create_connection((host, int(port)), SECONDS).close()
        except (OSError, OverflowError) as error:
            raise ValueError(f"{expected}; nobody answers: {error}") from None
    try:
        import ray
    except ImportError:
        raise ValueError(
            "--cluster asks for Ray, which is not installed: python -m pip install "
            '-e ".[cluster]" -c constraints.txt'
        ) from None
    try:
        ray.init(
            address,
            runtime_env={"working_dir": str(course.ROOT)},  # but for what git ignores
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{expected}; Ray says: {reason}") from None
    return ray


def share_machines(nodes: list[dict], count: int) -> dict[str, float]:
    """Returns what Ray is to reserve for a run, so that each machine has `count` of
    them at a time; a machine that has more cores than the smallest has more.

    Args:
        nodes: as `ray.nodes()` returns them.
        count: of the runs.
    """
    machines = [node["Resources"] for node in nodes if node["Alive"]]
    machines = [machine for machine in machines if machine.get("CPU")]

    def share(resource: str) -> float:
        least = min((m.get(resource, 0) for m in machines), default=1) / count
        return least // 1 or least  # Ray takes whole numbers above 1

    return {"num_cpus": share("CPU"), "num_gpus": share("GPU")}


def run_there(lesson: str, config: options.Options) -> tuple[str, dict[str, bytes]]:
    """Runs a lesson on another machine.

    Returns:
        What `run_one` returns, and the files of the run's folder by their paths in it.
    """
    with tempfile.TemporaryDirectory() as logdir:
        outcome = one_run.run_one(dataclasses.replace(config, logdir=Path(logdir)))
        folder = Path(logdir) / lesson / str(config.name)
        paths = [path for path in folder.rglob("*") if path.is_file()]
        sent = {
            path.relative_to(folder).as_posix(): path.read_bytes() for path in paths
        }
    return outcome, sent


def write(sent: dict[str, bytes], folder: Path) -> None:
    """Writes the folder of a run, as `run_there` returned its files."""
    if sent:  # else it failed before it had a folder
        with files.written(folder) as partial:
            for name, content in sent.items():
                (partial / name).parent.mkdir(parents=True, exist_ok=True)
                (partial / name).write_bytes(content)
