"""Callbacks that every `fit` of a lesson gets: what TensorBoard shows of the training,
and an end to what diverges.
"""

import math
import time
from typing import Any

from training import device, figures, quiet, tensorboard

import keras
import numpy as np
import tensorflow as tf
from tensorboard.plugins.histogram import summary_v2

POINTS = 100
LOOKS = 12
SAMPLED = 20_000  # values, of a larger weight in its histogram
PROFILED = (10, 16)  # updates, the first and the last


class StopOnDivergence(keras.callbacks.Callback):
    """Ends a training whose loss is no longer a finite number.

    Raises:
        FloatingPointError: with the learning rate and what to try.
    """

    def on_train_batch_end(self, batch, logs: Any = None):
        """Looks at the running loss."""
        if not math.isfinite(logs["loss"]):
            learning_rate = float(
                keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
            )
            updates = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))
            raise FloatingPointError(
                f"the loss is {logs['loss']} after {updates} updates: "
                f"the training diverged at a learning rate of {learning_rate:.3g}. Try "
                "a tenth: --learning-rate"
            )


class Curves(keras.callbacks.Callback):
    """Draws the curves of one of several trainings in a run.

    Loss and metrics are shown as "name/loss" and so on, a point an epoch, training and
    validation in one chart.

    Args:
        log: as `runs.Run.log`.
        name: of the training.
    """

    def __init__(self, log, name: str):
        super().__init__()
        self.log = log
        self.name = name

    def on_epoch_end(self, epoch, logs: Any = None):
        """Adds a point to each curve."""
        for key, value in logs.items():
            split = "validation" if key.startswith("val_") else "train"
            chart = f"{self.name}/{key.removeprefix('val_')}"
            self.log(epoch, split, **{chart: value})


class Recorder(keras.callbacks.Callback):
    """Writes for TensorBoard what happens in the training, with the number of updates
    as the step.

    At about 100 points: loss and metrics (means since the point before), learning rate,
    images per second, and for each layer how large the update is beside the weights.

    At 12 looks and before training: loss and metrics on a fixed part of the validation
    split, the norm of the gradient, histograms of the weights and gradients of each
    layer, and for a classifier its filters, feature maps, confusion matrix and worst
    mistakes.

    The gradient is that of the loss on a fixed part of the training split in inference
    mode (without dropout), so that recording never touches the random numbers of the
    training: it ends at the same weights with and without.

    Args:
        writers: TensorBoard's event writers by subfolder of the run: "train",
            "validation", "." for pictures.
        train: images and labels; the first 128 are used, and their number.
        validation: images and labels; the first 1,000 are used.
        class_names: the name of each class, if the model is a classifier of images that
            gives logits.
        profile: whether to trace a few updates for TensorBoard's page Profile, and
            where to: a folder or None.
    """

    KEPT = ("updates",)
    params: dict  # which Keras sets

    def __init__(
        self, writers: dict, train=None, validation=None, class_names=None, profile=None
    ):
        super().__init__()
        self.writers = writers
        self.examples = 0 if train is None else len(train[1])
        self.train = None if train is None else tuple(part[:128] for part in train)
        self.validation = (
            None if validation is None else tuple(part[:1000] for part in validation)
        )
        self.class_names = class_names
        self.profile = profile

    def on_train_begin(self, logs: Any = None):
        """Writes the graph and the state before training."""
        updates = self.params["epochs"] * self.params["steps"]
        self.point_every = max(1, updates // POINTS)
        self.look_every = max(1, updates // LOOKS)
        self.updates = 0
        # The same layers with metrics of their own: those of the model go on counting
        # the epoch.
        self.probe = keras.Model(self.model.inputs[0], self.model.outputs[0])
        self.probe.compile_from_config(self.model.get_compile_config())
        self.answer = tf.function(lambda images: self.probe(images, training=False))
        self.gradients = tf.function(
            lambda *train: device.run_on_devices(self.compute_gradients, *train)
        )
        with self.writers["train"].as_default(step=0):
            tensorboard.write_graph(self.model)
        self.look()
        self.make_variables()

    def on_epoch_begin(self, epoch, logs: Any = None):
        """Starts a new window, because Keras's running means start anew."""
        self.window_start = -1
        self.window_sums = {}
        self.window_time = time.perf_counter()

    def on_train_batch_begin(self, batch, logs: Any = None):
        """Keeps the weights before an update that will be a point of the curves, and
        starts the profiler.
        """
        started = time.perf_counter()
        if self.is_point(batch):
            self.before = [
                np.copy(variable.value.numpy())
                for variable in self.model.trainable_variables
            ]
        if self.profile is not None and self.updates == PROFILED[0]:
            with quiet.hold_stderr():
                tf.profiler.experimental.start(str(self.profile))
        # What recording takes is not the training's time.
        self.window_time += time.perf_counter() - started

    def on_train_batch_end(self, batch, logs: Any = None):
        """Writes a point of the curves where one is due, and looks closer where that
        is.
        """
        ended = time.perf_counter()
        self.updates += 1
        if self.profile is not None and self.updates == PROFILED[1]:
            with quiet.hold_stderr():
                tf.profiler.experimental.stop()
        if self.is_point(batch):
            self.write_point(batch, logs, ended - self.window_time)
            self.window_time = ended
        if self.updates % self.look_every == 0:
            self.look()
        self.window_time += time.perf_counter() - ended

    def on_train_end(self, logs: Any = None):
        """Stops the profiler, if the training was over before its last update to be
        profiled.
        """
        if self.profile is not None and PROFILED[0] < self.updates < PROFILED[1]:
            with quiet.hold_stderr():
                tf.profiler.experimental.stop()

    def make_variables(self) -> None:
        """Makes the variables of optimizer and metrics: if the first update makes them,
        TensorFlow traces it twice.
        """
        if self.train is not None:
            images, labels = self.train
            self.model.optimizer.build(self.model.trainable_variables)
            self.model.compute_metrics(
                images, labels, self.model(images, training=False)
            )
            self.model.reset_metrics()

    def is_point(self, batch: int) -> bool:
        """True if a point of the curves is due after this batch of the epoch."""
        return (batch + 1) % self.point_every == 0 or batch + 1 == self.params["steps"]

    @np.errstate(
        over="ignore", invalid="ignore"
    )  # numbers that explode are to be seen, not warned of
    def write_point(self, batch: int, logs: dict, seconds: float) -> None:
        """Writes the means of loss and metrics since the last point, out of Keras's
        means since the epoch began.
        """
        sums = {name: value * (batch + 1) for name, value in logs.items()}
        window = batch - self.window_start
        with self.writers["train"].as_default(step=self.updates):
            for name, total in sums.items():
                tf.summary.scalar(
                    name, (total - self.window_sums.get(name, 0.0)) / window
                )
            tf.summary.scalar(
                "learning_rate",
                keras.ops.convert_to_numpy(self.model.optimizer.learning_rate),
            )
            if self.train is not None:
                tf.summary.scalar(
                    "images_per_second",
                    window * self.examples / self.params["steps"] / seconds,
                )
            for variable, before in zip(
                self.model.trainable_variables, self.before, strict=True
            ):
                if before.ndim > 1:
                    update = np.linalg.norm(variable.value.numpy() - before)
                    tf.summary.scalar(
                        f"update_to_weight/{variable.path}",
                        update / max(1e-12, np.linalg.norm(before)),
                    )
        self.window_start, self.window_sums = batch, sums

    def look(self) -> None:
        """Writes validation metrics, histograms and, for a classifier, pictures."""
        with self.writers["train"].as_default(step=self.updates):
            for variable in self.model.trainable_variables:
                write_histogram(f"weights/{variable.path}", variable.value.numpy())
            if self.train is not None:
                gradients = self.gradients(*self.train)
                tf.summary.scalar("gradient_norm", tf.linalg.global_norm(gradients))
                for variable, gradient in zip(
                    self.model.trainable_variables, gradients, strict=True
                ):
                    # Of an embedding it lists the rows that were looked up.
                    dense = tf.convert_to_tensor(gradient).numpy()
                    write_histogram(f"gradients/{variable.path}", dense)
        if self.validation is None:
            return
        images, labels = self.validation
        outputs = self.answer(tf.constant(images)).numpy()
        self.probe.reset_metrics()
        metrics = self.probe.compute_metrics(images, labels, outputs)
        metrics["loss"] = self.compute_loss(images, labels, outputs)
        with self.writers["validation"].as_default(step=self.updates):
            for name, value in metrics.items():
                tf.summary.scalar(name, value)
        if self.class_names is not None and outputs.shape[-1] == len(self.class_names):
            probabilities = tensorboard.to_probabilities(outputs)
            pictures = tensorboard.draw_network(self.probe, images[0])
            pictures["confusion/validation"] = figures.draw_confusion(
                labels, outputs.argmax(axis=1), self.class_names
            )
            pictures["mistakes/validation"] = figures.draw_mistakes(
                images, labels, probabilities, self.class_names
            )
            with self.writers["."].as_default(step=self.updates):
                for name, picture in pictures.items():
                    tf.summary.image(name, picture[np.newaxis])

    def compute_loss(self, images, labels, outputs) -> tf.Tensor:
        """Returns the mean loss, which Keras divides by the number of devices that
        share a training.
        """
        devices = tf.distribute.get_strategy().num_replicas_in_sync
        return devices * self.probe.compute_loss(
            images, labels, outputs, training=False
        )

    def compute_gradients(self, images, labels) -> list[tf.Tensor]:
        """Returns the gradient of the loss on `images` and `labels`, a tensor for each
        trainable variable.
        """
        with tf.GradientTape() as tape:
            outputs = self.probe(images, training=False)
            loss = self.compute_loss(images, labels, outputs)
        return tape.gradient(loss, self.probe.trainable_variables)


@np.errstate(over="ignore", invalid="ignore")  # of a training that diverges
def write_histogram(name: str, values: np.ndarray) -> None:
    """Writes a histogram of at most 20,000 of the values, evenly spread, to the current
    summary writer.

    TensorBoard's NumPy version takes half the time of `tf.summary.histogram`.
    """
    values = values.ravel()
    drawn = summary_v2.histogram_pb(name, values[:: -(-values.size // SAMPLED)])
    tf.summary.experimental.write_raw_pb(drawn.SerializeToString())
