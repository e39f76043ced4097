"""course_9_style_transfer: a step, and the time to an equal loss, beside keras-io's
example and PyTorch.

keras-io: "Neural style transfer" by François Chollet,
examples/generative/neural_style_transfer.py, written afresh with its settings: a
network in float32 of which every layer is an output, given content, style and picture
at each step; style in block1_conv1 to block5_conv1 with the weight 1e-6, content in
block5_conv2 with 2.5e-8, total variation with 1e-6; SGD with a learning rate of 100
that falls by 4 % every 100 steps, from the content.

PyTorch: the lesson's own loss and network, in float32, channels last, with Adam. The
lesson's step is its own `train_step`; PyTorch's is written out here.

All have the same weights, those of `--weights auto`. To an equal loss: keras-io's loss
after 100 steps (the example makes 4,000), and how long the lesson's way (bfloat16 if
native, only the layers that are needed, targets computed once, Adam) takes to it, on
keras-io's loss, its maximum pooling and its padding, at the full size only, with a
learning rate that falls from 8. Its pictures are judged by keras-io's float32 network,
outside the measured time.
"""

import functools
import time
import timeit
from collections.abc import Callable
from pathlib import Path

from lessons import course_9_style_transfer
from training import device

import keras
import numpy as np
import tensorflow as tf

from benchmarks import measuring
from benchmarks.measuring import Way
from data import paintings, photos, weights
from data.images import read
from models import vgg

Config = course_9_style_transfer.Config
CONTENT_LAYERS = course_9_style_transfer.CONTENT_LAYERS
STYLE_LAYERS = course_9_style_transfer.STYLE_LAYERS
THEIR_CONTENT = "block5_conv2"
DEEPEST = "block5_conv3"  # of VGG16


def start(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns content and style, each float32 `(1, height, width, 3)`, of one shape as
    keras-io has them.
    """
    content = read.scale_to(photos.load_photo().pixels, size)
    painted = keras.utils.array_to_img(paintings.draw_glass()).resize(
        content.shape[1::-1]
    )
    return np.float32([content]), np.float32([painted])


def lesson_step(kernels: dict, size: int) -> Callable[[], np.ndarray]:
    """Returns a function that does one step of the lesson and returns the picture."""
    config = Config()
    content, look = (np.uint8(image[0]) for image in start(size))
    network = vgg.build_vgg(kernels, CONTENT_LAYERS + STYLE_LAYERS)
    targets = course_9_style_transfer.find_targets(network, content, [look], size)
    loss_weights = {
        "content": 1.0,
        "style": config.style_weight,
        "smoothness": config.smoothness_weight,
    }
    picture = tf.Variable(np.float32([content]))
    adam = keras.optimizers.Adam(config.learning_rate, beta_2=0.99)
    adam.build([picture])

    def step() -> np.ndarray:
        course_9_style_transfer.train_step(
            network, picture, adam, *targets, loss_weights
        )
        return picture.numpy()

    return step


def torch_step(kernels: dict, size: int) -> Callable[[], np.ndarray]:
    """Returns a function that does one step of the lesson in PyTorch, in float32, and
    returns the picture.
    """
    import torch
    from torch.nn import functional

    config = Config()
    content, look = (torch.tensor(image.transpose(0, 3, 1, 2)) for image in start(size))
    weights = {
        name: (
            torch.tensor(
                kernel[:, :, ::-1].copy() if name == "block1_conv1" else kernel
            )
            .permute(3, 2, 0, 1)
            .contiguous(memory_format=torch.channels_last),
            torch.tensor(bias),
        )
        for name, (kernel, bias) in kernels.items()
    }
    means = torch.tensor(vgg.RED_GREEN_BLUE).reshape(1, 3, 1, 1)

    def network(image):
        features, x = {}, (image - means).contiguous(memory_format=torch.channels_last)
        for name, (kernel, bias) in weights.items():
            if name.endswith("conv1") and name != "block1_conv1":
                x = functional.avg_pool2d(x, 2)
            x = functional.relu(
                functional.conv2d(
                    functional.pad(x, (1, 1, 1, 1), mode="replicate"), kernel, bias
                )
            )
            features[name] = x
        return features

    def gram(features):
        rows = features.flatten(2)[0]
        return rows @ rows.T / rows.shape[1]

    with torch.no_grad():
        target = network(content)[CONTENT_LAYERS[0]]
        grams = {
            name: gram(features)
            for name, features in network(look).items()
            if name in STYLE_LAYERS
        }
    picture = content.clone().requires_grad_()
    adam = torch.optim.Adam([picture], config.learning_rate, (0.9, 0.99))

    def step() -> np.ndarray:
        adam.zero_grad()
        features = network(picture)
        distance = ((features[CONTENT_LAYERS[0]] - target) ** 2).mean()
        loss = distance / (target**2).mean()
        for name, wanted in grams.items():
            strength = wanted.diagonal()
            scale = (strength + 0.1 * strength.mean()).rsqrt()
            distance = (gram(features[name]) - wanted) * scale[:, None] * scale
            loss = loss + config.style_weight / len(grams) * (distance**2).mean() / 4
        scaled = picture / 127.5
        differences = (scaled.diff(dim=2) ** 2).mean() + (
            scaled.diff(dim=3) ** 2
        ).mean()
        loss = loss + config.smoothness_weight * differences
        loss.backward()
        adam.step()
        with torch.no_grad():
            picture.clamp_(0, 255)
        return picture.detach().numpy().transpose(0, 2, 3, 1).copy()

    return step


def build_plain(kernels: dict, layers: tuple[str, ...] | None = None) -> keras.Model:
    """Builds VGG with maximum pooling and zeros at the border, for blue, green, red
    without ImageNet's means.

    Args:
        kernels: as `vgg.read_kernels` returns them.
        layers: which are outputs; every layer if not given.
    """
    x = inputs = keras.Input((None, None, 3))
    outputs = {}
    for name, (kernel, bias) in kernels.items():
        if name.endswith("conv1") and name != "block1_conv1":
            x = keras.layers.MaxPooling2D(2, name=f"pool_before_{name}")(x)
            outputs[f"pool_before_{name}"] = x
        layer = keras.layers.Conv2D(
            len(bias), 3, padding="same", activation="relu", name=name
        )
        outputs[name] = x = layer(x)
        layer.set_weights([kernel, bias])
    model = keras.Model(inputs, {name: outputs[name] for name in layers or outputs})
    model.trainable = False
    return model


def their_loss(
    features: dict, picture: tf.Tensor, content: tf.Tensor, grams: dict
) -> tf.Tensor:
    """Returns keras-io's loss of a picture, float32, from its features and targets."""
    height, width = picture.shape[1:3]
    loss = 2.5e-8 * tf.reduce_sum(
        (tf.cast(features[THEIR_CONTENT], tf.float32) - content) ** 2
    )
    for name in STYLE_LAYERS:
        distance = tf.reduce_sum((sum_gram(features[name]) - grams[name]) ** 2)
        loss += (
            1e-6 / len(STYLE_LAYERS) * distance / (4.0 * 3**2 * (height * width) ** 2)
        )
    down = (picture[:, :-1, :-1] - picture[:, 1:, :-1]) ** 2
    right = (picture[:, :-1, :-1] - picture[:, :-1, 1:]) ** 2
    return loss + 1e-6 * tf.reduce_sum((down + right) ** 1.25)


def sum_gram(features: tf.Tensor) -> tf.Tensor:
    """Returns the Gram matrix of `(1, height, width, filters)` as a sum over the
    places, float32.
    """
    columns = tf.reshape(tf.cast(features, tf.float32), (-1, features.shape[-1]))
    return tf.matmul(columns, columns, transpose_a=True)


def prepare(image: np.ndarray) -> tf.Tensor:
    """Returns blue, green, red without ImageNet's means."""
    return tf.constant((image - np.float32(vgg.RED_GREEN_BLUE))[..., ::-1].copy())


class KerasIO:
    """The example: all layers of the network for three pictures at every step, SGD."""

    def __init__(self, weights: Path, size: int):
        self.network = build_plain(vgg.read_kernels(weights, (DEEPEST,)))
        self.content, self.look = (prepare(image) for image in start(size))
        self.picture = tf.Variable(self.content)
        schedule = keras.optimizers.schedules.ExponentialDecay(
            100.0, decay_steps=100, decay_rate=0.96
        )
        self.optimizer = keras.optimizers.SGD(schedule)
        self.differentiate = tf.function(self.compute)

    def compute(self, picture: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the loss and its gradient."""
        with tf.GradientTape() as tape:
            tape.watch(picture)
            features = self.network(
                tf.concat([self.content, self.look, picture], axis=0)
            )
            grams = {name: sum_gram(features[name][1:2]) for name in STYLE_LAYERS}
            own = {name: values[2:3] for name, values in features.items()}
            loss = their_loss(own, picture, features[THEIR_CONTENT][0:1], grams)
        return loss, tape.gradient(loss, picture)

    def step(self) -> float:
        """Does one step, and returns the loss before it."""
        loss, gradient = self.differentiate(self.picture.value())
        self.optimizer.apply([gradient], [self.picture])
        return float(loss)


class LessonsWay:
    """The lesson's way to make keras-io's loss small."""

    def __init__(self, weights: Path, size: int, steps: int):
        layers = (THEIR_CONTENT, *STYLE_LAYERS)
        self.network = build_plain(vgg.read_kernels(weights, layers), layers)
        self.content, self.look = (prepare(image) for image in start(size))
        self.find_targets()
        self.picture = tf.Variable(self.content)
        self.adam = keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(8.0, steps), beta_2=0.99
        )
        self.differentiate = tf.function(self.compute)

    def find_targets(self) -> None:
        """Computes what the steps compare with."""
        self.target = tf.cast(self.network(self.content)[THEIR_CONTENT], tf.float32)
        styles = self.network(self.look)
        self.grams = {name: sum_gram(styles[name]) for name in STYLE_LAYERS}

    def compute(self, picture: tf.Tensor) -> tf.Tensor:
        """Returns the gradient of the loss."""
        with tf.GradientTape() as tape:
            tape.watch(picture)
            loss = their_loss(self.network(picture), picture, self.target, self.grams)
        return tape.gradient(loss, picture)

    def step(self) -> None:
        """Does one step."""
        self.adam.apply([self.differentiate(self.picture.value())], [self.picture])


def compare_steps(
    weights: Path, size: int, precision: str, rounds: int | None = None
) -> str:
    """Returns, as a table in Markdown, how long a step takes.

    Args:
        weights: file of VGG's weights.
        size: of the longer side, pixels.
        precision: of the lesson's way.
        rounds: how many; three or two if not given.
    """
    kernels = vgg.read_kernels(weights, CONTENT_LAYERS + STYLE_LAYERS)
    with device.computing(precision, debug=False):
        steps = {f"the lesson, {precision}": (lesson_step(kernels, size), None)}
    with device.computing("float32", debug=False):
        steps["keras-io, float32"] = KerasIO(weights, size).step, 5
    if measuring.HAS_TORCH:
        steps["PyTorch, float32"] = torch_step(kernels, size), 1.5
    ways = [
        Way(name, functools.partial(time_step, step), asked)
        for name, (step, asked) in steps.items()
    ]
    if not measuring.HAS_TORCH:
        ways.append(Way("PyTorch, float32", time_step, 1.5, torch=True))
    for way in ways[: len(steps)]:
        way.measure()
    figures = measuring.take_turns(ways, rounds)
    return measuring.tabulate(
        f"a step at {size} pixels", ways, figures, "{:.3f} s".format
    )


def time_step(step: Callable) -> float:
    """Returns the seconds of a step, the mean of four."""
    return timeit.timeit(step, number=4) / 4


def race(
    weights: Path, size: int, precision: str, steps: int
) -> tuple[float, float, str]:
    """Returns the seconds of the lesson's way and of keras-io's to the loss that this
    one has in the end, and how.

    Compiling is left out in both; the lesson's way begins with its targets, which
    keras-io computes in each step.

    Args:
        weights: file of VGG's weights.
        size: of the longer side, pixels.
        precision: of the lesson's way.
        steps: of keras-io's way.

    Raises:
        RuntimeError: the lesson's way does not come to that loss in as many steps.
    """
    with device.computing("float32", debug=False):
        theirs = KerasIO(weights, size)
        theirs.differentiate(theirs.picture.value())
        started = time.perf_counter()
        for _ in range(steps):
            theirs.step()
        their_seconds = time.perf_counter() - started
        goal = float(theirs.differentiate(theirs.picture.value())[0])
    with device.computing(precision, debug=False):
        ours = LessonsWay(weights, size, steps // 4)
        ours.differentiate(ours.picture.value())
        seconds = timeit.timeit(ours.find_targets, number=1)
    for count in range(1, steps + 1):
        started = time.perf_counter()
        ours.step()
        seconds += time.perf_counter() - started
        if count % 5 == 0:
            loss = float(theirs.differentiate(ours.picture.value())[0])
            if loss <= goal:
                break
    else:
        raise RuntimeError(
            f"the lesson's way has the loss {loss:.1f} after {count} steps, keras-io "
            f"{goal:.1f}"
        )
    how = (
        f"keras-io: loss {goal:.1f} after {steps} steps; the lesson's way: loss "
        f"{loss:.1f} after {count} steps"
    )
    return seconds, their_seconds, how


def compare_losses(
    weights: Path, size: int, precision: str, steps: int = 100, rounds: int = 2
) -> str:
    """Returns, as a table in Markdown, how long both ways take to keras-io's loss.

    Args:
        weights: file of VGG's weights.
        size: of the longer side, pixels.
        precision: of the lesson's way.
        steps: of keras-io's way.
        rounds: how many.
    """
    races = [race(weights, size, precision, steps) for _ in range(rounds)]
    ways = [Way("the lesson's way", float), Way(f"keras-io, {steps} steps", float, 10)]
    figures = [
        dict(zip((way.name for way in ways), seconds[:2], strict=True))
        for seconds in races
    ]
    table = measuring.tabulate("to an equal loss", ways, figures, "{:.1f} s".format)
    return f"{table}\n\n" + "\n".join(how for *_, how in races)


def compare_both(small: bool) -> str:
    """Returns both comparisons and the weights they had."""
    found, precision = (
        weights.find_convolutions("auto"),
        device.choose_precision("auto"),
    )
    size, steps, rounds = (48, 8, 1) if small else (400, 100, None)
    tables = [compare_steps(found.path, size, precision, rounds)]
    tables.append(compare_losses(found.path, size, precision, steps, rounds or 2))
    return "\n\n".join([f"Weights: {found.source}.", *tables])


def measure(small: bool = False) -> str:
    """Returns both comparisons as Markdown.

    Args:
        small: whether to do so with a small picture and few steps, to see that
            everything runs.
    """
    return measuring.run_alone(compare_both, small)
