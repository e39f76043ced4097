"""How near three lessons come to the machine's arithmetic, and what takes the rest of
the time.

The peak is the best that large products of matrices (2,048 and 4,096 rows) and
convolutions (3 x 3, 128 and 256 channels) reach in the same run, in float32, and in
bfloat16 where the machine computes it. Operations are counted from the layers: two for
each weight at each place. A training step has three times those of the forward pass,
but none for a gradient of the pictures; style transfer has twice, because its weights
have no gradient. Everything else that is computed counts as nothing.

The fractions are those of whole steps: of the lesson's step in course_3_cnn (without
recording, and with), of a batch of course_5_transfer_learning's features, of a step of
course_9_style_transfer. The tables below are what TensorFlow's profiler says of each:
which operations took how long. They run on two threads, so that their sum may be more
than the time of the step.
"""

import collections
import re
import statistics
import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path

from benchmarks import cnn_epoch, measuring, style_transfer

SHOWN = 8  # kinds of operations in a table


def find_peak(small: bool) -> dict[str, float]:
    """Returns the operations per second, in units of 10^9, of large products and
    convolutions.
    """
    from training import device, quiet  # noqa: F401 (before TensorFlow)

    import tensorflow as tf

    found = {}
    # Without bfloat16, oneDNN ends the process at some of its convolutions.
    for dtype in dict.fromkeys(("float32", device.choose_precision("auto"))):
        for rows in (256,) if small else (2048, 4096):
            matrix = tf.cast(tf.random.normal((rows, rows)), dtype)
            product = tf.function(lambda a=matrix: tf.reduce_sum(a @ a))
            found[f"matrices of {rows:,}, {dtype}"] = (
                2 * rows**3 / find_fastest(product, 12) / 1e9
            )
        for channels in (16,) if small else (128, 256):
            images = tf.cast(tf.random.normal((16, 56, 56, channels)), dtype)
            kernel = tf.cast(tf.random.normal((3, 3, channels, channels)), dtype)
            convolution = tf.function(
                lambda x=images, k=kernel: tf.reduce_sum(tf.nn.conv2d(x, k, 1, "SAME"))
            )
            operations = 2 * 16 * 56**2 * 9 * channels**2
            found[f"convolutions of {channels} channels, {dtype}"] = (
                operations / find_fastest(convolution, 12) / 1e9
            )
    return found


def find_fastest(call: Callable, times: int = 3) -> float:
    """Returns the seconds of the fastest of several calls, after one that prepares."""
    call()
    return min(timeit.repeat(call, number=1, repeat=times))


def count_operations(model) -> list[float]:
    """Returns how many operations each layer of a Keras model has for one image, in
    their order.
    """
    import keras
    import numpy as np

    counts = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            counts.append(
                2.0
                * int(np.prod(layer.output.shape[1:3]))
                * int(np.prod(layer.kernel.shape))
            )
        elif isinstance(layer, keras.layers.Dense):
            counts.append(2.0 * int(np.prod(layer.kernel.shape)))
    return counts


def profile(call: Callable, steps: int) -> dict[str, float]:
    """Returns what TensorFlow's profiler says of `steps` calls: milliseconds a step, by
    kind of operation.
    """
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    call()
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        for _ in range(steps):
            call()
        tf.profiler.experimental.stop()
        space = xplane_pb2.XSpace.FromString(
            next(Path(folder).rglob("*.xplane.pb")).read_bytes()
        )
    seconds = collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                operation = re.fullmatch(
                    r".*[^:]:(_?[A-Z]\w+)", plane.event_metadata[event.metadata_id].name
                )
                if operation:
                    seconds[
                        operation[1].replace("_MklNative", "").replace("_Mkl", "")
                    ] += event.duration_ps / 1e12
    return {name: 1000 * value / steps for name, value in seconds.most_common()}


def look_at_cnn(small: bool) -> tuple[str, float, float, dict]:
    """Returns title, operations and seconds of a step of course_3_cnn without
    recording, and its profile.
    """
    from lessons import course_3_cnn
    from training import device

    import keras

    from data import digits

    config = course_3_cnn.Config()
    images, labels = (
        part[: 500 if small else 10_000] for part in digits.load_digits().train
    )
    steps = len(images) // config.batch_size
    precision = device.choose_precision("auto")
    with device.computing(precision, debug=False):
        model = course_3_cnn.build_cnn(config.filters, config.units, config.dropout)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(
            keras.optimizers.Adam(config.learning_rate), loss, metrics=["accuracy"]
        )

        def train():
            model.fit(images, labels, batch_size=config.batch_size, verbose=0)

        seconds = find_fastest(train) / steps
        found = {name: value / steps for name, value in profile(train, 1).items()}
    first, *others = count_operations(model)
    operations = config.batch_size * (2 * first + 3 * sum(others))
    return (
        f"course_3_cnn, a step of {config.batch_size} images, {precision}",
        operations,
        seconds,
        found,
    )


def look_at_features(small: bool) -> tuple[str, float, float, dict]:
    """Returns title, operations and seconds of the features of 96 photos, and their
    profile.
    """
    from lessons import course_5_transfer_learning
    from training import device

    import keras
    import numpy as np

    from data import weights
    from models import backbones

    size, count = (64, 8) if small else (320, 96)
    found = weights.find_weights("efficientnet_lite0", None)
    precision = device.choose_precision(course_5_transfer_learning.Config().precision)
    with device.computing(precision, debug=False):
        network = backbones.build_backbone(
            "efficientnet_lite0", found.path, found.keep, size
        )
        extractor = backbones.fold_normalization(
            keras.Model(network.inputs[0], network.layers[-1].input)
        )
    photos = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)

    def predict():
        extractor.predict(photos, verbose=0)

    seconds = find_fastest(predict)
    title = (
        f"course_5_transfer_learning, features of {count} photos of {size} pixels, "
        f"{precision}"
    )
    return title, count * sum(count_operations(extractor)), seconds, profile(predict, 1)


def look_at_style(small: bool) -> tuple[str, float, float, dict]:
    """Returns title, operations and seconds of a step of course_9_style_transfer, and
    its profile.
    """
    from training import device

    from data import weights
    from models import vgg

    size = 48 if small else 400
    layers = style_transfer.CONTENT_LAYERS + style_transfer.STYLE_LAYERS
    kernels = vgg.read_kernels(weights.find_convolutions("auto").path, layers)
    precision = device.choose_precision("auto")
    with device.computing(precision, debug=False):
        step = style_transfer.lesson_step(kernels, size)
        height, width = step().shape[1:3]
        seconds = find_fastest(step, 12)
        found = profile(step, 4)
    operations = 0.0
    for name, (kernel, _) in kernels.items():
        halved = 2 ** (
            int(name[5]) - 1
        )  # how often pooling halved the picture before "block3_conv1"
        operations += 2 * 2 * kernel.size * (height // halved) * (width // halved)
    return (
        f"course_9_style_transfer, a step at {size} pixels, {precision}",
        operations,
        seconds,
        found,
    )


def measure(small: bool = False) -> str:
    """Returns peak, fractions of it and profiles as Markdown.

    Args:
        small: whether to do so with small matrices, pictures and data, to see that
            everything runs.
    """
    speeds = measuring.run_alone(find_peak, small)
    peak = max(speeds.values())
    text = ["| the machine | 10^9 operations a second |\n| --- | --- |"]
    text[0] += "".join(f"\n| {name} | {speed:,.0f} |" for name, speed in speeds.items())
    looks = [
        measuring.run_alone(look, small)
        for look in (look_at_cnn, look_at_features, look_at_style)
    ]
    rows = (
        "| lesson | 10^9 operations | seconds | 10^9 operations a second | fraction "
        "of the peak |\n" + "| --- " * 5 + "|"
    )
    seconds = 100 * statistics.mean(measuring.run_alone(cnn_epoch.time_lesson))
    shipped = "the same as shipped, recorded and watched", looks[0][1], seconds, {}
    for title, operations, seconds, _ in (looks[0], shipped, *looks[1:]):
        speed = operations / seconds / 1e9
        rows += (
            f"\n| {title} | {operations / 1e9:,.1f} | {seconds:.4f} | {speed:,.0f} "
            f"| {speed / peak:.0%} |"
        )
    text.append(rows)
    for title, _, seconds, found in looks:
        table = f"| {title}: {1000 * seconds:.1f} ms | ms |\n| --- | --- |"
        table += "".join(
            f"\n| {name} | {value:.2f} |" for name, value in list(found.items())[:SHOWN]
        )
        others = list(found.values())[SHOWN:]
        text.append(table + f"\n| {len(others)} other kinds | {sum(others):.2f} |")
    return "\n\n".join(text)
