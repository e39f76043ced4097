"""How the processes of a cluster meet.

TensorFlow joins them, but notices no difference between them, and waits an hour for one
that does not come. Meanwhile it holds Python's lock: neither a time limit nor Ctrl-C
could end that. So they meet before, and join when all are there.
"""

import contextlib
import hashlib
import json
import signal
import socket
import threading
import time
from dataclasses import asdict

from training import device, quiet
from training.cluster import tf_config

import tensorflow as tf

# After which a worker that is alive but does not answer counts as gone.
SILENT_SECONDS = 60
LONGEST = 1_000_000  # bytes, of what a worker says of itself
GO = "go"  # what the chief answers if all is well
# Fields that may differ between the workers: they do not change what is computed.
OWN = {"logdir", "name", "resume", "profile", "wait", "workers"}


def join(config, dataset) -> tuple[tf_config.Cluster, tf.distribute.Strategy]:
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
    cluster = tf_config.read_cluster()
    count = len(cluster.addresses)
    if config.workers not in (1, count):
        raise ValueError(
            f"--workers is {config.workers}, but TF_CONFIG names {count}: leave the "
            "flag out"
        )
    if not tf_config.is_set():
        return cluster, device.choose_strategy("one")
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
        # TensorFlow's own handler lets the process live.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if cluster.index:  # which has nothing to write down
            signal.signal(signal.SIGINT, signal.SIG_DFL)
    return cluster, strategy


def describe(config, dataset) -> dict[str, str]:
    """Returns what must be equal in all workers: the hyperparameters, the seed, the
    training data, TensorFlow.
    """
    fields = asdict(config).items()
    facts = {name: str(value) for name, value in fields if name not in OWN}
    digest = hashlib.sha256()
    for part in dataset.train:
        digest.update(part)
    count = len(dataset.train[1])
    facts["training data"] = f"{count} examples, {digest.hexdigest()[:8]}"
    facts["TensorFlow"] = tf.__version__
    return facts


def meet(cluster: tf_config.Cluster, facts: dict[str, str], seconds: float) -> None:
    """Waits until all processes are there at the same time.

    Each process opens its own port, which TensorFlow takes over. The others tell the
    chief a line of JSON, their index and facts, and stay on the line until it answers.

    Args:
        cluster: who should come.
        facts: what must be equal in all processes, by name.
        seconds: to wait for the others.

    Raises:
        ValueError: a fact differs.
        OSError: the port is taken, or another process does not come.
    """
    deadline = time.monotonic() + seconds
    facts = {"addresses": ", ".join(cluster.addresses), **facts}
    with open_port(cluster) as server:
        if cluster.index == 0:
            missing, answer = hear_workers(cluster, facts, server, deadline)
        else:
            missing, answer = tell_chief(cluster, facts, deadline)
    if missing:
        names = ", ".join(cluster.name(index) for index in missing)
        raise TimeoutError(
            f"{names} did not answer within {seconds:g} s: start all workers, each "
            "with its own index in TF_CONFIG, or give more --wait"
        )
    if answer != GO:
        raise ValueError(answer)


def open_port(cluster: tf_config.Cluster) -> socket.socket:
    """Opens the port of this process.

    Raises:
        OSError: it is taken, or must not be opened.
    """
    host, port = cluster.find_socket(cluster.index)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server(("", port), family=family)
    except OSError as error:
        raise OSError(
            f"the port of {cluster.name(cluster.index)} cannot be opened "
            f"({error.strerror}): name another in TF_CONFIG"
        ) from None


def hear_workers(
    cluster: tf_config.Cluster, facts: dict, server: socket.socket, deadline: float
) -> tuple[list[int], str]:
    """Waits, as the chief, until all others are on the line, and answers them.

    Returns:
        Who is missing at the deadline; and the answer, if nobody is.
    """
    lines: dict[int, socket.socket] = {}
    told: dict[int, dict] = {}
    with contextlib.ExitStack() as stack:
        while missing := [
            index
            for index in cluster.others
            if index not in lines or has_left(lines[index])
        ]:
            left = deadline - time.monotonic()
            if left <= 0:
                return missing, ""
            server.settimeout(left)
            try:
                line = stack.enter_context(server.accept()[0])
                line.settimeout(min(5, left))
                said = receive(line)
                lines[said["index"]], told[said["index"]] = line, dict(said["facts"])
            except (OSError, ValueError, KeyError, TypeError, RecursionError):
                continue  # something else has knocked, such as a probe for life
        answer = compare(cluster, facts, told)
        for line in lines.values():
            with contextlib.suppress(OSError):
                line.sendall(json.dumps({"answer": answer}).encode() + b"\n")
    return [], answer


def tell_chief(
    cluster: tf_config.Cluster, facts: dict, deadline: float
) -> tuple[list[int], str]:
    """Tells the chief the facts of another process; returns as `hear_workers`."""
    words = json.dumps({"index": cluster.index, "facts": facts}).encode() + b"\n"
    while (left := deadline - time.monotonic()) > 0:
        # Until the chief is there, and while something else has its port.
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            chief = cluster.find_socket(0)
            with socket.create_connection(chief, timeout=left) as line:
                line.sendall(words)
                line.settimeout(max(0.001, deadline - time.monotonic()))
                return [], receive(line)["answer"]
        time.sleep(min(0.2, max(0, deadline - time.monotonic())))
    return [0], ""


def receive(line: socket.socket) -> dict:
    """Returns the line of JSON that the other side sends.

    Raises:
        ValueError: it sends something else.
        OSError: it sends nothing in time.
    """
    with line.makefile("rb") as stream:
        return json.loads(stream.readline(LONGEST))


def has_left(line: socket.socket) -> bool:
    """True if the other side has closed a connection, as a worker does that waits no
    longer.
    """
    line.setblocking(False)
    try:
        return line.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def compare(cluster: tf_config.Cluster, facts: dict, told: dict[int, dict]) -> str:
    """Returns in what the first worker that differs from the chief does so, or `GO`."""
    for index in cluster.others:
        differences = [
            f"{name} {told[index].get(name)}, the chief {value}"
            for name, value in facts.items()
            if told[index].get(name) != value
        ]
        if differences:
            return (
                f"{cluster.name(index)} has {'; '.join(differences)}: start all "
                "workers with the same flags and data"
            )
    return GO
