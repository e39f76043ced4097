"""Several processes, on one machine or many, that train one model together: who they
are, and how they meet.

The environment variable TF_CONFIG describes them, as TensorFlow, Kubernetes operators
and many Slurm scripts write it:

    {"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type":
    "worker", "index": 0}}

The cluster is the same in all processes, the task tells which one this is. The first
worker, or the one under "chief", is the chief: it alone writes the run.
"""

import contextlib
import hashlib
import json
import multiprocessing
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from multiprocessing.connection import wait
from pathlib import Path
from typing import NamedTuple

from training import command_line, device, keras_patches, quiet, runs

import keras
import numpy as np
import tensorflow as tf

EXAMPLE = (
    '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": '
    '"worker", "index": 0}}'
)
SILENT_SECONDS = (
    60  # after which a worker that is alive but does not answer counts as gone
)
MOST_WORKERS = 64  # on one machine
LONGEST = 1_000_000  # bytes, of what a worker says of itself


class Cluster(NamedTuple):
    """Who trains together.

    Attributes:
        addresses: "host:port" of each process, the chief's first.
        index: of this process.
    """

    addresses: tuple[str, ...]
    index: int

    def name(self, index: int) -> str:
        """Returns a process as messages name it."""
        return (
            f"{'the chief' if index == 0 else f'worker {index}'} at "
            f"{self.addresses[index]}"
        )


def is_described() -> bool:
    """True if TF_CONFIG is set."""
    return "TF_CONFIG" in os.environ


def parse(text: str | None) -> Cluster:
    """Returns what TF_CONFIG says; without it, one process is alone.

    Args:
        text: of the variable, None if it is not set.

    Raises:
        ValueError: it does not describe a cluster with this process in it.
    """
    if text is None:
        return Cluster(("127.0.0.1:0",), 0)
    try:
        description = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"TF_CONFIG is no JSON ({error}): expected such as {EXAMPLE}"
        ) from None
    jobs = require(description, "TF_CONFIG", "cluster", dict)
    task = require(description, "TF_CONFIG", "task", dict)
    workers = (
        []
        if list(jobs) == ["chief"]
        else require(jobs, 'TF_CONFIG\'s "cluster"', "worker", list)
    )
    for job in jobs:
        if job not in ("chief", "worker"):
            raise ValueError(
                f'TF_CONFIG has {job!r} in its "cluster", expected "worker", and '
                '"chief" if there is one'
            )
    chiefs = (
        require(jobs, 'TF_CONFIG\'s "cluster"', "chief", list)
        if "chief" in jobs
        else []
    )
    if len(chiefs) > 1 or not chiefs + workers:
        raise ValueError(
            f"TF_CONFIG names {len(chiefs)} chiefs and {len(workers)} workers, "
            "expected one chief at most"
        )
    for address in chiefs + workers:
        host, _, port = (
            address.rpartition(":") if isinstance(address, str) else ("", "", "")
        )
        if (
            not host
            or not re.fullmatch(r"[0-9]{1,5}", port)
            or not 1 <= int(port) <= 65535
        ):
            raise ValueError(
                f"TF_CONFIG has the address {address!r}, expected host:port, such as "
                "10.0.0.1:2222"
            )
        if (chiefs + workers).count(address) > 1:
            raise ValueError(
                f"TF_CONFIG has the address {address} twice, expected another one for "
                "each worker"
            )
    kind, index = (
        require(task, 'TF_CONFIG\'s "task"', "type", str),
        require(task, 'TF_CONFIG\'s "task"', "index", int),
    )
    same = {"chief": chiefs, "worker": workers}.get(kind)
    if same is None:
        raise ValueError(
            f'TF_CONFIG has the task type {kind!r}, expected "chief" or "worker"'
        )
    if not 0 <= index < len(same):
        raise ValueError(
            f'TF_CONFIG has the task index {index}, but its "cluster" has '
            f"{len(same)} of type {kind!r}"
        )
    return Cluster(
        (*chiefs, *workers), index + (len(chiefs) if kind == "worker" else 0)
    )


def require(table, place: str, name: str, kind: type):
    """Returns `table[name]`.

    Raises:
        ValueError: `table` is no dict, or has no such name, or something else under it.
    """
    words = {dict: "an object", list: "a list", str: "a text", int: "a whole number"}
    if not isinstance(table, dict):
        raise ValueError(
            f"{place} is {str(table)[:80]!r}, expected an object, such as {EXAMPLE}"
        )
    if type(table.get(name)) is not kind:
        given = f"{table[name]!r} as" if name in table else "no"
        raise ValueError(
            f'{place} has {given[:80]} "{name}", expected {words[kind]}: such as '
            f"{EXAMPLE}"
        )
    return table[name]


def meet(cluster: Cluster, facts: dict, seconds: float) -> None:
    """Waits until all processes are there, and makes sure that they are about to do the
    same.

    TensorFlow itself would wait for an hour, and notice no difference. Each process
    opens its own port, which TensorFlow takes over; all tell the chief their facts.

    Args:
        cluster: who should come.
        facts: what must be equal in all processes, by name, as JSON takes it.
        seconds: to wait for the others.

    Raises:
        ValueError: a fact differs.
        OSError: the port is taken, or another process does not come.
    """
    host, _, port = cluster.addresses[cluster.index].rpartition(":")
    facts = {**facts, "addresses": list(cluster.addresses)}
    try:
        server = socket.create_server(
            ("", int(port)), family=socket.AF_INET6 if "[" in host else socket.AF_INET
        )
    except OSError as error:
        raise OSError(
            f"the port of {cluster.name(cluster.index)} cannot be opened "
            f"({error.strerror}): name another in TF_CONFIG"
        ) from None
    deadline = time.monotonic() + seconds
    with server:
        problem = (hear if cluster.index == 0 else report)(
            cluster, facts, deadline, server
        )
    if problem == "":
        raise TimeoutError(
            f"{cluster.name(0)} did not answer within {seconds:g} s: start it, or give "
            "it more --wait"
        )
    if isinstance(problem, list):
        missing = ", ".join(cluster.name(index) for index in problem)
        raise TimeoutError(
            f"{missing} did not answer within {seconds:g} s: start all workers, or "
            "give more --wait"
        )
    if problem is not None:
        raise ValueError(problem)


def hear(
    cluster: Cluster, facts: dict, deadline: float, server: socket.socket
) -> str | list[int] | None:
    """Hears every other process out, as the chief, and answers them all.

    Returns:
        What differs, the processes that did not come, or None if all is well.
    """
    told: dict[int, tuple[socket.socket, dict]] = {}
    others = range(1, len(cluster.addresses))
    with contextlib.ExitStack() as stack:
        while missing := [
            index for index in others if index not in told or has_left(told[index][0])
        ]:
            server.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                connection = stack.enter_context(server.accept()[0])
                connection.settimeout(max(0.001, min(5, deadline - time.monotonic())))
                said = receive(connection)
                if said["index"] in others:
                    told[said["index"]] = connection, dict(said["facts"])
            except TimeoutError:
                if time.monotonic() >= deadline:
                    return missing
            except (OSError, ValueError, KeyError, TypeError, RecursionError):
                continue  # something else has knocked, such as a probe for life
        problem = None
        for index in others:
            theirs = told[index][1]
            names = [name for name in facts if theirs.get(name) != facts[name]]
            if names and problem is None:
                texts = [
                    f"{name} {theirs.get(name)}, the chief {facts[name]}"
                    for name in names
                ]
                problem = (
                    f"{cluster.name(index)} has {'; '.join(texts)}: start all "
                    "workers with the same flags and data"
                )
        for connection, _ in told.values():
            with contextlib.suppress(OSError):
                connection.sendall(json.dumps({"problem": problem}).encode() + b"\n")
    return problem


def has_left(connection: socket.socket) -> bool:
    """True if the other side has closed a connection, as a worker does that waits no
    longer.
    """
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def report(
    cluster: Cluster, facts: dict, deadline: float, server: socket.socket
) -> str | None:
    """Tells the chief the facts of another process; returns its answer, or "" if there
    is none in time.
    """
    host, _, port = cluster.addresses[0].rpartition(":")
    while (left := deadline - time.monotonic()) > 0:
        try:
            with socket.create_connection(
                (host.strip("[]"), int(port)), timeout=left
            ) as connection:
                connection.sendall(
                    json.dumps({"index": cluster.index, "facts": facts}).encode()
                    + b"\n"
                )
                connection.settimeout(max(0.001, deadline - time.monotonic()))
                return receive(connection)["problem"]
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            RecursionError,
        ):  # not there yet, or still another one's port
            time.sleep(min(0.2, max(0, deadline - time.monotonic())))
    return ""


def receive(connection: socket.socket) -> dict:
    """Returns the line of JSON that the other side sends.

    Raises:
        ValueError: it sends something else.
        OSError: it sends nothing in time.
    """
    with connection.makefile("rb") as stream:
        return json.loads(stream.readline(LONGEST))


def describe(config, dataset) -> dict:
    """Returns what must be equal in all workers: the hyperparameters, the seed, the
    training data, TensorFlow.
    """
    own = {"logdir", "name", "resume", "profile", "wait", "workers"}
    facts = {name: value for name, value in asdict(config).items() if name not in own}
    digest = hashlib.sha256()
    for part in dataset.train:
        digest.update(part)
    facts |= {
        "training data": f"{len(dataset.train[1])} examples, {digest.hexdigest()[:8]}"
    }
    return json.loads(json.dumps({**facts, "TensorFlow": tf.__version__}, default=str))


def join(config, dataset) -> tuple[Cluster, tf.distribute.Strategy]:
    """Meets the other workers that TF_CONFIG names, if it is set.

    Args:
        config: the lesson's configuration, with `workers` and `wait`.
        dataset: what it trains on.

    Returns:
        Who trains together, and TensorFlow's strategy for it.

    Raises:
        ValueError: TF_CONFIG is wrong, or the workers were started differently.
        OSError: a port is taken, or another worker does not come.
    """
    cluster = parse(os.environ.get("TF_CONFIG"))
    count = len(cluster.addresses)
    if config.workers not in (1, count):
        raise ValueError(
            f"--workers is {config.workers}, but TF_CONFIG names {count}: leave the "
            "flag out"
        )
    if not is_described():
        return cluster, tf.distribute.get_strategy()
    meet(cluster, describe(config, dataset), config.wait)
    options = tf.distribute.experimental.CommunicationOptions(
        timeout_seconds=SILENT_SECONDS
    )
    with quiet.hold_stderr():
        strategy = tf.distribute.MultiWorkerMirroredStrategy(
            communication_options=options
        )
        quiet.prepare_devices()
    if threading.current_thread() is threading.main_thread():
        signal.signal(
            signal.SIGTERM, signal.SIG_DFL
        )  # TensorFlow's own handler lets the process live
        if cluster.index:  # which has nothing to write down
            signal.signal(signal.SIGINT, signal.SIG_DFL)
    return cluster, strategy


def read(strategy: tf.distribute.Strategy, value) -> np.ndarray:
    """Returns a value that each device of a worker has computed, as it is on the first
    of them.
    """
    return strategy.experimental_local_results(value)[0].numpy()


def gather(strategy: tf.distribute.Strategy, arrays: list[np.ndarray]) -> np.ndarray:
    """Returns on each worker what all of them have: the numbers of some arrays, float32
    `(workers, numbers)`.
    """
    row = tf.constant(
        np.concatenate([np.ravel(array) for array in arrays])[None], tf.float32
    )
    return strategy.gather(
        strategy.experimental_distribute_values_from_function(lambda worker: row),
        axis=0,
    ).numpy()


def take_from_chief(
    strategy: tf.distribute.Strategy, arrays: list[np.ndarray]
) -> list[np.ndarray]:
    """Returns on each worker the arrays that the chief has; those of the others only
    tell the shapes.
    """
    parts = np.split(
        gather(strategy, arrays)[0],
        np.cumsum([np.size(array) for array in arrays])[:-1],
    )
    return [
        part.reshape(np.shape(array)) for part, array in zip(parts, arrays, strict=True)
    ]


def steps(
    run: "runs.Run | None",
    strategy: tf.distribute.Strategy,
    count: int,
    model: keras.Model,
) -> Iterator[int]:
    """Yields the numbers of the steps of a loop on each worker, as `Run.steps` does in
    the chief; all begin with the chief's weights.

    Args:
        run: of the chief, None in the others.
        strategy: of the workers.
        count: of the steps.
        model: what the loop changes.
    """
    numbers = run.steps(count, model=model) if run else None
    step = next(numbers, count) if run else 0
    step, *weights = take_from_chief(strategy, [np.float32(step), *model.get_weights()])
    model.set_weights(weights)
    while step < count:
        yield int(step)
        step = next(numbers, count) if run else step + 1


@contextlib.contextmanager
def start_run(cluster: Cluster, config, dataset) -> Iterator["runs.Run | None"]:
    """Opens the folder of a new run in the chief, as `runs.start` does; gives the
    others None, who write nothing.

    Raises:
        ConnectionError: another worker ended in the middle, or does not answer any
            more.
        Exception: as `runs.start`.
    """
    keras.utils.set_random_seed(config.seed)
    opened = runs.start(config, dataset) if cluster.index == 0 else follow(config)
    with opened as run:
        if run is None:
            print(
                f"worker {cluster.index} of {len(cluster.addresses)}: "
                f"{cluster.name(0)} prints and writes",
                flush=True,
            )
        with watching(cluster):
            yield run


@contextlib.contextmanager
def follow(config) -> Iterator[None]:
    """Computes as `runs.start` lets the chief compute, and writes nothing."""
    faster = not (config.plain_keras or config.debug)
    with (
        device.computing("float32", config.debug),
        keras_patches.applied() if faster else contextlib.nullcontext(),
    ):
        yield


@contextlib.contextmanager
def watching(cluster: Cluster) -> Iterator[None]:
    """Turns TensorFlow's error that another worker has gone into one line that names
    it.

    Raises:
        ConnectionError: another worker ended, or does not answer any more.
    """
    try:
        yield
    except (
        tf.errors.UnavailableError,
        tf.errors.DeadlineExceededError,
        tf.errors.AbortedError,
    ) as error:
        others = [
            index for index in range(len(cluster.addresses)) if index != cluster.index
        ]
        gone = [
            cluster.name(index)
            for index in others
            if not answers(cluster.addresses[index])
        ]
        who = (
            f"{' and '.join(gone)} ended"
            if gone
            else "another worker stopped to answer"
        )
        raise ConnectionError(
            f"{who} in the middle: see what it said, and start all workers again, with "
            "--resume"
        ) from error


def answers(address: str) -> bool:
    """True if somebody listens at an address."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
    except OSError:
        return False
    return True


def launch(main: Callable, config) -> dict:
    """Runs a lesson in `config.workers` processes of this machine, which find each
    other by TF_CONFIG.

    Args:
        main: of the lesson, to be called in each of them.
        config: its configuration.

    Returns:
        What `main` returned in the chief.

    Raises:
        ValueError, OSError, FloatingPointError, KeyboardInterrupt, SystemExit: as the
            worker that failed first; and ValueError for more workers than one machine
            should have.
        ChildProcessError: a worker crashed or was killed.
    """
    if config.workers > MOST_WORKERS:
        raise ValueError(
            f"--workers is {config.workers}, expected at most {MOST_WORKERS} on one "
            "machine"
        )
    with contextlib.ExitStack() as stack:
        probes = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            for _ in range(config.workers)
        ]
        addresses = [f"127.0.0.1:{probe.getsockname()[1]}" for probe in probes]
    spawn = multiprocessing.get_context("spawn")
    workers, ends, environment = [], {}, dict(os.environ)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # `quiet` has set another here
    try:
        for index in range(config.workers):
            task = {
                "cluster": {"worker": addresses},
                "task": {"type": "worker", "index": index},
            }
            os.environ["TF_CONFIG"] = json.dumps(
                task
            )  # before the process begins: it imports TensorFlow first of all
            receiver, sender = spawn.Pipe(duplex=False)
            workers.append(
                spawn.Process(
                    target=work, args=(main, config, index, sender), daemon=True
                )
            )
            workers[-1].start()
            sender.close()
            ends[receiver] = index
        return collect(workers, ends)
    finally:
        os.environ.clear()
        os.environ.update(environment)
        for worker in workers:
            worker.join(5)  # the chief writes down how it ended
            worker.kill()


def work(main: Callable, config, index: int, sender) -> None:
    """Runs a lesson in a process that `launch` started, and sends how it ended."""
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere if index else sys.stdout),
    ):
        try:
            sender.send((None, main(config)))
        except (Exception, KeyboardInterrupt, SystemExit) as error:
            ended = isinstance(
                error, FloatingPointError | KeyboardInterrupt | SystemExit
            )
            if not ended and not command_line.is_message(error):
                raise
            kind = (
                type(error)
                if ended
                else OSError
                if isinstance(error, OSError)
                else ValueError
            )
            sender.send(
                (
                    kind,
                    error.code
                    if isinstance(error, SystemExit)
                    else command_line.explain(error),
                )
            )


def collect(workers: list, ends: dict) -> dict:
    """Waits for the processes of `launch`; returns what the chief sent, or raises as
    the first that failed.

    Args:
        workers: the processes.
        ends: the index of the process behind each connection.
    """
    results = {}
    while ends:
        for receiver in wait(list(ends)):
            index = ends.pop(receiver)
            try:
                kind, results[index] = receiver.recv()
            except EOFError:
                workers[index].join()
                code = workers[index].exitcode
                raise ChildProcessError(
                    f"worker {index} crashed or was killed, with exit code {code}"
                ) from None
            if kind is not None:
                raise kind(results[index])
    return results[0]
