"""Brings the colors of one picture into another."""

import numpy as np
from PIL import Image
from scipy import linalg


def match_colors(picture: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Gives a picture the colors of others: their mean and covariance, by the linear
    map that moves colors least.

    Pitié and Kokaram, "The Linear Monge-Kantorovitch Linear Colour Mapping for
    Example-Based Colour Transfer", 2007.

    Args:
        picture: uint8 `(height, width, 3)` in [0, 255].
        *others: uint8 `(height', width', 3)` in [0, 255]; each counts alike, however
            large it is.

    Returns:
        uint8 `(height, width, 3)` in [0, 255].
    """
    colors = picture.reshape(-1, 3).astype(np.float64)
    sizes = [other.size // 3 for other in others]
    weights = np.repeat(1 / np.array(sizes), sizes)  # of each pixel
    pixels = np.concatenate([other.reshape(-1, 3) for other in others])
    wanted_colors = pixels.astype(np.float64)
    # A small multiple of the identity, as colors that are all equal have no covariance.
    covariance = np.cov(colors.T) + np.eye(3)
    wanted = np.cov(wanted_colors.T, aweights=weights) + np.eye(3)
    root = linalg.sqrtm(covariance)
    inverse = linalg.inv(root)
    moved = (colors - colors.mean(axis=0)) @ (
        inverse @ linalg.sqrtm(root @ wanted @ root) @ inverse
    )
    moved += np.average(wanted_colors, axis=0, weights=weights)
    return np.clip(np.round(moved), 0, 255).astype(np.uint8).reshape(picture.shape)


def keep_lightness(picture: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Returns the lightness of one picture with the colors of another: Y of YCbCr with
    Cb and Cr.

    Args:
        picture: uint8 `(height, width, 3)` in [0, 255].
        colors: uint8 `(height', width', 3)` in [0, 255], brought to the shape of
            `picture`.
    """
    lightness, _, _ = Image.fromarray(picture).convert("YCbCr").split()
    _, blue, red = (
        Image.fromarray(colors).resize(lightness.size).convert("YCbCr").split()
    )
    return np.asarray(Image.merge("YCbCr", (lightness, blue, red)).convert("RGB"))
