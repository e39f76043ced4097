"""course_5_transfer_learning: a new head on fixed features, from pictures on disk to a
tested model, beside a tutorial.

The peer is the way of PyTorch's "Transfer Learning for Computer Vision Tutorial" by
Sasank Chilamkurthy, "ConvNet as fixed feature extractor", written afresh in Keras with
its settings: the frozen network computes every photo again in each of 25 epochs, those
of the test as well; only the head learns, by SGD with momentum 0.9 and a learning rate
of 1e-3 that falls to a tenth every 7 epochs, in batches of 4; photos are read from disk
each time, a random part of each, and mirrored at random.

Both have EfficientNet-Lite0 with the same weights, pictures of 224 pixels, and the
photos of ants and bees. The peer learns from all 244, the lesson keeps 49 of these for
validation; the other 153 are the test. The lesson is the shipped one with `--ways
head`, with its recording and saving. The import of TensorFlow is left out in both.
"""

import tempfile
import time
import zipfile
from pathlib import Path

from benchmarks import measuring
from benchmarks.measuring import Way

EPOCHS = 25
SIZE = 224  # pixels, of the lesson


def run_lesson(folder: Path | None, size: int) -> dict[str, float]:
    """Returns the seconds of the lesson and its test accuracy."""
    from lessons import course_5_transfer_learning

    with tempfile.TemporaryDirectory() as logdir:
        config = course_5_transfer_learning.Config(
            logdir=Path(logdir), data_dir=folder, ways=("head",), size=size
        )
        started = time.perf_counter()
        metrics = course_5_transfer_learning.main(config)
        return {
            "seconds": time.perf_counter() - started,
            "accuracy": metrics["test"]["accuracy"],
        }


def run_tutorial(folder: Path, size: int, epochs: int) -> dict[str, float]:
    """Returns the seconds of the tutorial's way and its test accuracy.

    Args:
        folder: with "train" and "val", and in both a folder of photos for each class.
        size: height and width of the pictures, pixels.
        epochs: how many are run.
    """
    from training import quiet  # noqa: F401

    import keras

    from data import weights
    from models import backbones

    started = time.perf_counter()
    found = weights.find_weights("efficientnet_lite0")
    network = backbones.build_backbone(
        "efficientnet_lite0", found.path, found.keep, size
    )
    network.trainable = False
    head = keras.layers.Dense(len(list_classes(folder)))
    model = keras.Model(network.inputs[0], head(network.get_layer("features").output))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(1e-3, momentum=0.9), loss, metrics=["accuracy"])
    train, test = read_photos(folder, "train", size), read_photos(folder, "val", size)
    schedule = keras.callbacks.LearningRateScheduler(
        lambda epoch: 1e-3 * 0.1 ** (epoch // 7)
    )
    history = model.fit(
        train,
        validation_data=test,
        epochs=epochs,
        callbacks=[schedule],
        shuffle=False,
        verbose=0,
    )
    return {
        "seconds": time.perf_counter() - started,
        "accuracy": history.history["val_accuracy"][-1],
    }


def list_classes(folder: Path) -> list[str]:
    """Returns the names of the classes in a folder with "train" and "val"."""
    return sorted(path.name for path in (folder / "train").iterdir())


def read_photos(folder: Path, split: str, size: int):
    """Returns the photos of a split in batches of four, read from disk in each epoch: a
    `tf.data.Dataset`.

    Of "train" a random part of each, between 8 and 100 % of its area, mirrored at
    random; of "val" the middle.
    """
    import tensorflow as tf

    everything = tf.constant([0.0, 0.0, 1.0, 1.0], shape=(1, 1, 4))

    def read(path, label):
        content = tf.io.read_file(path)
        shape = tf.io.extract_jpeg_shape(content)
        if split == "train":
            begin, extent, _ = tf.image.sample_distorted_bounding_box(
                shape,
                everything,
                area_range=(0.08, 1),
                aspect_ratio_range=(3 / 4, 4 / 3),
            )
        else:
            side = tf.reduce_min(shape[:2]) * 7 // 8
            begin, extent = (shape[:2] - side) // 2, tf.stack([side, side])
        window = tf.concat([begin[:2], extent[:2]], axis=0)
        image = tf.image.resize(
            tf.image.decode_and_crop_jpeg(content, window, channels=3), (size, size)
        )
        return (
            tf.image.random_flip_left_right(image) if split == "train" else image
        ), label

    paths, labels = [], []
    for label, name in enumerate(list_classes(folder)):
        found = [
            str(path)
            for path in (folder / split / name).iterdir()
            if path.suffix in (".jpg", ".jpeg")
        ]
        paths += found
        labels += [label] * len(found)
    photos = tf.data.Dataset.from_tensor_slices((paths, labels))
    if split == "train":
        photos = photos.shuffle(len(paths))
    return photos.map(read, tf.data.AUTOTUNE).batch(4).prefetch(tf.data.AUTOTUNE)


def make_photos(folder: Path) -> None:
    """Cuts a small set of photos out of the two of scikit-learn: parts of a temple and
    of a flower.
    """
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_sample_images

    random = np.random.default_rng(0)
    for name, photo in zip(
        ("temple", "flower"), load_sample_images().images, strict=True
    ):
        for split, count in (("train", 12), ("val", 6)):
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                top, left = random.integers(0, (227, 440))
                part = Image.fromarray(photo[top : top + 200, left : left + 200])
                part.save(folder / split / name / f"{number}.jpg")


def unpack_photos(folder: Path) -> Path:
    """Unpacks the photos of ants and bees, as the tutorial asks for, and returns their
    folder.

    Raises:
        FileNotFoundError: they are neither in `COURSE_DATA` nor in Keras's cache.
    """
    from data.sources import locate

    found = locate.find("hymenoptera_data", "hymenoptera_data.zip")
    if found is None:
        raise FileNotFoundError(
            "expected hymenoptera_data.zip in COURSE_DATA or Keras's cache: python -m "
            "data fetch"
        )
    if found.is_dir():
        return found
    with zipfile.ZipFile(found) as archive:
        for name in archive.namelist():
            if name.endswith((".jpg", ".jpeg")):
                photo = folder.joinpath(
                    *Path(name).parts[-3:]
                )  # such as train/ants/0013035.jpg
                photo.parent.mkdir(parents=True, exist_ok=True)
                photo.write_bytes(archive.read(name))
    return folder


def measure(small: bool = False) -> str:
    """Returns the comparison as Markdown.

    Args:
        small: whether to learn a few small pictures once.
    """
    with tempfile.TemporaryDirectory() as temporary:
        if small:
            folder, size = Path(temporary), 64
            make_photos(folder)
            own = folder
        else:
            folder, size = unpack_photos(Path(temporary)), SIZE
            own = None  # the archive itself
        accuracies = {}

        def run(function, *arguments) -> float:
            result = measuring.run_alone(function, *arguments)
            accuracies[function.__name__] = result["accuracy"]
            return result["seconds"]

        ways = [
            Way("the lesson, `--ways head`", lambda: run(run_lesson, own, size)),
            Way(
                "the tutorial's way, 25 epochs",
                lambda: run(run_tutorial, folder, size, 3 if small else EPOCHS),
                15,
            ),
        ]
        figures = measuring.take_turns(ways, 1 if small else None)
    table = measuring.tabulate(
        "from pictures on disk to a tested model", ways, figures, "{:.3g} s".format
    )
    return (
        f"{table}\n\nTest accuracy: the lesson {accuracies['run_lesson']:.1%}, "
        f"the tutorial's way {accuracies['run_tutorial']:.1%}."
    )
