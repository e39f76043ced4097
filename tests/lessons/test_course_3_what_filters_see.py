"""Pixels climb to what a network takes for digits."""

from lessons import course_3_what_filters_see as lesson

import keras
import numpy as np
from PIL import Image

from tests.lessons import small
from tests.photos import photograph

SMALL = {"steps": 30}


def test_network_takes_what_it_likes_best_for_digits(small_run):
    """Half of the way from the first step, at least."""
    confidence = small_run.metrics["confidence"]
    assert confidence["end"] > (confidence["start"] + 1) / 2
    names = ("digits", "feature_maps", "kernels", "units")
    figures = {path.name for path in (small_run.folder / "figures").iterdir()}
    assert figures == {f"{name}.png" for name in names}


def test_activations_are_maximized(small_run_of):
    folder = small_run_of("course_3_cnn").folder
    model = keras.models.load_model(folder / "model.keras")
    climbed = lesson.maximize(lesson.output_of_each(model), 10, 30, 30.0, 0.03, 0)
    assert len(climbed) == 30
    before, after = (model.predict(climbed[i], verbose=0) for i in (0, -1))
    # Each logit is to be large, not the largest: as shipped, one 1 becomes more of a 4.
    assert np.sum(after.argmax(axis=1) == range(10)) >= 9
    assert (np.diag(after) > np.diag(before) + 5).all()
    assert climbed[-1].shape == (10, 28, 28, 1)
    assert climbed[-1].min() >= 0
    np.testing.assert_allclose(climbed[-1].max(axis=(1, 2, 3)), 255, rtol=1e-5)


def test_ones_own_handwriting_is_shown(small_run, small_run_of, tmp_path):
    Image.fromarray(photograph(7, 0, 0)).save(tmp_path / "seven.png")
    own = {"picture": tmp_path / "seven.png", "steps": 1}
    small.run(lesson, tmp_path, run=str(small_run_of("course_3_cnn").folder), **own)
    for name, same in (("kernels", True), ("feature_maps", False)):
        one, other = (
            (folder / f"figures/{name}.png").read_bytes()
            for folder in (
                small_run.folder,
                tmp_path / "course_3_what_filters_see/test",
            )
        )
        assert (one == other) == same
