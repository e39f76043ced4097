"""Transfer learning: ants or bees, from 195 photographs.

    python lessons/course_5_transfer_learning.py

Result: 95.4 to 96.7 % test accuracy (4 seeds) with a new head on pretrained features,
        and 94.8 to 96.1 % after fine-tuning; 59 to 69 % from scratch, and 54 % for
        always answering "bees"
Time: 2.3 minutes (2 cores, AVX2 only), 2.1 minutes (2 cores, bfloat16)

195 photographs are too few to learn from them what an insect looks like. A network that
was trained on the 1.3 million photographs of ImageNet has already learned to find
edges, textures, legs and wings. EfficientNet-Lite0 (Tan and Le, 2019) without its last
layer is the backbone: it turns a photograph into 1,280 numbers, its features. The
last layer, the head, turned these into ImageNet's 1,000 classes. Transfer learning
keeps the backbone and learns a new head (Donahue et al., "DeCAF", 2014).

The lesson learns ants and bees in three ways:

- From scratch, the same layers begin with random weights. 195 photographs are too few
  for 3.4 million weights: they learn little that holds for other photographs.
- A head on fixed features: the weights of the backbone stay as they are, so the
  features of each photograph are computed only once. What is trained is one layer of
  2,562 weights, a logistic regression.
- Fine-tuning goes on from there: the last four convolutions of the backbone learn as
  well, on randomly changed photographs. The learning rate is small, so that the
  backbone does not forget what it has learned.

Fine-tuning gains nothing here, because the features fit already: ants and bees are
classes of ImageNet. These photographs are even a part of ImageNet, so the backbone may
have seen test photographs in its training, and do less well with others. The test has
153 photographs: one more mistake is 0.7 %.

Fine-tuning gains much where the old features fit less. Digits show this; the lesson
learns them where the photographs cannot be downloaded. A small network that learned 0
to 4 is the backbone, and 5 to 9 are learned from ten images each. The head reads 70 to
73 % of the test images, hardly more than from scratch (68 to 72 %), and the fine-tuned
network reads 87 % (2 seeds).

In TensorBoard: loss and accuracy of each way (page Scalars). A photograph with what
augmentation makes of it, the accuracies of the three ways, and the mistakes in which
the network was the most confident ("augmentation", "ways", "mistakes", page Images).

Try:
    --ways head --data-dir photos your own: a folder with a subfolder of photos for each
                                  class
    --learning-rate 1e-3          a hundred times the default for photographs: does
                                  fine-tuning forget what the network had learned?
    --tuned-layers 49 --epochs 5  fine-tuning all layers takes longer: is it better?
"""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from lessons.plots import course_5_transfer_learning as plots
from training import command_line, options, runs

import keras
import numpy as np

from data import Dataset, Split, photo_folders, weights
from models import backbones, cnn

Way = Literal["scratch", "head", "fine_tuning"]
# Height and width of the photos, pixels, if not given.
SIZES = {"efficientnet_lite0": 320, "mobilenet_v2": 320, "vgg16": 224}
# From scratch, larger photos take longer and help little.
LARGEST_FROM_SCRATCH = 128


@dataclass(frozen=True)
class Config(options.DeviceOptions):
    ways: tuple[Way, ...] = ("scratch", "head", "fine_tuning")  # of learning
    # Passes over the training images; for the head, ten times as many.
    epochs: int = 10
    batch_size: int = 16  # images per update, all if there are fewer
    # Penalty on the squared weights of the head.
    regularization: Annotated[float, options.between(0, 1e6)] = 1e-3
    # Of fine-tuning, at its start; if not given 1e-5, for digits 1e-3.
    learning_rate: float | None = None
    # Convolutions before the head that fine-tuning changes; EfficientNet-Lite0 has 49.
    tuned_layers: Annotated[int, options.between(1, 1000)] = 4
    # Folder of photos, a subfolder for each class; ants and bees if not given.
    data_dir: Path | None = None
    # Height and width of the photos, pixels; if not given 320, for vgg16 224.
    size: Annotated[int | None, options.between(1, 10_000_000)] = None
    # The pretrained network.
    backbone: Literal["efficientnet_lite0", "mobilenet_v2", "vgg16"] = (
        "efficientnet_lite0"
    )
    weights: Path | None = None  # file of its weights; looked for if not given
    # Number format; not auto, since CPUs run this lesson more slowly in bfloat16.
    precision: Literal["auto", "float32", "bfloat16"] = "float32"


def train_from_scratch(
    backbone: keras.Model,
    augmentation: keras.Model,
    dataset: Dataset,
    regularization: float,
    epochs: int,
    batch_size: int,
    callbacks: list[keras.callbacks.Callback],
    verbose: int,
) -> keras.Model:
    """Trains the layers of the backbone and a head, all from random weights.

    Returns:
        A model from images (batch, height, width, channels) to logits (batch, classes).
    """
    train = dataset.train
    height, width, channels = train.x.shape[1:]
    side = min(LARGEST_FROM_SCRATCH, height)

    untrained = keras.models.clone_model(backbone, keras.Input((side, side, channels)))
    for layer in untrained.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # With 0.99, the default, its moving averages would follow too slowly: 195
            # photographs make 130 updates.
            layer.momentum = 0.9

    model = keras.Sequential()
    model.add(keras.Input((height, width, channels)))
    model.add(keras.layers.Resizing(side, side))
    model.add(untrained)  # (batch, features)
    model.add(build_head(len(dataset.class_names), regularization))

    network = keras.Sequential()
    network.add(keras.Input((height, width, channels)))
    network.add(augmentation)
    network.add(model)

    network.compile(
        optimizer=keras.optimizers.Adam(
            cosine_decay(1e-3, epochs, len(train.x), batch_size)
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    network.fit(
        train.x,
        train.y,
        batch_size=batch_size,
        epochs=epochs,
        validation_data=dataset.validation,
        callbacks=callbacks,
        verbose=verbose,
    )
    # The layers of augmentation were for training only.
    model.compile("sgd", loss=network.loss, metrics=["accuracy"])
    return model


def compute_features(backbone: keras.Model, dataset: Dataset) -> Dataset:
    """Returns the data set with a vector of features in place of each image.

    They are float32 (n, features): 1,280 numbers of EfficientNet-Lite0.
    """
    # Batch normalization becomes a part of the convolutions: the same, but faster.
    extractor = backbones.fold_normalization(backbone)
    features = {}
    for name in ("train", "validation", "test"):
        x, y = getattr(dataset, name)
        features[name] = Split(extractor.predict(x, verbose=0), y)
    return dataset._replace(**features)


def train_head(
    features: Dataset,
    regularization: float,
    epochs: int,
    batch_size: int,
    callbacks: list[keras.callbacks.Callback],
    verbose: int,
) -> keras.Model:
    """Trains a single layer on features that stay as they are: a logistic regression.

    Returns:
        A model from features (batch, features) to logits (batch, classes).
    """
    # Ten passes make an epoch: one takes milliseconds, and each epoch prints a line.
    x = np.repeat(features.train.x, 10, axis=0)
    y = np.repeat(features.train.y, 10)

    head = keras.Sequential()
    head.add(keras.Input(x.shape[1:]))
    head.add(build_head(len(features.class_names), regularization))

    head.compile(
        optimizer=keras.optimizers.Adam(cosine_decay(1e-3, epochs, len(x), batch_size)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    head.fit(
        x,
        y,
        batch_size=batch_size,
        epochs=epochs,
        validation_data=features.validation,
        callbacks=callbacks,
        verbose=verbose,
    )
    return head


def fine_tune(
    model: keras.Model,
    augmentation: keras.Model,
    dataset: Dataset,
    tuned_layers: int,
    learning_rate: float,
    epochs: int,
    batch_size: int,
    callbacks: list[keras.callbacks.Callback],
    verbose: int,
) -> keras.Model:
    """Trains the head and the last layers of the backbone further, by small steps.

    Returns:
        A model from images (batch, height, width, channels) to logits (batch, classes).
    """
    train = dataset.train
    freeze_all_but_last(model, tuned_layers + 1)  # and the head

    network = keras.Sequential()
    network.add(keras.Input(train.x.shape[1:]))
    network.add(augmentation)
    network.add(model)

    network.compile(
        optimizer=keras.optimizers.Adam(
            cosine_decay(learning_rate, epochs, len(train.x), batch_size)
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    network.fit(
        train.x,
        train.y,
        batch_size=batch_size,
        epochs=epochs,
        validation_data=dataset.validation,
        callbacks=callbacks,
        verbose=verbose,
    )
    # The layers of augmentation were for training only.
    model.compile("sgd", loss=network.loss, metrics=["accuracy"])
    return model


def build_head(classes: int, regularization: float) -> keras.Layer:
    """Builds the last layer: from features (batch, features) to logits."""
    penalty = keras.regularizers.L2(regularization)
    return keras.layers.Dense(
        classes, kernel_regularizer=penalty, dtype="float32", name="head"
    )


def build_augmentation(mirrored: bool) -> keras.Model:
    """Builds layers that change images at random in training, and never afterwards.

    No change alters the class: a mirrored bee is a bee, but a mirrored 7 is no 7.
    """
    augmentation = keras.Sequential(name="augmentation")
    augmentation.add(keras.layers.RandomTranslation(0.1, 0.1))
    augmentation.add(keras.layers.RandomZoom((-0.3, 0.1)))
    if mirrored:
        augmentation.add(keras.layers.RandomFlip("horizontal"))
    return augmentation


def freeze_all_but_last(model: keras.Model, count: int) -> None:
    """Lets training change only the last `count` convolutions and dense layers.

    These are the layers with a kernel; depthwise convolutions have one, too. Batch
    normalization is frozen as well: it keeps the means and variances that it has from
    ImageNet, instead of taking those of a few photographs.
    """
    last = [layer for layer in model.layers if hasattr(layer, "kernel")][-count:]
    for layer in model.layers:
        layer.trainable = layer in last


def cosine_decay(
    learning_rate: float, epochs: int, examples: int, batch_size: int
) -> keras.optimizers.schedules.CosineDecay:
    """Returns a schedule: the learning rate falls to zero along a cosine."""
    updates = epochs * math.ceil(examples / batch_size)
    return keras.optimizers.schedules.CosineDecay(learning_rate, updates)


class Task(NamedTuple):
    """What is to be learned, and where the backbone comes from.

    Attributes:
        dataset: images of the new classes.
        pretraining: the file of weights of a network that was trained on ImageNet; or
            images of other classes, from which a network learns first.
        mirrored: whether an image and its mirror image are of the same class.
        learning_rate: of fine-tuning, if none is given.
    """

    dataset: Dataset
    pretraining: weights.Weights | Dataset
    mirrored: bool
    learning_rate: float


def load_task(
    data_dir: Path | None, size: int, backbone: str, weights_file: Path | None
) -> Task:
    """Loads photographs, and finds the weights of a network trained on ImageNet.

    Where the ants and bees cannot be downloaded, the new classes are the digits 5 to 9,
    ten images each, and a network learns 0 to 4 before.
    """
    dataset, others = photo_folders.load_photos_or_digits(data_dir, size)
    if others is None:
        found = weights.find_weights(backbone, weights_file)
        return Task(dataset, found, mirrored=True, learning_rate=1e-5)
    others = others._replace(source="a network that first learns the digits 0 to 4")
    return Task(dataset, others, mirrored=False, learning_rate=1e-3)


def build_backbone(
    task: Task,
    name: str,
    size: int,
    callbacks: list[keras.callbacks.Callback],
    verbose: int,
) -> keras.Model:
    """Builds a trained network without its last layer.

    Returns:
        A model from images (batch, height, width, channels) to features, float32
        (batch, features).
    """
    if isinstance(task.pretraining, weights.Weights):
        found = task.pretraining
        # `keep` is the file in which converted weights are kept for the next run.
        network = backbones.build_backbone(name, found.path, found.keep, size)
    else:
        network = learn_digits(task.pretraining, callbacks, verbose)
    return keras.Model(network.inputs[0], network.layers[-1].input)


def learn_digits(
    digits: Dataset, callbacks: list[keras.callbacks.Callback], verbose: int
) -> keras.Model:
    """Trains a small convolutional network, where no photographs can be had."""
    model = cnn.build_cnn(classes=len(digits.class_names))
    model.compile(
        optimizer="adam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(
        digits.train.x,
        digits.train.y,
        batch_size=100,
        epochs=5,
        callbacks=callbacks,
        verbose=verbose,
    )
    return model


def evaluate(model: keras.Model, dataset: Dataset) -> dict[str, dict[str, float]]:
    """Returns loss and accuracy of a trained model on each split."""
    metrics = {}
    for name in ("train", "validation", "test"):
        x, y = getattr(dataset, name)
        metrics[name] = model.evaluate(x, y, return_dict=True, verbose=0)
    return metrics


def find_baseline(
    accuracies: dict[str, dict[str, float]], labels: np.ndarray
) -> dict[str, float]:
    """Returns test accuracies to compare that of the last way with: those of the ways
    before it, and that of the best constant answer.
    """
    before_last = list(accuracies)[:-1]
    baseline = {way: accuracies[way]["test"] for way in reversed(before_last)}
    baseline["majority"] = float(np.bincount(labels).max() / len(labels))
    return baseline


def main(config: Config) -> dict:
    size = config.size or SIZES[config.backbone]
    task = load_task(config.data_dir, size, config.backbone, config.weights)
    dataset = task.dataset
    test = dataset.test
    config = dataclasses.replace(
        config,
        size=size,
        batch_size=min(config.batch_size, len(dataset.train.y)),
        learning_rate=config.learning_rate or task.learning_rate,
    )

    with runs.start(config, dataset, sources=[task.pretraining]) as run:
        augmentation = build_augmentation(task.mirrored)
        backbone = build_backbone(
            task,
            config.backbone,
            size,
            callbacks=run.callbacks(doctor=False, curves=False),
            verbose=run.verbose,
        )
        views = plots.draw_augmentation(dataset.train.x[0], augmentation)
        run.show("augmentation", views)

        results = {}
        if "scratch" in config.ways:
            model = train_from_scratch(
                backbone,
                augmentation,
                dataset,
                config.regularization,
                config.epochs,
                config.batch_size,
                callbacks=run.callbacks(name="scratch"),
                verbose=run.verbose,
            )
            results["scratch"] = evaluate(model, dataset)
            logits = model.predict(test.x, verbose=0)

        if "head" in config.ways or "fine_tuning" in config.ways:
            features = compute_features(backbone, dataset)
            head = train_head(
                features,
                config.regularization,
                config.epochs,
                config.batch_size,
                callbacks=run.callbacks(
                    name="head", train=features.train, validation=features.validation
                ),
                verbose=run.verbose,
            )
            results["head"] = evaluate(head, features)
            logits = head.predict(features.test.x, verbose=0)
            # From images to logits: the backbone, and the head on top of it.
            outputs = head.layers[-1](backbone.outputs[0])
            model = keras.Model(backbone.inputs[0], outputs)
            # It learns no more; so the saved network can be evaluated as it is.
            model.compile("sgd", loss=head.loss, metrics=["accuracy"])

        if "fine_tuning" in config.ways:
            model = fine_tune(
                model,
                augmentation,
                dataset,
                config.tuned_layers,
                config.learning_rate,
                config.epochs,
                config.batch_size,
                callbacks=run.callbacks(name="fine_tuning"),
                verbose=run.verbose,
            )
            results["fine_tuning"] = evaluate(model, dataset)
            logits = model.predict(test.x, verbose=0)

        accuracies = {}
        for way, metrics in results.items():
            accuracies[way] = {name: metrics[name]["accuracy"] for name in metrics}
        baseline = find_baseline(accuracies, test.y)

        run.table("Accuracy", accuracies)
        run.show("ways", plots.plot_ways(accuracies, baseline["majority"]))
        run.show("mistakes", plots.draw_mistakes(test, logits, dataset.class_names))
        run.predictions(np.arange(len(test.y)), logits.argmax(axis=1), test.y)
        run.graph(model)
        metrics = list(results.values())[-1]  # of the last way
        metrics["test"]["examples"] = len(test.y)
        return run.finish(model, **metrics, baseline=baseline)


if __name__ == "__main__":
    command_line.run(main, Config)
