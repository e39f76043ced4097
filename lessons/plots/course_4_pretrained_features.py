"""The pictures of `course_4_pretrained_features.py`, and the answers that it prints."""

from training import figures

import numpy as np


def draw_kernels(kernels: np.ndarray) -> np.ndarray:
    """Draws the kernels of a first convolution as small pictures.

    Args:
        kernels: float `(height, width, 3, filters)`.
    """
    return figures.draw_colored(np.moveaxis(kernels, -1, 0))


def to_words(answer: dict[str, float]) -> list[str]:
    """Returns classes with their probabilities, such as "daisy 36%".

    Args:
        answer: probabilities in [0, 1] by the name of the class.
    """
    return [f"{label} {probability:.0%}" for label, probability in answer.items()]


def print_answers(name: str, answers: dict[str, dict[str, float]]) -> None:
    """Prints the name of a photograph, and what the network says of its versions.

    Args:
        name: of the photograph.
        answers: by the name of the version, probabilities by the name of the class.
    """
    print(name)
    for version, answer in answers.items():
        print(f"  {version:14}{', '.join(to_words(answer))}")


def draw_answers(
    versions: dict[str, np.ndarray], answers: dict[str, dict[str, float]]
) -> np.ndarray:
    """Draws the versions of a photograph side by side, with the answers below.

    Args:
        versions: uint8 `(height, width, 3)` in [0, 255], by name.
        answers: by the same names, probabilities by the name of the class.
    """
    captions = []
    for version in versions:
        lines = [version, *to_words(answers[version])]
        captions.append("\n".join(lines))
    grid = figures.draw_grid(list(versions.values()), captions, columns=4)
    return grid[:, : len(versions) * figures.WIDTH // 4]


def draw_feature_maps(picture: np.ndarray, maps: dict) -> np.ndarray:
    """Draws a picture, and the feature maps of the stages of a network.

    Args:
        picture: uint8 `(height, width, 3)` in [0, 255].
        maps: by the name of the stage's last layer, its feature maps, `(1, height,
            width, channels)`.
    """
    stages = {}
    for number, (layer, values) in enumerate(maps.items(), 1):
        stages[f"stage {number}, {layer}"] = np.float32(values[0])
    return figures.draw_feature_maps(picture, stages)
