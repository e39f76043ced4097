"""Processes of this machine that share the runs of a sweep."""

import multiprocessing
import os
import queue
import signal
import threading
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess

from lessons import course
from lessons.commands.sweeping import attempts, one_run
from training import options

from tqdm import tqdm


class LocalWorkers:
    """Processes that run a lesson, each one run after the other.

    As a context manager, it ends them after its block; at once, if the block fails.

    Args:
        lesson: its name.
        count: of the processes.
    """

    def __init__(self, lesson: str, count: int):
        self.threads = futures.ThreadPoolExecutor(count)  # each waits for one process
        self.free = queue.SimpleQueue()
        for _ in range(count):
            process = start_process()
            process.submit(load, lesson)
            self.free.put(process)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            for process in multiprocessing.active_children():
                process.kill()
        self.threads.shutdown(cancel_futures=True)
        while not self.free.empty():
            self.free.get().shutdown()

    def submit(self, config: options.Options) -> futures.Future[str]:
        """Lets the next free process run the lesson; the result is what `run_one`
        returns, or `attempts.WorkerLostError`.
        """
        return self.threads.submit(self.run, config)

    def run(self, config: options.Options) -> str:
        """Lets a process run the lesson, and waits for it.

        Raises:
            attempts.WorkerLostError: the process was killed. Another takes its place.
        """
        process = self.free.get()
        try:
            return process.submit(one_run.run_one, config).result()
        except BrokenProcessPool:
            process.shutdown()
            process = start_process()
            raise attempts.WorkerLostError("its process was killed") from None
        finally:
            self.free.put(process)


def start_process() -> futures.ProcessPoolExecutor:
    """Returns a pool of one process, which starts when it has something to do: so it is
    known which run was lost with it, and no other is.
    """
    return futures.ProcessPoolExecutor(
        1, multiprocessing.get_context("spawn"), initializer=prepare
    )


def prepare() -> None:
    """Leaves Ctrl-C to the process of the sweep, and ends with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The one it has by default is shared by processes, and lost if this one is killed.
    tqdm.set_lock(threading.RLock())
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=follow, args=(parent,), daemon=True).start()


def follow(parent: BaseProcess) -> None:
    """Ends this process when the one that started it is no more."""
    parent.join()
    os._exit(1)


def load(lesson: str) -> None:
    """Imports a lesson, with TensorFlow, which takes seconds."""
    course.import_lesson(lesson)
