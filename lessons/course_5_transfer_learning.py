"""Ants or bees? A network that has seen a million photographs learns it from two
hundred.

    python lessons/course_5_transfer_learning.py

Result: 95.4 % test accuracy (94.8 to 96.1 over 5 seeds), 95.4 % before fine-tuning
Time: 1.8 minutes (2 cores, bfloat16)

You will see one network learn 195 photographs in three ways. From scratch, its 3.4
million weights find little that holds for others: 65 % (61 to 70). With the features it
brought from ImageNet only a last layer is learned, the head: features are computed
once, and --ways head alone takes 0.1 minutes. Then fine-tuning changes the last layers
a bit; it gains nothing, ImageNet knows both. Without photographs, digits: after 0 to 4,
ten each of 5 to 9 suffice for 87 %.

In TensorBoard: the curves of each way; under Images a photograph with what augmentation
makes of it, and the mistakes.

Try:
    --ways head --data-dir photos your own: a folder with a subfolder of photos for each
    class
    --learning-rate 1e-3          a hundred times as much: does fine-tuning forget what
                                  the network knew?
    --tuned-layers 49 --epochs 5  fine-tuning all layers takes longer: is it better?
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from lessons.plots import course_5_transfer_learning as plots
from training import command_line, options, runs

import keras
import numpy as np
import tensorflow as tf

from data import Dataset, Split, photo_folders, weights
from models import backbones, cnn

# Pixels: from scratch, larger photos take longer and help little.
LARGEST_FROM_SCRATCH = 128


@dataclass(frozen=True)
class Config(options.DeviceOptions):
    # Of the computation; here CPUs are slow in bfloat16.
    precision: Literal["auto", "float32", "bfloat16"] = "float32"
    # Folder of photos, a subfolder for each class; ants and bees if not given.
    data_dir: Path | None = None
    # To learn.
    ways: tuple[Literal["scratch", "head", "fine_tuning"], ...] = (
        "scratch",
        "head",
        "fine_tuning",
    )
    # The network.
    backbone: Literal["efficientnet_lite0", "mobilenet_v2", "vgg16"] = (
        "efficientnet_lite0"
    )
    weights: Path | None = None  # file of its weights; looked for if not given
    # Height and width of the photos, pixels; if not given 320, for vgg16 224.
    size: Annotated[int | None, options.between(1, 10_000_000)] = None
    # Passes over the training photos; in an epoch of the head there are ten.
    epochs: int = 10
    batch_size: int = 16  # photos per update, all if there are fewer
    # Of fine-tuning; if not given, 1e-5 for photos and 1e-3 for digits.
    learning_rate: float | None = None
    # Penalty on the squared weights of the head.
    regularization: Annotated[float, options.between(0, 1e6)] = 1e-3
    # Layers before the head that fine-tuning changes.
    tuned_layers: Annotated[int, options.between(1, 1000)] = 4


def replace_head(
    network: keras.Model, classes: int, regularization: float
) -> keras.Model:
    """Returns a network with a new last layer, for other classes."""
    penalty = keras.regularizers.L2(regularization)
    head = keras.layers.Dense(classes, dtype="float32", kernel_regularizer=penalty)
    return keras.Model(network.inputs[0], head(network.layers[-1].input))


def build_from_scratch(
    network: keras.Model,
    shape: tuple[int, int, int],
    classes: int,
    regularization: float,
) -> keras.Model:
    """Builds the same layers with random weights, for images of `shape` and other
    classes.
    """
    side = min(LARGEST_FROM_SCRATCH, shape[0])
    scaled = keras.Input((side, side, shape[2]))
    network = keras.models.clone_model(network, scaled)
    for layer in network.layers:
        # Of batch normalization: 0.99 would need more updates than there are.
        layer.momentum = 0.9
    model = keras.Sequential()
    model.add(keras.Input(shape))
    model.add(keras.layers.Resizing(side, side))
    model.add(replace_head(network, classes, regularization))
    return model


def compute_features(model: keras.Model, splits: dict[str, Split]) -> dict[str, Split]:
    """Returns what the head is given, instead of the images: (n, 1280) in the network
    for photographs.
    """
    before_head = keras.Model(model.inputs[0], model.layers[-1].input)
    extractor = backbones.fold_normalization(before_head)
    features = {}
    for name, (images, labels) in splits.items():
        features[name] = Split(extractor.predict(images, verbose=0), labels)
    return features


def freeze_all_but_last(model: keras.Model, count: int) -> None:
    """Lets training change the head and the `count` layers before it, and no other."""
    layers = [layer for layer in model.layers if hasattr(layer, "kernel")]
    last = layers[-1 - count :]
    for layer in model.layers:
        # Batch normalization keeps the statistics of the million photographs.
        layer.trainable = layer in last


def learn_digits(run, digits: Dataset) -> keras.Model:
    """Returns a network that learned digits, for want of one that knows photographs."""
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
        callbacks=run.callbacks(doctor=False, curves=False),
        verbose=run.verbose,
    )
    return model


def learn(
    run,
    way: str,
    model: keras.Model,
    splits: dict[str, Split],
    epochs: int,
    batch_size: int,
    learning_rate: float = 1e-3,
) -> dict:
    """Trains a model on the training split, and returns its metrics on all three."""
    train, validation = splits["train"], splits["validation"]
    updates = epochs * math.ceil(len(train.y) / batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, updates)
    model.compile(
        optimizer=keras.optimizers.Adam(schedule),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(
        train.x,
        train.y,
        batch_size=batch_size,
        epochs=epochs,
        validation_data=validation,
        callbacks=run.callbacks(name=way, train=train, validation=validation),
        verbose=run.verbose,
    )
    metrics = {}
    for name, (x, y) in splits.items():
        metrics[name] = model.evaluate(x, y, return_dict=True, verbose=0)
    return metrics


def main(config: Config) -> dict:
    size = config.size or (224 if config.backbone == "vgg16" else 320)
    dataset, known = photo_folders.load_photos_or_digits(config.data_dir, size)
    batch_size = min(config.batch_size, len(dataset.train.y))
    config = replace(config, size=size, batch_size=batch_size)
    images = {
        "train": dataset.train,
        "validation": dataset.validation,
        "test": dataset.test,
    }
    classes = len(dataset.class_names)
    sources = []
    if known is None:
        found = weights.find_weights(config.backbone, config.weights)
        sources.append(found)

    with runs.start(config, dataset, sources) as run:
        augment = keras.Sequential()
        augment.add(keras.layers.RandomTranslation(0.1, 0.1))
        augment.add(keras.layers.RandomZoom((-0.3, 0.1)))
        if known is None:
            backbone = backbones.build_backbone(
                config.backbone, found.path, found.keep, size
            )
            # A mirrored bee is a bee, a mirrored 7 is no 7.
            augment.add(keras.layers.RandomFlip("horizontal"))
        else:
            backbone = learn_digits(run, known)
        photo = np.float32(dataset.train.x[:1])
        views = [augment(photo, training=True)[0] for _ in range(15)]
        run.show("augmentation", plots.draw_augmentation(photo[0], views))

        results = {}
        if "scratch" in config.ways:
            shape = dataset.train.x.shape[1:]
            model = build_from_scratch(backbone, shape, classes, config.regularization)
            network = keras.Sequential([augment, model])
            results["scratch"] = learn(
                run, "scratch", network, images, config.epochs, batch_size
            )
        if config.ways != ("scratch",):
            model = replace_head(backbone, classes, config.regularization)
            features = compute_features(model, images)
            x, y = features["train"]
            # Ten passes over the photos in an epoch: one is very short.
            repeated = Split(np.repeat(x, 10, axis=0), np.repeat(y, 10, axis=0))
            splits = {**features, "train": repeated}
            head = keras.Sequential([model.layers[-1]])
            results["head"] = learn(
                run, "head", head, splits, config.epochs, batch_size
            )
        if "fine_tuning" in config.ways:
            freeze_all_but_last(model, config.tuned_layers)
            network = keras.Sequential([augment, model])
            rate = config.learning_rate or (1e-3 if known else 1e-5)
            results["fine_tuning"] = learn(
                run, "fine_tuning", network, images, config.epochs, batch_size, rate
            )

        accuracies = {}
        for way, metrics in results.items():
            accuracies[way] = {name: metrics[name]["accuracy"] for name in metrics}
        run.table("Accuracy", accuracies)
        run.show("ways", plots.plot_bars(accuracies, "accuracy"))
        if config.ways == ("head",):
            logits = head.predict(features["test"].x, verbose=0)
        else:
            logits = model.predict(dataset.test.x, verbose=0)
        probabilities = tf.nn.softmax(logits).numpy()
        mistakes = plots.draw_mistakes(dataset.test, probabilities, dataset.class_names)
        run.show("mistakes", mistakes)
        run.graph(model)
        *_, metrics = results.values()  # of the last way
        return run.finish(model, ways=results, **metrics)


if __name__ == "__main__":
    command_line.run(main, Config)
