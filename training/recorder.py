"""Callbacks that every `fit` of a lesson gets: what TensorBoard shows of the training, and an end to what diverges."""

import math
import time

from training import quiet  # noqa: F401 (imports TensorFlow)

import keras
import tensorflow as tf

CURVE_POINTS = 100
LOOKS = 12


class StopOnDivergence(keras.callbacks.Callback):
    """Ends a training whose loss is no longer a finite number.

    Raises:
        FloatingPointError: with the learning rate and what to try.
    """

    def on_train_batch_end(self, batch, logs=None):
        """Looks at the running loss."""
        if not math.isfinite(logs["loss"]):
            learning_rate = float(self.model.optimizer.learning_rate)
            raise FloatingPointError(
                f"the loss is {logs['loss']} after {int(self.model.optimizer.iterations)} updates: "
                f"the training diverged at a learning rate of {learning_rate:.3g}. Try a tenth: --learning-rate"
            )


class Recorder(keras.callbacks.Callback):
    """Writes for TensorBoard what happens in the training, with the number of updates as the step.

    - `train/`: about 100 points of loss and metrics (means since the point before), learning rate, images per second.
    - `validation/`: 12 points of the same loss and metrics on a fixed part of the validation split.
    - `train/`: 12 histograms of each layer's weights and gradients (of the loss on a fixed part of the training
      split, in inference mode, so that recording does not touch the random numbers of the training), the norm of that
      gradient, and Keras's graph of the model.

    Args:
        writers: TensorBoard's event writers by split, `train` and `validation`.
        train: images and labels to take gradients on; the first 128 are used.
        validation: images and labels; the first 1,000 are used.
    """

    def __init__(self, writers: dict, train=None, validation=None):
        super().__init__()
        self.writers = writers
        self.train = None if train is None else tuple(part[:128] for part in train)
        self.validation = None if validation is None else tuple(part[:1000] for part in validation)

    def on_train_begin(self, logs=None):
        """Writes the graph and the state before training."""
        updates = self.params["epochs"] * self.params["steps"]
        self.point_every = max(1, updates // CURVE_POINTS)
        self.look_every = max(1, updates // LOOKS)
        self.updates = 0
        # The same layers with metrics of their own: those of the model go on counting the epoch.
        self.probe = keras.Model(self.model.inputs, self.model.outputs)
        self.probe.compile_from_config(self.model.get_compile_config())
        self.gradients = tf.function(self.compute_gradients)
        with self.writers["train"].as_default(step=0):
            write_graph(self.model)
        self.look()

    def on_epoch_begin(self, epoch, logs=None):
        """Starts a new window, because Keras's running means start anew."""
        self.window_start = -1
        self.window_sums = {}
        self.window_time = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        """Writes a point of the curves where one is due."""
        self.updates += 1
        if (batch + 1) % self.point_every == 0 or batch + 1 == self.params["steps"]:
            self.write_point(batch, logs)
        if self.updates % self.look_every == 0:
            started = time.perf_counter()
            self.look()
            self.window_time += time.perf_counter() - started

    def write_point(self, batch: int, logs: dict) -> None:
        """Writes the means of loss and metrics since the last point, out of Keras's means since the epoch began."""
        sums = {name: value * (batch + 1) for name, value in logs.items()}
        window = batch - self.window_start
        with self.writers["train"].as_default(step=self.updates):
            for name, total in sums.items():
                tf.summary.scalar(name, (total - self.window_sums.get(name, 0.0)) / window)
            tf.summary.scalar("learning_rate", self.model.optimizer.learning_rate)
            now = time.perf_counter()
            tf.summary.scalar("updates_per_second", window / (now - self.window_time))
        self.window_start, self.window_sums, self.window_time = batch, sums, now

    def look(self) -> None:
        """Writes validation metrics, histograms and the gradient's norm."""
        if self.validation is not None:
            self.probe.reset_metrics()
            metrics = self.probe.test_on_batch(*self.validation, return_dict=True)
            with self.writers["validation"].as_default(step=self.updates):
                for name, value in metrics.items():
                    tf.summary.scalar(name, value)
        with self.writers["train"].as_default(step=self.updates):
            for variable in self.model.trainable_variables:
                tf.summary.histogram(f"weights/{variable.path}", variable)
            if self.train is not None:
                gradients = self.gradients(*self.train)
                for variable, gradient in zip(self.model.trainable_variables, gradients, strict=True):
                    tf.summary.histogram(f"gradients/{variable.path}", gradient)
                tf.summary.scalar("gradient_norm", tf.linalg.global_norm(gradients))

    def compute_gradients(self, images, labels) -> list[tf.Tensor]:
        """Returns the gradient of the loss on `images` and `labels`, a tensor for each trainable variable."""
        with tf.GradientTape() as tape:
            outputs = self.probe(images, training=False)
            loss = self.probe.compute_loss(images, labels, outputs, training=False)
        return tape.gradient(loss, self.probe.trainable_variables)


def write_graph(model: keras.Model) -> None:
    """Writes the layers of a Keras model for TensorBoard's page Graphs (tag "keras")."""
    metadata = tf.compat.v1.SummaryMetadata()
    metadata.plugin_data.plugin_name = "graph_keras_model"
    metadata.plugin_data.content = b"1"
    tf.summary.write(tag="keras", tensor=model.to_json(), metadata=metadata)
