"""What TensorBoard shows of a run beside its curves: texts, hyperparameters, graphs,
vectors, precision and recall; and what a classifier has learned.
"""

from pathlib import Path

from training import figures, quiet, resume  # noqa: F401 (quiet imports TensorFlow)

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from tensorboard.plugins import projector
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.plugins.pr_curve import summary as pr_curve

PROJECTED = 1000
SPRITE = 32  # pixels, of a picture in the projector


class Writers(dict):
    """TensorBoard's event writers for the subfolders of a run, each made when it is
    first used.
    """

    def __init__(self, states: resume.States):
        super().__init__()
        self.states = states

    def __missing__(self, subfolder: str) -> tf.summary.SummaryWriter:
        """Opens the event file of a subfolder: a split, or "." for the run itself.

        A resumed run has recorded already what it computes anew: until it has caught
        up, nothing is written.
        """
        if self.states.replaying:
            return tf.summary.create_noop_writer()
        self[subfolder] = tf.summary.create_file_writer(
            str(self.states.run_folder / subfolder)
        )
        return self[subfolder]


def write_table(title: str, rows: list[list[str]]) -> None:
    """Writes a table for the page Text to the current summary writer.

    Args:
        title: of the table.
        rows: of cells; the first one names the columns.
    """
    names, *others = rows
    lines = [names, ["---"] * len(names), *others]
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    tf.summary.text(title, text.encode("utf-8", "backslashreplace"))


def write_text(title: str, text: str) -> None:
    """Writes a text, letter by letter, for the page Text to the current summary writer.

    Args:
        title: of the text.
        text: of any characters.
    """
    # The page takes it for Markdown, in which such lines are shown as they are.
    lines = "".join(f"    {line}\n" for line in text.split("\n"))
    tf.summary.text(title, lines.encode("utf-8", "backslashreplace"))


def write_hyperparameters(values: dict, trial: str) -> None:
    """Writes hyperparameters for the page HParams to the current summary writer.

    Args:
        values: by name; what is None is left out.
        trial: name of the run.
    """
    known = {
        name: readable(value) for name, value in values.items() if value is not None
    }
    hparams.hparams(known, trial_id=trial)


def readable(value):
    """Returns a hyperparameter as HParams takes it: a bool, number or text; several
    values as "32 64".
    """
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return value if isinstance(value, bool | int | float) else str(value)


def write_graph(model: keras.Model) -> None:
    """Writes a Keras model for TensorBoard's page Graphs: its operations, and its
    layers as the conceptual graph.
    """
    forward = tf.function(lambda inputs: model(inputs, training=False), autograph=False)
    inputs = tf.TensorSpec(model.inputs[0].shape, model.inputs[0].dtype, name="input")
    tf.summary.graph(forward.get_concrete_function(inputs).graph)
    metadata = tf.compat.v1.SummaryMetadata()
    metadata.plugin_data.plugin_name = "graph_keras_model"
    metadata.plugin_data.content = b"1"
    tf.summary.write(tag="keras", tensor=model.to_json(), metadata=metadata)


def draw_network(model: keras.Model, picture: np.ndarray) -> dict[str, np.ndarray]:
    """Draws the filters of a model, and its feature maps of a picture.

    Args:
        model: a classifier of images.
        picture: `(height, width, 1 or 3)` in [0, 255].

    Returns:
        "filters": at most 64 of the first layer's, if they can be seen as small
        pictures. "feature_maps": what the convolutions and poolings give, if there are
        any.
    """
    drawn = {}
    first = next((layer for layer in model.layers if hasattr(layer, "kernel")), None)
    if first is not None:
        kernel = first.kernel.numpy()
        if isinstance(first, keras.layers.Conv2D):
            # (filters, height, width, channels)
            weights = np.moveaxis(kernel, -1, 0)[:64]
            if weights.shape[-1] == 3:
                drawn["filters"] = figures.draw_colored(weights)
            else:
                drawn["filters"] = figures.draw_signed(weights.mean(axis=-1))
        elif kernel.shape[0] == picture[..., 0].size:
            drawn["filters"] = figures.draw_signed(
                kernel.T[:64].reshape(-1, *picture.shape[:2])
            )
    spatial = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D | keras.layers.MaxPooling2D)
    ]
    if spatial:
        outputs = keras.Model(model.inputs[0], [layer.output for layer in spatial])(
            picture[np.newaxis]
        )
        maps = {
            layer.name: np.asarray(output[0], np.float32)
            for layer, output in zip(spatial, outputs, strict=True)
        }
        drawn["feature_maps"] = figures.draw_feature_maps(picture, maps)
    return drawn


def to_probabilities(outputs: np.ndarray) -> np.ndarray:
    """Returns a classifier's outputs, float `(n, classes)`, as probabilities: as they
    are, or the softmax of logits.
    """
    if (outputs >= 0).all() and np.allclose(outputs.sum(axis=1), 1, atol=1e-3):
        return outputs
    return tf.nn.softmax(outputs).numpy()


def write_precision_recall(
    labels: np.ndarray, probabilities: np.ndarray, class_names: tuple[str, ...]
) -> None:
    """Writes a curve for each class to the current summary writer, for TensorBoard's
    page PR Curves.

    Args:
        labels: integers `(n,)`.
        probabilities: float `(n, classes)` in [0, 1].
        class_names: the name of each class.
    """
    for index, name in enumerate(class_names):
        curve = pr_curve.pb(
            f"class_{index}",
            labels == index,
            probabilities[:, index],
            101,
            display_name=name,
        )
        tf.summary.experimental.write_raw_pb(curve.SerializeToString(), step=0)


def write_projector(
    folder: Path, title: str, vectors: np.ndarray, images: np.ndarray, names: list[str]
) -> None:
    """Writes vectors with pictures and names, for TensorBoard's page Projector.

    Args:
        folder: of the run; must hold an event file. The files go into its subfolder
            `projector`, in place of those that may be there.
        title: what the vectors are.
        vectors: float `(n, features)`; the first 1,000 are used.
        images: uint8 `(n, height, width, 1 or 3)` in [0, 255].
        names: of the images.
    """
    vectors, images, names = vectors[:PROJECTED], images[:PROJECTED], names[:PROJECTED]
    (folder / "projector").mkdir(exist_ok=True)
    np.savetxt(folder / "projector/vectors.tsv", vectors, fmt="%.5g", delimiter="\t")
    lines = "".join(
        f"{' '.join(name.split())}\n" for name in names
    )  # a tab or line break would begin a new column
    (folder / "projector/labels.tsv").write_text(lines, "utf-8", "backslashreplace")
    side = int(np.ceil(len(images) ** 0.5))
    sprites = Image.new("RGB", (side * SPRITE, side * SPRITE), "white")
    for index, picture in enumerate(images):
        tile = picture.squeeze(-1) if picture.shape[-1] == 1 else picture
        place = (index % side * SPRITE, index // side * SPRITE)
        sprites.paste(Image.fromarray(tile).resize((SPRITE, SPRITE)), place)
    sprites.save(folder / "projector/sprites.png")

    config = projector.ProjectorConfig()
    embedding = config.embeddings.add()
    embedding.tensor_name = title
    embedding.tensor_path = "projector/vectors.tsv"
    embedding.metadata_path = "projector/labels.tsv"
    embedding.sprite.image_path = "projector/sprites.png"
    embedding.sprite.single_image_dim.extend([SPRITE, SPRITE])
    projector.visualize_embeddings(str(folder), config)
