"""Several workers on one machine, each a process of its own."""

import contextlib
import json
import multiprocessing
import os
import socket
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from pathlib import Path

from training import command_line

MOST_WORKERS = 64


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
    spawn = multiprocessing.get_context("spawn")
    addresses = find_free_addresses(config.workers)
    environment = dict(os.environ)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # `quiet` has set another here
    workers = []
    ends: dict[Connection, int] = {}
    try:
        for index in range(config.workers):
            # Before the process begins: it imports TensorFlow first of all.
            os.environ["TF_CONFIG"] = json.dumps(
                {
                    "cluster": {"worker": addresses},
                    "task": {"type": "worker", "index": index},
                }
            )
            receiver, sender = spawn.Pipe(duplex=False)
            worker = spawn.Process(
                target=work, args=(main, config, index, sender), daemon=True
            )
            workers.append(worker)
            worker.start()
            sender.close()
            ends[receiver] = index
        return collect(workers, ends)
    finally:
        os.environ.clear()
        os.environ.update(environment)
        for worker in workers:
            worker.join(5)  # the chief writes down how it ended
            worker.kill()


def find_free_addresses(count: int) -> list[str]:
    """Returns "host:port" of ports of this machine that nobody has opened."""
    with contextlib.ExitStack() as stack:
        probes = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            for _ in range(count)
        ]
        return [f"127.0.0.1:{probe.getsockname()[1]}" for probe in probes]


def work(main: Callable, config, index: int, sender) -> None:
    """Runs a lesson in a process that `launch` started, and sends how it ended: the
    class of its error or None, and what `main` returned or the error says.

    A mistake in the code ends the process with its traceback.
    """
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere if index else sys.stdout),
    ):
        try:
            sender.send((None, main(config)))
        except SystemExit as error:
            sender.send((SystemExit, error.code))
        except (KeyboardInterrupt, FloatingPointError) as error:
            sender.send((type(error), str(error)))
        except Exception as error:
            if not command_line.is_message(error):
                raise
            kind = OSError if isinstance(error, OSError) else ValueError
            sender.send((kind, command_line.explain(error)))


def collect(workers: list, ends: dict[Connection, int]) -> dict:
    """Waits for the processes of `launch`; returns what the chief sent, or raises as
    the first that failed.

    Args:
        workers: the processes.
        ends: the index of the process behind each connection.
    """
    results = {}
    while ends:
        ready = wait(list(ends))
        for receiver in [end for end in ends if end in ready]:
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
