"""The faults of tests/mutations.py can be planted, and with `make full` each of them is caught."""

import ast
import functools

from tests import mutations


@functools.cache
def find_tests(file):
    """The test functions of a file by name, with the names of what they are parametrized with."""
    tree = ast.parse((mutations.ROOT / file).read_text("utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_fault_can_be_planted():
    for name, fault in mutations.FAULTS.items():
        assert not mutations.find_problem(fault), name
        assert fault.new != fault.old
        for test in fault.tests:
            file, _, function = test.partition("::")
            assert function.partition("[")[0] in find_tests(file), name
