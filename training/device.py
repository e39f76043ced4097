"""The device and the precision that a run computes with, and the mode for debugging."""

import contextlib
import functools
import math
import os
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from training import quiet

import keras
import tensorflow as tf

# What oneDNN can be limited to that does not compute in bfloat16.
WITHOUT_BFLOAT16 = (
    "SSE41",
    "AVX",
    "AVX2",
    "AVX2_VNNI",
    "AVX2_VNNI_2",
    "AVX512_CORE",
    "AVX512_CORE_VNNI",
)

# As Keras comes. A `keras.json` that earlier courses asked for may have others.
SETTINGS = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
}


def describe(devices: int = 1) -> str:
    """Returns what computes, such as "CPU (2 cores)" or "GPU (NVIDIA GeForce RTX
    4090)".

    Args:
        devices: how many share a batch; above 1, the text begins with their number.
    """
    gpus = tf.config.list_physical_devices("GPU")
    names = [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in gpus
    ]
    one = f"GPU ({', '.join(names)})" if gpus else f"CPU ({os.cpu_count()} cores)"
    return one if devices == 1 else f"{devices} mirrored devices, {one}"


def choose_strategy(strategy: str) -> tf.distribute.Strategy:
    """Returns TensorFlow's strategy for a training on one device, or on all of this
    machine.

    Args:
        strategy: "one", or "mirrored" for all GPUs (all CPUs where TensorFlow was told
            of several, and has no GPU).

    Raises:
        ValueError: "mirrored", and there is only one.
    """
    if strategy == "one":
        return cast(tf.distribute.Strategy, tf.distribute.get_strategy())
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    if len(devices) < 2:
        raise ValueError(
            f"--strategy is mirrored, but TensorFlow finds {len(devices)} {kind} here, "
            "expected two GPUs or more: "
            "leave the flag out"
        )
    with quiet.hold_stderr():
        return tf.distribute.MirroredStrategy(devices)


def is_limited() -> bool:
    """True if ONEDNN_MAX_CPU_ISA keeps a CPU that computes bfloat16 from it: TensorFlow
    does not ask, and would crash.
    """
    return os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in WITHOUT_BFLOAT16


@functools.cache
def can_compile() -> bool:
    """True if TensorFlow can compile functions here: not every build of it, as for
    Windows or for GPUs of Macs, has the compiler XLA.
    """
    try:
        quiet.compile_something()
    except tf.errors.OpError:
        return False
    return True


def choose_precision(precision: str) -> str:
    """Returns "bfloat16" or "float32".

    Args:
        precision: one of these, or "auto" for bfloat16 where the device computes it
            natively: a GPU of compute capability 8.0 (Ampere, 2020) or above, a CPU on
            Linux with the instructions AVX512_BF16 or AMX_BF16, if ONEDNN_MAX_CPU_ISA
            does not exclude them.

    Raises:
        ValueError: "bfloat16", which ONEDNN_MAX_CPU_ISA excludes.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if precision == "bfloat16" and is_limited() and not gpus:
        raise ValueError(
            "--precision is bfloat16, but ONEDNN_MAX_CPU_ISA is "
            f"{os.environ['ONEDNN_MAX_CPU_ISA']}, which excludes it: take float32, or "
            "unset that variable"
        )
    if precision != "auto":
        return precision
    if gpus:
        capabilities = [
            tf.config.experimental.get_device_details(gpu).get(
                "compute_capability", (0,)
            )
            for gpu in gpus
        ]
        native = min(capabilities) >= (8, 0)
    else:
        cpu = Path("/proc/cpuinfo").read_text() if sys.platform == "linux" else ""
        native = "avx512_bf16" in cpu or "amx_bf16" in cpu
        native = native and not is_limited()
    return "bfloat16" if native else "float32"


@functools.cache
def measure_speed() -> float:
    """Returns how many float32 operations a second the device reaches in a product of
    matrices of 1,024 x 1,024.
    """
    matrix = tf.random.stateless_normal((1024, 1024), seed=(0, 0))
    fastest = math.inf
    for _ in range(6):  # of which the first prepares
        started = time.perf_counter()
        tf.matmul(matrix, matrix).numpy()
        fastest = min(fastest, time.perf_counter() - started)
    return 2 * 1024**3 / fastest


def run_on_devices(function, *arguments):
    """Calls a function that computes gradients, on each device of a mirrored training;
    returns what the first one gave.

    Outside of the devices, TensorFlow has no gradient for a variable that is mirrored.
    """
    strategy = tf.distribute.get_strategy()
    if strategy.num_replicas_in_sync == 1:
        return function(*arguments)
    results = tf.function(strategy.run)(function, arguments)
    return tf.nest.map_structure(
        lambda values: strategy.experimental_local_results(values)[0], results
    )


@contextlib.contextmanager
def computing(
    precision: str, debug: bool, strategy: tf.distribute.Strategy | None = None
) -> Iterator[None]:
    """Sets the precision of the layers made inside the block, and if `debug` runs them
    eagerly with numeric checks. Whatever else a learner's `keras.json` sets has no
    effect meanwhile.

    Args:
        precision: "float32", or "bfloat16": Keras's `mixed_bfloat16`, which keeps the
            weights in float32.
        debug: whether every operation runs eagerly and raises on a NaN or infinity.
        strategy: what `choose_strategy` returned, for the models made inside the block;
            one device if not given.
    """
    settings = SETTINGS | {
        "dtype_policy": "mixed_bfloat16" if precision == "bfloat16" else "float32"
    }
    previous = {name: getattr(keras.config, name)() for name in settings}
    set_keras(settings)
    try:
        with contextlib.ExitStack() as stack:
            if strategy is not None and strategy.num_replicas_in_sync > 1:
                stack.enter_context(strategy.scope())
            if debug:
                stack.enter_context(debugging())
            yield
    finally:
        set_keras(previous)


def set_keras(settings: dict) -> None:
    """Gives Keras's settings, by their names in `keras.config`, these values."""
    for name, value in settings.items():
        getattr(keras.config, f"set_{name}")(value)


@contextlib.contextmanager
def debugging() -> Iterator[None]:
    """Runs every operation in the block eagerly, and raises on a NaN or infinity."""
    tf.config.run_functions_eagerly(True)
    tf.debugging.enable_check_numerics()
    try:
        with warnings.catch_warnings():
            # TensorFlow warns that input pipelines are not run eagerly. What is
            # debugged here are the models.
            warnings.filterwarnings(
                "ignore",
                message=(
                    "Even though the `tf.config.experimental_run_functions_eagerly`"
                ),
            )
            yield
    finally:
        tf.debugging.disable_check_numerics()
        tf.config.run_functions_eagerly(False)
