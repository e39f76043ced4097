"""Each benchmark runs small, and its ways compute what they say. No figure is a timed test."""

import re

import numpy as np
import pytest

from benchmarks import image_search, memory, start, style_transfer, sweep, transfer_learning
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


def read_rows(found: str) -> dict[str, list[str]]:
    """The cells of each row of a benchmark's table by the first one."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in found.splitlines() if line[:1] == "|"]
    return {name: cells for name, *cells in rows[2:]}


def test_transfer_learning_learns_in_both_ways():
    found = transfer_learning.measure(small=True)
    assert len(read_rows(found)) == 2
    accuracies = [float(accuracy) for accuracy in re.findall(r"([\d.]+)%", found)]
    assert len(accuracies) == 2 and min(accuracies) > 80, "parts of a temple and of a flower are easily told apart"


def test_image_search_finds_the_same():
    found = image_search.measure(small=True)
    assert len(read_rows(found)) == 2
    assert "The same ten in the same order for 20 of 20 queries" in found


def test_start_ends_with_the_first_step():
    rows = read_rows(start.measure(small=True))
    listing, imported, first, after = (float(cells[0].removesuffix(" s")) for cells in rows.values())
    assert 0 < listing < first
    assert after == pytest.approx(first - imported, abs=0.02)


def test_memory_of_the_lesson_holds_that_of_the_import():
    """More than the import, less than twice; the memory of the tests themselves is not counted."""
    imported, lesson = (float(cells[0].removesuffix(" MB")) for cells in read_rows(memory.measure(small=True)).values())
    assert 200 < imported < lesson < 2 * imported + 200


def test_sweep_gives_what_single_runs_give():
    found = sweep.measure(small=True)
    assert len(read_rows(found)) == 2
    assert "Equal final metrics in 2 of 2 runs" in found
