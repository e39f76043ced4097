"""The page of TensorFlow's basic operations prints what the slides say."""

import math
import re

import pytest

import course_1_tf_basic_operation as lesson
from tests.lessons import small

SMALL = {}


def read_page(page: str) -> dict[str, str]:
    """Returns the rows that the lesson prints: the value of each expression."""
    page = page.partition("Constants")[2]
    return dict(
        re.findall(r"^  (\S.*?)  +(\S.*?)(?:  +shape=.*)?$", page, re.MULTILINE)
    )


def test_values_are_those_of_the_slides(small_run):
    rows = read_page(small_run.out)
    product = rows["tf.matmul(matrix, other)"]
    assert product == "[[ 6 8 10] [ 7 6 5] [ 5 10 15]]"
    assert rows["tf.add(a, b)"] == "5"
    assert rows["tf.sets.difference([[1, 2, 3]], [[2]]).values"] == "[1 3]"
    assert rows["tf.reduce_prod(matrix, axis=1)"] == "[3 2 0]"
    assert rows["len(traces)"] == "1"
    assert small_run.metrics["slope"] == 3 * 2.0**2 - 2
    neuron = 1 / (1 + math.exp(-(0.5 - 1 + 2 + 2)))
    assert float(rows["neuron(vector)"]) == pytest.approx(neuron, rel=1e-6)
    assert f"{len(rows)} expressions" in lesson.__doc__


def test_debug_runs_line_by_line(tmp_path, capsys):
    small.run(lesson, tmp_path, debug=True)
    assert read_page(capsys.readouterr().out)["len(traces)"] == "3"
