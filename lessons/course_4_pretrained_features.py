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

from training import command_line, figures, options, runs

import keras
import numpy as np
import tensorflow as tf
from PIL import Image, ImageFilter

from data import photos, weights
from data.images import read
from models import backbones


@dataclass(frozen=True)
class Config(options.PrecisionOptions):
    backbone: Literal["efficientnet_lite0", "mobilenet_v2", "vgg16"] = (
        "efficientnet_lite0"  # the network
    )
    weights: Path | None = None  # file of its weights; looked for if not given
    # Photographs of your own; those of scikit-learn and Matplotlib if not given.
    pictures: tuple[Path, ...] = ()
    blur: Annotated[float, options.between(0, 1000)] = (
        4.0  # standard deviation of the blur, pixels of 224
    )
    angle: Annotated[float, options.between(-1e6, 1e6)] = (
        90.0  # by which the picture is turned, degrees
    )


def main(config: Config) -> dict:
    loaded = photos.load_photos(config.pictures)
    found = weights.find_weights(config.backbone, config.weights)
    with runs.start(config, sources=[found]) as run:
        for name, photo in loaded.items():
            print(f"{name}: {photo.source}")
        model = backbones.build_backbone(config.backbone, found.path, found.keep)
        print(f"{model.count_params():,} parameters in {len(model.layers)} layers\n")

        first = next(
            layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)
        )
        kernels = np.moveaxis(first.kernel.numpy(), -1, 0)  # (filters, 3, 3, 3)
        run.show("kernels", figures.draw_colored(kernels))

        depths = backbones.DEPTHS[config.backbone]
        features = keras.Model(
            model.inputs[0], [model.get_layer(depth).output for depth in depths]
        )
        answers = {}
        for name, photo in loaded.items():
            square = read.cut_out_square(photo.pixels, 224)
            image = Image.fromarray(square)
            versions = {
                "as it is": square,
                f"blurred by {config.blur:g}": np.asarray(
                    image.filter(ImageFilter.GaussianBlur(config.blur))
                ),
                f"turned by {config.angle:g}": np.asarray(
                    image.rotate(config.angle, Image.Resampling.BICUBIC)
                ),
            }
            probabilities = tf.nn.softmax(
                model.predict(np.stack(list(versions.values())), verbose=0)
            ).numpy()
            answers[name], captions = {}, []
            print(name)
            for version, row in zip(versions, probabilities, strict=True):
                likely = {
                    weights.CLASS_NAMES[index]: float(row[index])
                    for index in np.argsort(row)[::-1][:5]
                }
                answers[name][version] = likely
                print(
                    f"  {version:14}"
                    + ", ".join(
                        f"{label} {share:.0%}" for label, share in likely.items()
                    )
                )
                captions.append(
                    "\n".join(
                        [
                            version,
                            *(
                                f"{label} {share:.0%}"
                                for label, share in likely.items()
                            ),
                        ]
                    )
                )
            stem = Path(name).stem
            run.show(
                f"answers_{stem}",
                figures.draw_grid(list(versions.values()), captions, columns=4),
            )
            maps = {
                depth: np.float32(values[0])
                for depth, values in zip(depths, features(square[None]), strict=True)
            }
            run.show(f"feature_maps_{stem}", figures.draw_feature_maps(square, maps))
        run.graph(model)
        return run.finish(answers=answers)


if __name__ == "__main__":
    command_line.run(main, Config)
