"""Each benchmark runs small, and its ways compute what they say. No figure is a timed test."""

import numpy as np
import pytest

from benchmarks import style_transfer
from data import imagenet
from models import style


def test_style_transfer_runs_small(capsys):
    weights = imagenet.find_convolutions("hed").path
    seconds = style_transfer.compare_steps(weights, 48, "float32", rounds=1, steps=1)
    assert {"the lesson, float32", "keras-io, float32"} <= set(seconds)
    assert style_transfer.compare_losses(weights, 48, "float32", steps=8) > 0
    printed = capsys.readouterr().out
    assert "| keras-io, float32 |" in printed
    assert "after 8 steps" in printed


def test_both_ways_have_the_same_loss():
    """At the start, where both have the content as their picture: the gradients are equal."""
    weights = imagenet.find_convolutions("hed").path
    theirs, ours = style_transfer.KerasIO(weights, 48), style_transfer.LessonsWay(weights, 48, 10)
    gradients = theirs.differentiate(theirs.picture.value())[1], ours.differentiate(ours.picture.value())
    np.testing.assert_allclose(*gradients, rtol=1e-3, atol=1e-4 * np.abs(gradients[0]).max())


def test_pytorch_has_the_lessons_loss():
    """The first step of Adam moves each pixel against the sign of its gradient."""
    pytest.importorskip("torch", reason="needs PyTorch: requirements-bench.txt")
    kernels = style.read_kernels(imagenet.find_convolutions("hed").path, style_transfer.STYLE_LAYERS, ("block4_conv2",))
    ours, theirs = (way(kernels, 48)() for way in (style_transfer.lesson_step, style_transfer.torch_step))
    assert np.mean(np.isclose(ours, theirs, atol=0.01)) > 0.95
