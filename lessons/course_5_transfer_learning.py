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
from training import command_line, figures, options, runs

import keras
import numpy as np
import tensorflow as tf

from data import photo_folders, weights
from models import backbones, cnn


@dataclass(frozen=True)
class Config(options.DeviceOptions):
    precision: Literal["auto", "float32", "bfloat16"] = (
        "float32"  # of the computation; here CPUs are slow in bfloat16
    )
    data_dir: Path | None = (
        None  # folder of photos, a subfolder for each class; ants and bees if not given
    )
    ways: tuple[Literal["scratch", "head", "fine_tuning"], ...] = (
        "scratch",
        "head",
        "fine_tuning",
    )  # to learn
    backbone: Literal["efficientnet_lite0", "mobilenet_v2", "vgg16"] = (
        "efficientnet_lite0"  # the network
    )
    weights: Path | None = None  # file of its weights; looked for if not given
    size: Annotated[int | None, options.between(1, 10_000_000)] = (
        None  # height and width of the photos, pixels; if not given 320, for vgg16 224
    )
    epochs: int = (
        10  # passes over the training photos; in an epoch of the head there are ten
    )
    batch_size: int = 16  # photos per update, all if there are fewer
    learning_rate: float | None = (
        None  # of fine-tuning; if not given, 1e-5 for photos and 1e-3 for digits
    )
    regularization: Annotated[float, options.between(0, 1e6)] = (
        1e-3  # penalty on the squared weights of the head
    )
    tuned_layers: Annotated[int, options.between(1, 1000)] = (
        4  # layers before the head that fine-tuning changes
    )


def learn(
    run,
    config: Config,
    way: str,
    model: keras.Model,
    data: dict,
    learning_rate: float = 1e-3,
) -> dict:
    """Trains a model on the training split, inputs and labels, and returns its metrics
    on all three splits.
    """
    updates = config.epochs * math.ceil(len(data["train"][1]) / config.batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, updates)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        optimizer=keras.optimizers.Adam(schedule), loss=loss, metrics=["accuracy"]
    )
    model.fit(
        *data["train"],
        batch_size=config.batch_size,
        epochs=config.epochs,
        validation_data=data["validation"],
        callbacks=run.callbacks(
            name=way, train=data["train"], validation=data["validation"]
        ),
        verbose=run.verbose,
    )
    return {
        split: model.evaluate(*part, return_dict=True, verbose=0)
        for split, part in data.items()
    }


def main(config: Config) -> dict:
    size = config.size or (224 if config.backbone == "vgg16" else 320)
    dataset, known = photo_folders.load_photos_or_digits(config.data_dir, size)
    config = replace(
        config, size=size, batch_size=min(config.batch_size, len(dataset.train.y))
    )
    sources = []
    if known is None:
        found = weights.find_weights(config.backbone, config.weights)
        sources.append(found)
    with runs.start(config, dataset, sources) as run:
        images = {
            split: getattr(dataset, split) for split in ("train", "validation", "test")
        }
        augment = keras.Sequential(
            [
                keras.layers.RandomTranslation(0.1, 0.1),
                keras.layers.RandomZoom((-0.3, 0.1)),
            ]
        )
        if known is None:
            backbone = backbones.build_backbone(
                config.backbone, found.path, found.keep, size
            )
            augment.add(
                keras.layers.RandomFlip("horizontal")
            )  # a mirrored bee is a bee, a mirrored 7 is no 7
        else:
            backbone = cnn.build_cnn(classes=len(known.class_names))
            backbone.compile(
                "adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            )
            backbone.fit(
                *known.train,
                batch_size=100,
                epochs=5,
                callbacks=run.callbacks(doctor=False, curves=False),
                verbose=run.verbose,
            )
        views = [
            augment(np.float32(dataset.train.x[:1]), training=True)[0]
            for _ in range(15)
        ]
        run.show(
            "augmentation",
            figures.draw_grid([dataset.train.x[0], *views], columns=8),
        )

        def replace_head(network: keras.Model) -> keras.Model:
            penalty = keras.regularizers.L2(config.regularization)
            head = keras.layers.Dense(
                len(dataset.class_names), dtype="float32", kernel_regularizer=penalty
            )
            return keras.Model(network.inputs[0], head(network.layers[-1].input))

        results = {}
        if "scratch" in config.ways:
            shape = dataset.train.x.shape[1:]
            side = min(
                128, shape[0]
            )  # from scratch, larger photos take longer and help little
            network = keras.models.clone_model(
                backbone, keras.Input((side, side, shape[2]))
            )  # with random weights
            for layer in network.layers:
                # Of batch normalization: 0.99 would need more updates than there are.
                layer.momentum = 0.9
            model = keras.Sequential(
                [
                    keras.Input(shape),
                    keras.layers.Resizing(side, side),
                    replace_head(network),
                ]
            )
            results["scratch"] = learn(
                run, config, "scratch", keras.Sequential([augment, model]), images
            )
        if config.ways != ("scratch",):
            model = replace_head(backbone)
            extractor = backbones.fold_normalization(
                keras.Model(model.inputs[0], model.layers[-1].input)
            )
            features = {
                split: (extractor.predict(x, verbose=0), y)
                for split, (x, y) in images.items()
            }  # (n, 1280)
            head = keras.Sequential([model.layers[-1]])
            ten_passes = [
                np.repeat(part, 10, axis=0) for part in features["train"]
            ]  # one is a very short epoch
            results["head"] = learn(
                run, config, "head", head, {**features, "train": ten_passes}
            )
        if "fine_tuning" in config.ways:
            last = [layer for layer in model.layers if hasattr(layer, "kernel")][
                -1 - config.tuned_layers :
            ]
            for layer in model.layers:
                # Batch normalization keeps the statistics of the million photographs.
                layer.trainable = layer in last
            rate, tuned = (
                config.learning_rate or (1e-3 if known else 1e-5),
                keras.Sequential([augment, model]),
            )
            results["fine_tuning"] = learn(
                run, config, "fine_tuning", tuned, images, rate
            )
        accuracies = {
            way: {name: values["accuracy"] for name, values in r.items()}
            for way, r in results.items()
        }
        run.table("Accuracy", accuracies)
        run.show("ways", plots.plot_bars(accuracies, "accuracy"))
        last, inputs = (head, features) if config.ways == ("head",) else (model, images)
        answers = tf.nn.softmax(last.predict(inputs["test"][0], verbose=0)).numpy()
        run.show(
            "mistakes",
            figures.draw_mistakes(*dataset.test, answers, dataset.class_names),
        )
        run.graph(model)
        return run.finish(model, ways=results, **results[list(results)[-1]])


if __name__ == "__main__":
    command_line.run(main, Config)
