"""Pretrained features: what a network trained on ImageNet sees in a photograph.

    python lessons/course_4_pretrained_features.py

Result: the likeliest of 1,000 classes is palace for a temple (with a probability of
        31 %), daisy for a dahlia (36 %), and academic gown for Grace Hopper (24 %); a
        blind guess gives each class 0.1 %
Time: 0.1 minutes (2 cores, AVX2 only), 0.1 minutes (2 cores, bfloat16)

Nothing is trained here. EfficientNet-Lite0 (Tan and Le, 2019) was trained on ImageNet:
1.3 million photographs in 1,000 classes (Russakovsky et al., 2015). The lesson gives it
three photographs: a temple, a dahlia, and Grace Hopper in the uniform of the US Navy.
Of each it takes the middle, a square scaled to 224 x 224 pixels.

The network answers with probabilities that sum to 1 over the 1,000 classes. There is no
class for a temple, a dahlia or a portrait, and none for "I do not know", so it names
classes that look similar. For the portrait, "military uniform" would fit, and only
comes third. A probability says how sure the network is about one picture. It is not an
accuracy, which would need many photographs with known classes.

A photograph passes through a convolution and 16 blocks of convolutions. The kernels of
the first convolution respond to edges and colors. The lesson shows the feature maps at
eight places on the way, the stages. From stage to stage, a pixel of a feature map sees
more of the picture, in less detail: the feature maps shrink from 112 x 112 to 7 x 7
pixels, and the last stage has 320 of them. Another convolution and a dense layer
compute the answer from these. Late feature maps depend less on light and position, and
more on what is shown. That makes them useful for other tasks, as in
`course_5_transfer_learning.py`.

Then each photograph is blurred, and turned by 90 degrees. To us it still shows the same
thing. But few photographs of ImageNet are blurred or turned, so the network's answers
change: it has learned how things look in the photographs of its training. Its features
still stay closer to those of the same photograph than to those of others: by them,
`course_4_photo_search.py` finds the original of nearly every turned photograph.

In TensorBoard: the kernels of the first convolution ("kernels"); for each photograph
the answers to its three versions, and the feature maps of the unchanged one from the
first stage to the last. Those of the temple, whose file is china.jpg, are
"answers_china" and "feature_maps_china" (page Images).

Try:
    --blur 2    fewer details are lost: the blurred temple is a bell cote and the
                blurred dahlia a strawberry; by default they are a pirate ship and a fig
    --angle 180 upside down, the temple is a boathouse (36 %), and Grace Hopper a mask;
                the dahlia is still a daisy, as it looks the same from all sides
    --pictures docs/temple_in_glass.jpg docs/flower_in_swirls.jpg
                repainted by `course_9_style_transfer.py`, the temple is a jigsaw puzzle
                (20 %) and the flower a dishrag (8 %): texture seems to count more than
                shape. Or take photographs of your own, of a dog for example: 120 of the
                classes are breeds of dogs
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

SIZE = 224  # height and width of the pictures, pixels: as the network was trained


@dataclass(frozen=True)
class Config(options.PrecisionOptions):
    # Standard deviation of the blur, in pixels of the 224 x 224 picture.
    blur: Annotated[float, options.between(0, 1000)] = 4.0
    # How far the picture is turned counterclockwise, in degrees.
    angle: Annotated[float, options.between(-1e6, 1e6)] = 90.0
    # Photographs of your own; those of scikit-learn and Matplotlib if not given.
    pictures: tuple[Path, ...] = ()
    # The pretrained network.
    backbone: Literal["efficientnet_lite0", "mobilenet_v2", "vgg16"] = (
        "efficientnet_lite0"
    )
    weights: Path | None = None  # file of its weights; found or downloaded if not given


def get_first_kernels(model: keras.Model) -> np.ndarray:
    """Returns the kernels of the first convolution: (height, width, 3, filters)."""
    convolutions = [
        layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)
    ]
    return convolutions[0].kernel.numpy()


def cut_at_stages(model: keras.Model, stages: tuple[str, ...]) -> keras.Model:
    """Returns a network that shares the weights of `model`. Its outputs are the feature
    maps after each stage, in a dictionary by the name of the stage's last layer.
    """
    outputs = {stage: model.get_layer(stage).output for stage in stages}
    return keras.Model(model.inputs[0], outputs)


def change(picture: np.ndarray, blur: float, angle: float) -> dict[str, np.ndarray]:
    """Returns a picture as it is, blurred, and turned: uint8 (height, width, 3)."""
    image = Image.fromarray(picture)
    blurred = image.filter(ImageFilter.GaussianBlur(blur))
    turned = image.rotate(angle, Image.Resampling.BICUBIC)
    return {
        "as it is": picture,
        f"blurred by {blur:g}": np.asarray(blurred),
        f"turned by {angle:g}": np.asarray(turned),
    }


def classify(model: keras.Model, pictures: np.ndarray) -> list[dict[str, float]]:
    """Returns the five likeliest of 1,000 classes for each picture, the likeliest
    first, with their probabilities.

    Args:
        model: from pictures to logits (batch, 1000).
        pictures: uint8 (n, 224, 224, 3).
    """
    logits = model.predict(pictures, verbose=0)  # (n, 1000)
    answers = []
    for row in tf.nn.softmax(logits).numpy():
        likeliest = np.argsort(row)[::-1][:5]
        answers.append({weights.CLASS_NAMES[k]: float(row[k]) for k in likeliest})
    return answers


def main(config: Config) -> dict:
    loaded = photos.load_photos(config.pictures)
    found = weights.find_weights(config.backbone, config.weights)

    with runs.start(config, sources=[found]) as run:
        for name, photo in loaded.items():
            print(f"{name}: {photo.source}")
        model = backbones.build_backbone(config.backbone, found.path, found.keep)
        print(f"{model.count_params():,} parameters in {len(model.layers)} layers\n")
        run.show("kernels", plots.draw_kernels(get_first_kernels(model)))
        stages = cut_at_stages(model, backbones.DEPTHS[config.backbone])

        answers = {}
        for name, photo in loaded.items():
            square = read.cut_out_square(photo.pixels, SIZE)  # (224, 224, 3)
            versions = change(square, config.blur, config.angle)
            named = classify(model, np.stack(list(versions.values())))
            answers[name] = dict(zip(versions, named, strict=True))

            plots.print_answers(name, answers[name])
            stem = Path(name).stem
            run.show(f"answers_{stem}", plots.draw_answers(versions, answers[name]))
            maps = stages(square[np.newaxis])  # (1, height, width, channels) each
            run.show(f"feature_maps_{stem}", plots.draw_feature_maps(square, maps))
        run.graph(model)
        return run.finish(answers=answers)


if __name__ == "__main__":
    command_line.run(main, Config)
