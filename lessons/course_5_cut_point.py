"""Where to cut a trained network off: late features may be too special for another
task.

    python lessons/course_5_cut_point.py

Result: digits are best read from stage 7 of 9, 91 % (91 to 92 over 5 seeds), ants and
        bees at the end
Time: 0.6 minutes (2 cores, bfloat16)

You will see a network that knows ImageNet cut off after each of its stages. What comes
out there, averaged over the picture, goes into a linear head, and heads learn two tasks
from few pictures: to tell ants from bees, which are classes of ImageNet, and to read
digits, which are not. For the photographs each stage is better than the one before, up
to 95.4 %. For the digits the last layers are too special: what they leave out as
unimportant for things was needed, and the very last stage reads 87 % (86 to 89). With
five examples of each digit the loss is larger still.

In TensorBoard: under Images, "depths": test accuracy against the stage at which the
network is cut.

Try:
    --digits-each 5   digits from five of each: 76 % at stage 7, 60 % at the last
    --data-dir photos your own photographs instead of ants and bees, a folder with a
    subfolder for each class
    --backbone vgg16  the network of 2014, 553 MB to download: where do its late layers
                      stop helping?
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from lessons.plots import course_5_cut_point as plots
from training import command_line, options, runs

import keras
import numpy as np
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data import digits, photo_folders, weights
from models import backbones

# Inverse of the penalty on the squared weights of a head.
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1, 10)


@dataclass(frozen=True)
class Config(options.PrecisionOptions):
    # Of the computation; here CPUs are slow in bfloat16.
    precision: Literal["auto", "float32", "bfloat16"] = "float32"
    # Folder of photos, a subfolder for each class; ants and bees if not given.
    data_dir: Path | None = None
    # The network.
    backbone: Literal["efficientnet_lite0", "mobilenet_v2", "vgg16"] = (
        "efficientnet_lite0"
    )
    weights: Path | None = None  # file of its weights; looked for if not given
    # Images of each digit to learn from.
    digits_each: Annotated[int, options.between(2, 300)] = 50


def load(data_dir: Path | None, digits_each: int, seed: int) -> dict:
    """Returns the data sets by task, without photos where they cannot be had."""
    tasks = {}
    try:
        if data_dir:
            tasks["photos"] = photo_folders.load_photo_folder(data_dir, 224)
        else:
            tasks["photos"] = photo_folders.load_ants_and_bees(224)
    except ConnectionError as error:
        print(f"Digits only, because {error}")
    mnist = digits.load_digits()
    tasks["digits"] = digits.choose_digits(mnist, range(10), digits_each, seed)
    return tasks


def draw(split: tuple) -> list[np.ndarray]:
    """Returns at most 1,000 images and their labels, always the same ones."""
    places = np.random.default_rng(0).permutation(len(split[1]))[:1000]
    return [part[places] for part in split]


def prepare(images: np.ndarray) -> np.ndarray:
    """Returns images as the network takes them: uint8 (n, 224, 224, 3)."""
    if images.shape[-1] == 3:
        return images
    prepared = []
    for image in images[..., 0]:
        large = Image.fromarray(image).resize((224, 224))
        prepared.append(np.asarray(large.convert("RGB")))
    return np.stack(prepared)


def cut(network: keras.Model, depths: tuple[str, ...]) -> keras.Model:
    """Returns a network that gives what comes out of each of some layers, averaged over
    the picture.
    """
    outputs = []
    for depth in depths:
        output = network.get_layer(depth).output
        if len(output.shape) == 4:  # (batch, height, width, channels)
            output = keras.layers.GlobalAveragePooling2D()(output)
        outputs.append(output)  # (batch, channels)
    return backbones.fold_normalization(keras.Model(network.inputs, outputs))


def fit_head(vectors: dict, labels: dict):
    """Fits linear heads, regularized more or less, to the training split, and returns
    the best one on validation.
    """
    heads = []
    scores = []
    for strength in STRENGTHS:
        classifier = LogisticRegression(C=strength, max_iter=1000)
        head = make_pipeline(StandardScaler(), classifier)
        head.fit(vectors["train"], labels["train"])
        heads.append(head)
        scores.append(head.score(vectors["validation"], labels["validation"]))
    return heads[np.argmax(scores)]


def main(config: Config) -> dict:
    tasks = load(config.data_dir, config.digits_each, config.seed)
    found = weights.find_weights(config.backbone, config.weights)

    with runs.start(config, sources=[*tasks.values(), found]) as run:
        network = backbones.build_backbone(config.backbone, found.path, found.keep)
        depths = (*backbones.DEPTHS[config.backbone], "features")
        extractor = cut(network, depths)

        accuracies = {f"{place}  {depth}": {} for place, depth in enumerate(depths, 1)}
        for task, dataset in tasks.items():
            splits = {
                "train": dataset.train,
                "validation": draw(dataset.validation),
                "test": draw(dataset.test),
            }
            features = {}
            labels = {}
            for name, (images, answers) in splits.items():
                # By stage, each (n, channels).
                features[name] = extractor.predict(prepare(images), verbose=0)
                labels[name] = answers
            for place, row in enumerate(accuracies.values()):
                vectors = {name: stages[place] for name, stages in features.items()}
                head = fit_head(vectors, labels)
                for name in splits:
                    row[f"{task} {name}"] = head.score(vectors[name], labels[name])

        run.table("Accuracy of the heads", accuracies, digits=3)
        run.show("depths", plots.plot_depths(accuracies, tuple(tasks)))
        return run.finish(accuracies=accuracies)


if __name__ == "__main__":
    command_line.run(main, Config)
