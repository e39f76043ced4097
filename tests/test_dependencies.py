"""pyproject.toml asks for what the packages import, and constraints.txt pins it."""

import ast
import importlib.metadata
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
REQUIRED = [Requirement(line) for line in PROJECT["dependencies"]]
EXTRA = [
    Requirement(line)
    for lines in PROJECT["optional-dependencies"].values()
    for line in lines
]
SHIPPED = ("data", "models", "training", "lessons")

pytestmark = pytest.mark.smoke


def find_imports(folder: str) -> set[str]:
    """The names at the top of everything that the files of a folder import."""
    names = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module)
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("folder", SHIPPED)
def test_what_is_imported_is_required(folder):
    declared = {canonicalize_name(each.name) for each in REQUIRED + EXTRA}
    distributions = importlib.metadata.packages_distributions()
    for name in find_imports(folder) - sys.stdlib_module_names - {*SHIPPED}:
        owners = map(canonicalize_name, distributions.get(name, [name]))
        assert declared & {*owners}, name


@pytest.mark.parametrize("requirement", REQUIRED + EXTRA, ids=str)
def test_what_is_required_is_pinned(requirement):
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [Requirement(line.split("#")[0]) for line in lines if line[0] not in " #"]
    name = canonicalize_name(requirement.name)
    found = [pin for pin in pins if canonicalize_name(pin.name) == name]
    assert found
    for pin in found:
        (version,) = pin.specifier
        assert requirement.specifier.contains(version.version)


def test_pip_takes_the_constraints_from_any_index():
    """Pip takes no constraint with extras, and only the index that the user has."""
    text = (ROOT / "constraints.txt").read_text("utf-8")
    assert "[" not in text
    assert "://" not in text


def test_what_runs_before_a_commit_is_what_make_lint_runs():
    text = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    (local,) = yaml.safe_load(text)["repos"]
    needed = {one for hook in local["hooks"] for one in hook["additional_dependencies"]}
    tools = {one for one in needed if not one.startswith("pre-commit-hooks")}
    assert tools <= {*PROJECT["optional-dependencies"]["dev"]}
