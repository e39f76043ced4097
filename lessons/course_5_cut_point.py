"""Cut point: after which stage are the features of a pretrained network best?

    python lessons/course_5_cut_point.py

Result: digits are read best after stage 7 of 9, 92.6 % test accuracy (91.6 to 93.5 over
        5 seeds), while the last stage gives 89.9 % (88.2 to 91.2); ants and bees are
        told apart best after the last stage, 95.4 %
Time: 0.5 minutes (2 cores, AVX2 only), 0.5 minutes (2 cores, bfloat16)

A network that was trained on ImageNet is cut off after each of nine stages: after
groups of its convolutions, and at its end. What comes out there is averaged over the
picture: a vector with a number for each feature map, between 16 and 1,280 of them. Only
a head, here a logistic regression, learns a task from these vectors. Its accuracy tells
what the features of a stage are good for (Alain and Bengio, "Understanding intermediate
layers using linear classifier probes", 2016).

There are two tasks, both with few images to learn from: 195 photographs, or 500 digits,
enlarged to the same size. Ants and bees are classes of ImageNet: for them each stage is
better than the one before. Digits are not. The first stages give edges, which say
little about a digit when they are averaged over the picture; the middle stages give
shapes, which say more. The last stages keep what tells the classes of ImageNet apart
and leave out what digits need. Features become more special, and fit the first task
alone (Yosinski et al., "How transferable are features in deep neural networks?", 2014).

Usually a network is cut after its last stage, as in `course_5_transfer_learning.py`.
That is the baseline. The stage is a hyperparameter, so it is chosen on the validation
images, and so is the penalty on the weights of each head. The figures are those of
float32 on all of MNIST; in bfloat16, stage 7 gave 91.3 % and the last one 87.4 %.

In TensorBoard: test accuracy of both tasks over the stage after which the network is
cut ("depths", page Images).

Try:
    --digits-each 5   digits from five of each: 78 % at stage 7, 58 % at the last
    --data-dir photos your own photographs instead of ants and bees, a folder with a
                      subfolder for each class
    --backbone vgg16  the network of 2014, 553 MB to download: which of its six stages
                      is best?
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
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from data import Dataset, Split, digits, photo_folders, weights
from models import backbones

SIZE = 224  # height and width of the images, pixels
# C of a logistic regression: the smaller it is, the larger the penalty on the squared
# weights.
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1, 10)


@dataclass(frozen=True)
class Config(options.PrecisionOptions):
    # Images of each digit to learn from.
    digits_each: Annotated[int, options.between(2, 300)] = 50
    # Folder of photos, a subfolder for each class; ants and bees if not given.
    data_dir: Path | None = None
    # The pretrained network.
    backbone: Literal["efficientnet_lite0", "mobilenet_v2", "vgg16"] = (
        "efficientnet_lite0"
    )
    weights: Path | None = None  # file of its weights; looked for if not given
    # Number format; not auto, since CPUs run this lesson more slowly in bfloat16.
    precision: Literal["auto", "float32", "bfloat16"] = "float32"


def cut(network: keras.Model, stages: tuple[str, ...]) -> keras.Model:
    """Cuts a network off after each of some layers.

    Returns:
        A model from images (batch, 224, 224, 3) to a list of vectors, one (batch,
        channels) for each layer: the means of its feature maps.
    """
    outputs = []
    for stage in stages:
        output = network.get_layer(stage).output
        # (batch, height, width, channels); the last stage gives a vector already.
        if len(output.shape) == 4:
            output = keras.layers.GlobalAveragePooling2D()(output)
        outputs.append(output)  # (batch, channels)
    # Batch normalization becomes a part of the convolutions: the same, but faster.
    return backbones.fold_normalization(keras.Model(network.inputs, outputs))


def fit_head(train: Split, validation: Split) -> Pipeline:
    """Fits a logistic regression to vectors (n, channels) and their labels.

    Six are fitted, with penalties on their weights from large to small, and the one
    with the best accuracy on the validation split is returned; of equal ones, that with
    the largest penalty.
    """
    heads = []
    scores = []
    for strength in STRENGTHS:
        classifier = LogisticRegression(C=strength, max_iter=1000)
        head = make_pipeline(StandardScaler(), classifier)
        head.fit(train.x, train.y)
        heads.append(head)
        scores.append(head.score(validation.x, validation.y))
    return heads[np.argmax(scores)]


def measure_stages(extractor: keras.Model, dataset: Dataset) -> list[dict[str, float]]:
    """Fits a head to the vectors of each stage, and returns its accuracy by split."""
    splits = {
        "train": dataset.train,
        "validation": subsample(dataset.validation),
        "test": subsample(dataset.test),
    }
    vectors = {}
    for name, split in splits.items():
        # A list: (n, channels) for each stage.
        vectors[name] = extractor.predict(to_photos(split.x), verbose=0)

    accuracies = []
    for stage in range(len(extractor.outputs)):
        features = {}
        for name, split in splits.items():
            features[name] = Split(vectors[name][stage], split.y)
        head = fit_head(features["train"], features["validation"])
        accuracies.append({name: head.score(*features[name]) for name in splits})
    return accuracies


def choose_stage(accuracies: list[dict[str, float]]) -> int:
    """Returns the stage with the best validation accuracy; of equal ones, the last."""
    validation = [row["validation"] for row in accuracies]
    return max(range(len(validation)), key=lambda stage: (validation[stage], stage))


def load_tasks(
    data_dir: Path | None, digits_each: int, seed: int
) -> dict[str, Dataset]:
    """Returns the data sets by task: digits, and photographs unless these are not on
    this machine and cannot be downloaded.
    """
    tasks = {}
    photos = photo_folders.load_photos(data_dir, SIZE)
    if photos is not None:
        tasks["photos"] = photos
    mnist = digits.load_digits()
    tasks["digits"] = digits.choose_digits(mnist, range(10), digits_each, seed)
    return tasks


def subsample(split: Split) -> Split:
    """Returns at most 1,000 examples at random, the same ones each time."""
    chosen = np.random.default_rng(0).permutation(len(split.y))[:1000]
    return Split(split.x[chosen], split.y[chosen])


def to_photos(images: np.ndarray) -> np.ndarray:
    """Returns images as the network takes them: uint8 (n, 224, 224, 3)."""
    if images.shape[-1] == 3:
        return images
    photos = []
    for image in images[..., 0]:  # (28, 28)
        large = Image.fromarray(image).resize((SIZE, SIZE))
        photos.append(np.asarray(large.convert("RGB")))
    return np.stack(photos)


def main(config: Config) -> dict:
    tasks = load_tasks(config.data_dir, config.digits_each, config.seed)
    found = weights.find_weights(config.backbone, config.weights)

    with runs.start(config, sources=[*tasks.values(), found]) as run:
        # `keep` is the file in which converted weights are kept for the next run.
        network = backbones.build_backbone(config.backbone, found.path, found.keep)
        stages = (*backbones.DEPTHS[config.backbone], "features")
        extractor = cut(network, stages)

        accuracies = {}
        test = {}
        baseline = {}
        for task, dataset in tasks.items():
            rows = measure_stages(extractor, dataset)
            best = choose_stage(rows)
            accuracies[task] = rows
            test[task] = rows[best]["test"]
            baseline[task] = rows[-1]["test"]  # after the last stage, as usual

        rows = plots.tabulate(stages, accuracies)
        run.table("Accuracy of the heads", rows, digits=3)
        run.show("depths", plots.plot_depths(accuracies))
        return run.finish(test=test, baseline=baseline, accuracies=rows)


if __name__ == "__main__":
    command_line.run(main, Config)
