"""What is measured of a training: examples, answers, gradients, units and scales."""

import functools
import math

from training import device
from training.doctor import baselines, network, rates, scores, task
from training.doctor.finding import Finding
from training.doctor.record import Record, take, unwrap
from training.doctor.task import class_ids, decide, decide_each, place_ids

import keras
import numpy as np
import tensorflow as tf

MAX_EXAMPLES = 1000  # that are looked at
MIN_EXAMPLES = 40  # of large ones
MAX_INPUT_VALUES = 30_000_000  # of the examples that are looked at
PROBE = 200  # of them for gradients and activations
# Values that the layers compute for the examples that are looked at.
MAX_ACTIVATIONS = 2_000_000_000
MAX_ACTIVATIONS_AT_A_TIME = 25_000_000  # float32 of 100 MB
TRIAL_UPDATES = 120  # of an experiment, at most


class Case:
    """A training that is examined. What takes time is measured when it is asked for.

    Attributes:
        record: the training, in plain values.
        model: that was trained.
        arrays: whether the examples are arrays, and no pipeline.
        x: inputs `(n, ...)`, of a pipeline those of the first batches.
        y: labels or targets, likewise.
        rows: the inputs that are looked at, at most 1,000, drawn from `x`.
        targets: their labels or targets.
        validation: inputs and targets that are looked at, None if there are none.
        ordered: the first labels, in the order in which they are trained on.
        order_kept: whether that order is the one of every epoch.
        batch_size: examples per update.
        task: what the network is asked to do.
        final: the weights after the training.
        trials: what the experiments found, by what they changed.
        trial_updates: how many updates of an experiment there is time for.

    Raises:
        TypeError: the model has several inputs or outputs, or its examples cannot be
            read twice.
    """

    def __init__(self, record: Record):
        self.record, self.model = record, record.model
        x, y, held_out = record.x, record.y, record.validation_data
        self.arrays = not isinstance(x, tf.data.Dataset)
        if self.arrays:
            self.x, self.y = take(x, y, 10**9)
            if record.validation_split:
                cut = int(len(self.x) * (1 - record.validation_split))
                held_out = self.x[cut:], self.y[cut:]
                self.x, self.y = self.x[:cut], self.y[:cut]
            self.ordered = self.y[: 40 * record.batch_size]
            self.batch_size, self.order_kept = record.batch_size, not record.shuffle
        else:
            first = np.asarray(unwrap(next(iter(x))[0]))
            epoch = len(first) * (record.steps_per_epoch or MAX_EXAMPLES)
            most = MAX_INPUT_VALUES // max(1, first[0].size)
            self.x, self.y = take(x, y, max(PROBE, min(epoch, most)))
            self.ordered, self.batch_size = self.y, len(first)
            # What was drawn is what is trained on, shuffled or not.
            self.order_kept = True
        computed = network.count_values(self.model)
        looked_at = max(
            MIN_EXAMPLES,
            min(
                MAX_EXAMPLES,
                MAX_INPUT_VALUES // max(1, self.x[0].size),
                MAX_ACTIVATIONS // computed,
            ),
        )
        self.chunk = max(1, min(250, MAX_ACTIVATIONS_AT_A_TIME // computed))
        picked = np.random.default_rng(0).permutation(len(self.x))[:looked_at]
        picked = np.sort(picked)
        self.rows, self.targets = self.x[picked], self.y[picked]
        self.task = task.read_task(
            self.model, self.model(tf.constant(self.rows[:2]), training=False)
        )
        self.validation = None
        if held_out is not None:
            is_pipeline = isinstance(held_out, tf.data.Dataset)
            pair = (held_out, None) if is_pipeline else (held_out[0], held_out[1])
            pair = take(*pair, 10**9 if self.arrays else MAX_EXAMPLES)
            picked = np.random.default_rng(0).permutation(len(pair[0]))[:looked_at]
            self.validation = tuple(part[picked] for part in pair)
        self.final = self.model.get_weights()
        self.trials: dict[tuple, float] = {}
        self.trial_updates = TRIAL_UPDATES

    def found(
        self,
        code: str,
        evidence: str,
        advice: str,
        before: bool = False,
        severity: str = "error",
    ) -> Finding:
        """Returns a finding, seen before training or at its end."""
        epoch, step = (
            (0, 0) if before else (max(1, self.record.epoch), self.record.step)
        )
        return Finding(code, epoch, step, evidence, advice, severity)

    # Answers, and how good they are.

    def predict(self, rows: np.ndarray, model: keras.Model | None = None) -> np.ndarray:
        """Returns the outputs for rows, float64, of the trained model or of a copy."""
        return self.run(model or self.model, rows).astype(np.float64)

    def run(self, model: keras.Model, rows: np.ndarray) -> np.ndarray:
        """Returns a network's outputs for rows, computed in parts for the memory."""
        outputs = [
            model(tf.constant(rows[part]), training=False) for part in self.parts(rows)
        ]
        return np.concatenate([np.asarray(unwrap(values)) for values in outputs])

    def parts(self, rows: np.ndarray) -> list[slice]:
        """Returns the parts of rows that the network can be given at a time."""
        return [
            slice(start, start + self.chunk)
            for start in range(0, len(rows), self.chunk)
        ]

    @functools.cached_property
    def outputs(self) -> np.ndarray:
        """What the trained network says of the training examples that are looked at."""
        return self.predict(self.rows)

    @functools.cached_property
    def train_skill(self) -> float:
        """The network's skill on the training examples that are looked at."""
        return scores.measure_skill(self.outputs, self.targets, self.task)

    @functools.cached_property
    def validation_skill(self) -> float | None:
        """The network's skill on validation examples, None if there are none."""
        if self.validation is None:
            return None
        rows, targets = self.validation
        return scores.measure_skill(self.predict(rows), targets, self.task)

    @functools.cached_property
    def simple_skill(self) -> float:
        """The skill of a simple rule on training examples that it has not seen."""
        features = self.make_features(self.rows)
        return baselines.learn_simply(features, self.targets, self.task)

    @property
    def has_simple_rule(self) -> bool:
        """Whether `simple_skill` says something: quantities, or a class an example."""
        kind = self.task.kind
        return kind == "squared" or class_ids(self.targets, kind) is not None

    @property
    def is_small(self) -> bool:
        """Whether there are so few examples that a network should know them all."""
        return len(self.rows) < baselines.MIN_EXAMPLES

    def answers(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Returns the true classes of the examined examples, or of all their places or
        labels, and the network's prediction for each; None if there are no classes.
        """
        if self.task.kind == "squared":
            return None
        outputs = self.outputs
        if self.task.kind == "other":
            # Yes or no, as in a mask with a loss of one's own.
            truth = self.targets.ravel()
            is_sigmoid = network.name_last_activation(self.model) == "sigmoid"
            if (
                not is_sigmoid
                or truth.size != outputs.size
                or set(np.unique(truth)) - {0, 1}
            ):
                return None
            return truth.astype(np.int64), (outputs.ravel() > 0.5).astype(np.int64)
        truth = place_ids(self.targets, self.task)
        if truth is not None:
            return truth, decide(outputs, self.task)
        if self.task.kind == "binary":
            answers = decide_each(outputs, self.task)
            wanted = self.targets.ravel() > 0.5
            return wanted.astype(np.int64), answers.ravel().astype(np.int64)
        return None

    def ask_neighbors(self, rows, y, others=None, other_y=None) -> float:
        """Returns the skill of a nearest-neighbor rule on a third of the rows, or on
        others.
        """
        learned = None
        if others is not None:
            learned = len(rows)
            rows, y = np.concatenate([rows, others]), np.concatenate([y, other_y])
        features = self.make_features(rows)
        return baselines.ask_neighbors(features, y, self.task, learned)

    def make_features(self, rows: np.ndarray) -> np.ndarray:
        """Returns inputs as a simple rule takes them, `(n, features)`."""
        return baselines.make_features(rows, network.takes_words(self.model))

    def relative_loss(
        self,
        model: keras.Model | None = None,
        rows: np.ndarray | None = None,
        targets: np.ndarray | None = None,
    ) -> float:
        """Returns a model's loss on the looked-at rows and targets, or their
        standardized form, as a fraction of the best constant's.
        """
        if model is None:
            outputs = self.outputs
        else:
            outputs = self.predict(self.rows if rows is None else rows, model)
        targets = self.targets if targets is None else targets
        if not np.isfinite(outputs).all():
            return math.inf
        best = scores.constant_cost(targets, self.task)
        # Of a task that a constant solves; quantities may be as small as they like.
        least = 1e-9 if self.task.kind != "squared" else np.finfo(float).tiny
        return scores.cost(outputs, targets, self.task) / max(least, best)

    # The learning rate.

    @property
    def learning_rate(self) -> float:
        """The learning rate; if a schedule or a callback changes it, the highest."""
        return float(max(self.rates_over_time(50), default=math.nan))

    def rates_over_time(self, count: int = 100) -> np.ndarray:
        """Returns the learning rates that a schedule had over the training, `(count,)`,
        else those at the start of each epoch, `(epochs,)`.
        """
        schedule = rates.get_schedule(self.model.optimizer)
        if schedule is None:
            return np.array(self.record.rates)
        return rates.read_schedule(schedule, max(1, self.record.step), count)

    @property
    def usual_rates(self) -> tuple[float, float]:
        """The lowest and the highest learning rate usual for the optimizer."""
        return rates.usual_rates(self.model.optimizer)

    # What enters the network, and what it is before training.

    def copy(self, weights: list[np.ndarray]) -> keras.Model:
        """Returns a copy of the network.

        Raises:
            ValueError: Keras cannot copy it.
        """
        # As if it were not compiled: the copy needs no metrics, which Keras does not
        # find again if they are one's own.
        compiled, self.model.compiled = self.model.compiled, False
        try:
            model = keras.models.clone_model(self.model)
        finally:
            self.model.compiled = compiled
        if not model.built:
            model(tf.constant(self.rows[:2]), training=False)
        for layer, own in zip(model.layers, self.model.layers, strict=True):
            layer.trainable = own.trainable
        model.set_weights(weights)
        return model

    @functools.cached_property
    def untrained(self) -> keras.Model:
        """A copy with the first weights, to look at."""
        return self.copy(self.record.initial)

    def values_before_the_last_activation(self) -> np.ndarray | None:
        """Returns what enters the last activation if that is a layer of its own, else
        None.
        """
        last = self.model.layers[-1]
        if not isinstance(last, keras.layers.Softmax | keras.layers.Activation):
            return None
        inner = keras.Model(self.untrained.inputs[0], self.untrained.layers[-1].input)
        return self.run(inner, self.rows[:PROBE])

    def entering(self) -> np.ndarray | None:
        """Returns what enters the first layer with weights, `(n, features)`."""
        layer = network.find_first_layer(self.model)
        if layer is None:
            return None
        # In a copy, because the layer itself may be part of another network as well,
        # whose input it names.
        copied = self.untrained.layers[self.model.layers.index(layer)]
        inner = keras.Model(self.untrained.inputs[0], copied.input)
        values = self.run(inner, self.rows[:PROBE]).astype(np.float64)
        return values.reshape(-1, values.shape[-1])

    def input_scale(self) -> float | None:
        """Returns the root mean square of what enters the first layer with weights,
        None if it cannot be said.
        """
        values = self.entering()
        return None if values is None else root_mean_square(values)

    def target_scale(self) -> float | None:
        """Returns the larger of standard deviation and distance from 0 of the targets,
        None if they are no quantities.
        """
        if self.task.kind != "squared":
            return None
        y = np.float64(self.targets).reshape(len(self.targets), -1)
        return float(max(y.std(axis=0).max(), np.abs(y.mean(axis=0)).max()))

    def input_spread(self) -> float:
        """Returns how many times larger the largest feature is than the smallest that
        is not always 0.
        """
        values = self.entering()
        if values is None or values.shape[1] > 200:
            return 1.0
        sizes = np.sqrt(np.mean(values**2, axis=0))
        sizes = sizes[sizes > 0]
        return float(sizes.max() / sizes.min()) if len(sizes) else 1.0

    def growth(self) -> float:
        """Returns how many times larger the network's outputs are than what enters it,
        before training.
        """
        answers = self.predict(self.rows[:PROBE], self.untrained)
        scale = self.input_scale()
        if scale is None or network.name_last_activation(self.model) != "linear":
            return 0.0
        return float(np.sqrt(np.mean(answers**2)) / max(scale, 1e-12))

    # Gradients and units.

    def mean_loss(self, y: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Returns the mean of the network's own loss."""
        loss, outputs = task.get_loss(self.model), unwrap(outputs)
        flat = self.task.kind != "sparse" and len(y.shape) == len(outputs.shape) - 1
        mean = tf.reduce_mean(loss(tf.expand_dims(y, -1) if flat else y, outputs))
        if isinstance(loss, keras.losses.Loss):
            # Divided by the number of devices that share a training.
            return mean * tf.distribute.get_strategy().num_replicas_in_sync
        return mean

    @functools.cached_property
    def gradients(self) -> list[np.ndarray]:
        """The gradient of the loss by each kernel before training, in the order of the
        layers.
        """
        # A copy of its own, as batch normalization counts what it sees in training.
        model = self.copy(self.record.initial)
        kernels = [
            network.find_kernel(layer) for layer in model.layers if layer.trainable
        ]
        kernels = [kernel for kernel in kernels if kernel is not None]
        rows, targets = self.rows[:PROBE], self.targets[:PROBE]
        total = [np.zeros(1) for _ in kernels]

        def differentiate(x, y):
            with tf.GradientTape() as tape:
                value = self.mean_loss(y, model(x, training=True))
            return tape.gradient(value, [kernel.value for kernel in kernels])

        for part in self.parts(rows):
            found = device.run_on_devices(
                differentiate, tf.constant(rows[part]), tf.constant(targets[part])
            )
            fraction = len(rows[part]) / len(rows)
            total = [
                sums if own is None else sums + fraction * np.asarray(own)
                for sums, own in zip(total, found, strict=True)
            ]
        return total

    def layer_gradients(self) -> list[float]:
        """Returns the root mean square of each layer's gradient before training."""
        return [root_mean_square(part) for part in self.gradients]

    def gradient_norm(self) -> float:
        """Returns the norm of the whole gradient before training."""
        return float(
            np.sqrt(sum(np.sum(np.float64(part) ** 2) for part in self.gradients))
        )

    def dead_units(self, weights: list[np.ndarray]) -> dict[str, float]:
        """Returns for each layer with a rectifier the fraction of its units that are 0
        for every looked-at row. Outputs count if they should not be 0.
        """
        model = self.copy(weights)
        rectified = network.find_rectified(model.layers)
        if not rectified:
            return {}
        watched = keras.Model(model.inputs[0], [layer.output for layer in rectified])
        rows = self.rows[:PROBE]
        alive = [np.array(False)] * len(rectified)
        for part in self.parts(rows):
            outputs = keras.tree.flatten(
                watched(tf.constant(rows[part]), training=False)
            )
            flat = [
                np.asarray(values).reshape(-1, values.shape[-1]) for values in outputs
            ]
            alive = [
                seen | np.any(values > 0, axis=0)
                for seen, values in zip(alive, flat, strict=True)
            ]
        if rectified[-1] is model.layers[-1]:
            wanted = self.targets[:PROBE].reshape(-1, self.task.outputs)
            alive[-1] = alive[-1] | ~np.any(wanted > 0, axis=0)
        return {
            layer.name: float(1 - seen.mean())
            for layer, seen in zip(rectified, alive, strict=True)
        }


def root_mean_square(values: np.ndarray) -> float:
    """Returns the root mean square of numbers, without a copy of them as float64."""
    flat = np.ravel(values)
    return float(np.sqrt(np.einsum("i,i", flat, flat, dtype=float) / flat.size))
