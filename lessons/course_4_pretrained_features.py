"""A network that has seen a million photographs says what is in yours, and what its
layers make of it.

    python lessons/course_4_pretrained_features.py

Result: of 1,000 classes, a palace (32 %), a daisy (36 %) and an academic gown (25 %)
        are the likeliest
Time: 0.2 minutes (2 cores, bfloat16)

You will see EfficientNet-Lite0, trained on ImageNet's 1,000 classes, name what is in a
photograph of a temple, of a flower and of Grace Hopper. Its first kernels look for
edges and colors; each later layer sees more of the picture in less detail, and its
features are less about light and more about things: that is why they can be used for
other tasks. Then the picture is blurred and turned, as nobody did in the training, and
the answer changes.

In TensorBoard: under Images, "kernels" and the "feature_maps" of each photograph, from
the first block to the last.

Try:
    --blur 2                       the daisy becomes a strawberry, the palace a bell
                                   cote: details decide
    --angle 180                    upside down, the palace is a boathouse; the daisy
                                   stays one, for daisies lie any way
    --backbone mobilenet_v2        another network's answers and layers (14 MB to
                                   download)
    --pictures photo.jpg other.jpg your own photographs: the network knows 120 breeds of
    dogs, and no faces
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from lessons.plots import course_4_pretrained_features as plots
from training import command_line, options, runs

import keras
import numpy as np
import tensorflow as tf
from PIL import Image, ImageFilter

from data import photos, weights
from data.images import read
from models import backbones


@dataclass(frozen=True)
class Config(options.PrecisionOptions):
    # The network.
    backbone: Literal["efficientnet_lite0", "mobilenet_v2", "vgg16"] = (
        "efficientnet_lite0"
    )
    weights: Path | None = None  # file of its weights; looked for if not given
    # Photographs of your own; those of scikit-learn and Matplotlib if not given.
    pictures: tuple[Path, ...] = ()
    # Standard deviation of the blur, pixels of 224.
    blur: Annotated[float, options.between(0, 1000)] = 4.0
    # By which the picture is turned, degrees.
    angle: Annotated[float, options.between(-1e6, 1e6)] = 90.0


def change(picture: np.ndarray, blur: float, angle: float) -> dict[str, np.ndarray]:
    """Returns a picture as it is, blurred, and turned, uint8 (height, width, 3), by
    what was done.
    """
    image = Image.fromarray(picture)
    blurred = image.filter(ImageFilter.GaussianBlur(blur))
    turned = image.rotate(angle, Image.Resampling.BICUBIC)
    return {
        "as it is": picture,
        f"blurred by {blur:g}": np.asarray(blurred),
        f"turned by {angle:g}": np.asarray(turned),
    }


def find_likeliest(probabilities: np.ndarray) -> dict[str, float]:
    """Returns the probabilities of the five likeliest of 1,000 classes by their names,
    the likeliest first.
    """
    likeliest = np.argsort(probabilities)[::-1][:5]
    return {
        weights.CLASS_NAMES[place]: float(probabilities[place]) for place in likeliest
    }


def main(config: Config) -> dict:
    loaded = photos.load_photos(config.pictures)
    found = weights.find_weights(config.backbone, config.weights)

    with runs.start(config, sources=[found]) as run:
        for name, photo in loaded.items():
            print(f"{name}: {photo.source}")
        model = backbones.build_backbone(config.backbone, found.path, found.keep)
        print(f"{model.count_params():,} parameters in {len(model.layers)} layers\n")

        convolutions = [
            layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)
        ]
        kernels = convolutions[0].kernel.numpy()  # (3, 3, 3, filters)
        run.show("kernels", plots.draw_kernels(kernels))

        depths = backbones.DEPTHS[config.backbone]  # the last layer of each stage
        outputs = [model.get_layer(depth).output for depth in depths]
        stages = keras.Model(model.inputs[0], outputs)

        answers = {}
        for name, photo in loaded.items():
            square = read.cut_out_square(photo.pixels, 224)
            versions = change(square, config.blur, config.angle)
            images = np.stack(list(versions.values()))  # (3, 224, 224, 3)
            logits = model.predict(images, verbose=0)  # (3, 1000)
            probabilities = tf.nn.softmax(logits).numpy()
            answers[name] = {}
            for version, row in zip(versions, probabilities, strict=True):
                answers[name][version] = find_likeliest(row)
            maps = dict(zip(depths, stages(square[np.newaxis]), strict=True))

            plots.print_answers(name, answers[name])
            stem = Path(name).stem
            run.show(f"answers_{stem}", plots.draw_answers(versions, answers[name]))
            run.show(f"feature_maps_{stem}", plots.draw_feature_maps(square, maps))
        run.graph(model)
        return run.finish(answers=answers)


if __name__ == "__main__":
    command_line.run(main, Config)
