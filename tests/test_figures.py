"""What is drawn of a classifier is what it answers."""

from unittest import mock

from lessons import course_2_mlp
from training import figures, runs

import keras
import numpy as np
from scipy.special import softmax

from tests import few


def test_confusion_has_the_truth_in_rows():
    """Of two classes, the second one is always taken for the first: in the second row,
    the first column is red.
    """
    labels, answers = np.array([0, 0, 1, 1]), np.zeros(4, int)
    picture = figures.draw_confusion(labels, answers, ("zero", "one")).astype(int)
    red = picture[..., 0] - picture[..., 1:].max(axis=-1) > 50
    rows, columns = np.nonzero(red)
    assert rows.mean() > picture.shape[0] / 2
    assert columns.mean() < picture.shape[1] / 2


def test_classifier_is_shown_with_its_answers(tmp_path):
    """Of an untrained network, whose answers are of several classes."""
    keras.utils.set_random_seed(0)
    model = course_2_mlp.build_mlp((16,), dropout=0.5)
    config = course_2_mlp.Config(logdir=tmp_path, precision="float32")
    with (
        few.few_digits() as dataset,
        runs.start(config, dataset) as run,
        mock.patch.object(figures, "draw_confusion", wraps=figures.draw_confusion) as c,
        mock.patch.object(figures, "draw_mistakes", wraps=figures.draw_mistakes) as m,
    ):
        run.classifier(model)
    labels, answers, names = c.call_args.args
    logits = model.predict(dataset.test.x, verbose=0)
    assert len(set(answers)) > 2
    np.testing.assert_array_equal(answers, logits.argmax(axis=1))
    np.testing.assert_array_equal(labels, dataset.test.y)
    assert names == dataset.class_names
    probabilities = m.call_args.args[2]
    np.testing.assert_allclose(probabilities, softmax(logits, axis=1), rtol=1e-5)
