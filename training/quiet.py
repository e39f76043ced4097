"""Imports TensorFlow without its log lines, and keeps those of Matplotlib back.

TensorFlow writes to file descriptor 2 from C++ while it is imported, looks for a GPU
and first compiles, and no setting holds all of it back. `hold_stderr` does, and gives
back what was written if its block fails. The modules of `training` that need TensorFlow
import this one first, and lessons import `training` before anything else.
"""

import contextlib
import faulthandler
import gc
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator

from training import streams


@contextlib.contextmanager
def hold_stderr() -> Iterator[None]:
    """Holds back what is written to file descriptor 2, and writes it out after all if
    the block raises.

    If the process dies inside the block (TensorFlow aborts on a CPU without AVX),
    Python's fault handler still names the place on the real stderr.
    """
    sys.stderr.flush()
    stderr = os.dup(2)
    watch = not faulthandler.is_enabled()
    if watch:
        faulthandler.enable(stderr)
    try:
        with tempfile.TemporaryFile() as held:
            os.dup2(held.fileno(), 2)
            try:
                yield
            except KeyboardInterrupt:
                raise
            except BaseException:
                sys.stderr.flush()
                held.seek(0)
                with os.fdopen(os.dup(stderr), "wb") as shown:
                    shutil.copyfileobj(held, shown)
                raise
            finally:
                sys.stderr.flush()
                os.dup2(stderr, 2)
    finally:
        if watch:
            faulthandler.disable()
        os.close(stderr)


def prepare_devices() -> None:
    """Lets TensorFlow write now what it writes when it first looks for a GPU and first
    compiles.
    """
    tf.config.list_logical_devices()
    with contextlib.suppress(tf.errors.OpError):  # see `device.can_compile`
        compile_something()


def compile_something() -> None:
    """Compiles a function with XLA.

    Raises:
        tf.errors.OpError: this build of TensorFlow cannot do it.
    """
    tf.function(lambda x: x / tf.sqrt(x), jit_compile=True)(tf.constant(1.0))


streams.fill()
# Keras 3 on TensorFlow, whatever the learner's settings of older days say.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.pop("TF_USE_LEGACY_KERAS", None)
# Otherwise, Matplotlib tells on stderr where it keeps its fonts if the home folder
# cannot be written.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

if "tensorflow" not in sys.modules:
    # Of an error that it raises as well, TensorFlow logs a warning; in a cluster, of
    # another worker's end, an error.
    os.environ.setdefault(
        "TF_CPP_MIN_LOG_LEVEL", "3" if "TF_CONFIG" in os.environ else "2"
    )
    # What the import makes stays: to look through it for what can be freed takes a
    # quarter of the import, and later a fifth of a second each time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        with hold_stderr():
            import keras  # with TensorFlow it takes seconds, in which Ctrl-C may come
            import tensorflow as tf

            # Memory growth must be set before the GPU is first used.
            for gpu in tf.config.list_physical_devices("GPU"):
                tf.config.experimental.set_memory_growth(gpu, True)
            if (
                "TF_CONFIG" not in os.environ
            ):  # a cluster is joined before the devices are first used
                prepare_devices()
    except KeyboardInterrupt:
        sys.exit(130)
    except ImportError as error:
        if "DLL load failed" not in str(error):
            raise
        print(
            "TensorFlow cannot be loaded: install Microsoft's Visual C++ "
            "Redistributable, see docs/install.md",
            file=sys.stderr,
        )
        sys.exit(2)
    except ValueError as error:
        if "configuration" not in str(error):
            raise
        home = os.environ.get("KERAS_HOME", "~/.keras")
        reason = " ".join(str(error).split())
        print(f"{home}/keras.json: {reason} Correct or delete it", file=sys.stderr)
        sys.exit(2)
    finally:
        gc.freeze()
        if collecting:
            gc.enable()

import keras  # noqa: E402 (where TensorFlow was imported before)

if keras.config.backend() != "tensorflow":
    raise ImportError(
        f"Keras was imported with {keras.config.backend()}, expected TensorFlow: start "
        "Python or the notebook's kernel anew, and import `training` first"
    )
