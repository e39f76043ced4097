"""The device and the precision that a run computes with, and the mode for debugging."""

import contextlib
import os
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from training import quiet  # noqa: F401 (imports TensorFlow)

import keras
import psutil
import tensorflow as tf


def describe() -> str:
    """Returns the device that computes, such as "CPU (2 cores)" or "GPU (NVIDIA GeForce RTX 4090)"."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return f"CPU ({os.cpu_count()} cores)"
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]
    return f"GPU ({', '.join(names)})"


def choose_precision(precision: str) -> str:
    """Returns "bfloat16" or "float32".

    Args:
        precision: one of these, or "auto" for bfloat16 where the device computes it natively: a GPU of compute
            capability 8.0 (Ampere, 2020) or above, a CPU on Linux with the instructions AVX512_BF16 or AMX_BF16.
    """
    if precision != "auto":
        return precision
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capabilities = [tf.config.experimental.get_device_details(gpu).get("compute_capability", (0,)) for gpu in gpus]
        native = min(capabilities) >= (8, 0)
    else:
        cpu = Path("/proc/cpuinfo").read_text() if sys.platform == "linux" else ""
        native = "avx512_bf16" in cpu or "amx_bf16" in cpu
    return "bfloat16" if native else "float32"


def free_memory() -> int | None:
    """Returns how many bytes of memory are free, None for a GPU, of which TensorFlow does not say it."""
    return None if tf.config.list_physical_devices("GPU") else psutil.virtual_memory().available


def time_call(function, *arguments) -> float:
    """Returns how many seconds the second call of a function takes; with the first one, TensorFlow prepares."""
    function(*arguments)
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


@contextlib.contextmanager
def computing(precision: str, debug: bool) -> Iterator[None]:
    """Sets the precision of the layers made inside the block, and runs them eagerly with numeric checks if `debug`.

    Args:
        precision: "float32", or "bfloat16": Keras's `mixed_bfloat16`, which keeps the weights in float32.
        debug: whether every operation runs eagerly and raises on a NaN or infinity.
    """
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    if not debug:
        try:
            yield
        finally:
            keras.config.set_dtype_policy(previous)
        return
    tf.config.run_functions_eagerly(True)
    tf.debugging.enable_check_numerics()
    try:
        with warnings.catch_warnings():
            # TensorFlow warns that input pipelines are not run eagerly. What is debugged here are the models.
            warnings.filterwarnings("ignore", message="Even though the `tf.config.experimental_run_functions_eagerly`")
            yield
    finally:
        tf.debugging.disable_check_numerics()
        tf.config.run_functions_eagerly(False)
        keras.config.set_dtype_policy(previous)
