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

from training import command_line, figures, options, runs

import keras
import numpy as np
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data import digits, photo_folders, weights
from models import backbones

STRENGTHS = (
    1e-4,
    1e-3,
    1e-2,
    1e-1,
    1,
    10,
)  # inverse of the penalty on the squared weights of a head


@dataclass(frozen=True)
class Config(options.PrecisionOptions):
    precision: Literal["auto", "float32", "bfloat16"] = (
        "float32"  # of the computation; here CPUs are slow in bfloat16
    )
    data_dir: Path | None = (
        None  # folder of photos, a subfolder for each class; ants and bees if not given
    )
    backbone: Literal["efficientnet_lite0", "mobilenet_v2", "vgg16"] = (
        "efficientnet_lite0"  # the network
    )
    weights: Path | None = None  # file of its weights; looked for if not given
    digits_each: Annotated[int, options.between(2, 300)] = (
        50  # images of each digit to learn from
    )


def load(config: Config) -> dict:
    """Returns the data sets by task, without photos where they cannot be had."""
    tasks = {}
    try:
        if config.data_dir:
            tasks["photos"] = photo_folders.load_photo_folder(config.data_dir, 224)
        else:
            tasks["photos"] = photo_folders.load_ants_and_bees(224)
    except ConnectionError as error:
        print(f"Digits only, because {error}")
    mnist = digits.load_digits()
    tasks["digits"] = digits.choose_digits(
        mnist, range(10), config.digits_each, config.seed
    )
    return tasks


def draw(split: tuple) -> list[np.ndarray]:
    """Returns at most 1,000 images and their labels, always the same ones."""
    places = np.random.default_rng(0).permutation(len(split[1]))[:1000]
    return [part[places] for part in split]


def prepare(images: np.ndarray) -> np.ndarray:
    """Returns images as the network takes them: uint8 (n, 224, 224, 3)."""
    if images.shape[-1] == 3:
        return images
    return np.stack(
        [
            np.asarray(Image.fromarray(image).resize((224, 224)).convert("RGB"))
            for image in images[..., 0]
        ]
    )


def fit_head(vectors: dict, labels: dict):
    """Fits linear heads, regularized more or less, to the training split, and returns
    the best one on validation.
    """
    heads = [
        make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=1000))
        for c in STRENGTHS
    ]
    for head in heads:
        head.fit(vectors["train"], labels["train"])
    return max(
        heads, key=lambda head: head.score(vectors["validation"], labels["validation"])
    )


def main(config: Config) -> dict:
    tasks, found = (
        load(config),
        weights.find_weights(config.backbone, config.weights),
    )
    with runs.start(config, sources=[*tasks.values(), found]) as run:
        model = backbones.build_backbone(config.backbone, found.path, found.keep)
        depths = (*backbones.DEPTHS[config.backbone], "features")
        outputs = []
        for depth in depths:
            output = model.get_layer(depth).output
            outputs.append(
                keras.layers.GlobalAveragePooling2D()(output)
                if len(output.shape) == 4
                else output
            )
        extractor = backbones.fold_normalization(keras.Model(model.inputs[0], outputs))
        accuracies = {f"{place}  {depth}": {} for place, depth in enumerate(depths, 1)}
        for task, dataset in tasks.items():
            splits = {
                "train": dataset.train,
                "validation": draw(dataset.validation),
                "test": draw(dataset.test),
            }
            features = {
                name: extractor.predict(prepare(images), verbose=0)
                for name, (images, _) in splits.items()
            }
            labels = {name: labels for name, (_, labels) in splits.items()}
            for place, row in enumerate(accuracies.values()):
                vectors = {name: outputs[place] for name, outputs in features.items()}
                head = fit_head(vectors, labels)
                row |= {
                    f"{task} {name}": head.score(vectors[name], labels[name])
                    for name in vectors
                }
        run.table("Accuracy of the heads", accuracies, digits=3)
        curves = {
            task: np.array([row[f"{task} test"] for row in accuracies.values()])
            for task in tasks
        }
        stages = range(1, len(depths) + 1)
        panels = {"test accuracy": curves}
        run.show("depths", figures.plot_curves(stages, panels, "cut after stage"))
        return run.finish(accuracies=accuracies)


if __name__ == "__main__":
    command_line.run(main, Config)
