"""What a fault is, and how it gets into a process: by name, after an import."""

import contextlib
import functools
import importlib.abc
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

# In the environment: the name of the fault, and a file with a line for each process in
# which it was planted.
NAME, NOTES = "PLANTED_FAULT", "PLANTED_FAULT_NOTES"
# Python imports this at the start of each process, if it stands in its path.
STARTUP = "sitecustomize.py"
STARTUP_TEXT = """from tools.planted_faults import faults, planting

planting.take_from_environment(faults.FAULTS)
"""


class Patches:
    """Replaced attributes, which can be put back."""

    def __init__(self):
        self.replaced: list[tuple[Any, str, bool, Any]] = []

    def put(self, owner: Any, name: str, value: Any) -> None:
        """Replaces an attribute of a module, class or object.

        Raises:
            AttributeError: there is none of that name.
        """
        before = getattr(owner, name)
        self.replaced.append((owner, name, name in vars(owner), before))
        setattr(owner, name, value)

    def wrap(self, owner: Any, name: str, function: Callable) -> None:
        """Replaces a function or method by `function`, which is given the original one
        and the arguments.

        Raises:
            AttributeError: there is none of that name.
        """
        original = getattr(owner, name)

        def planted(*values, **named):
            return function(original, *values, **named)

        functools.update_wrapper(planted, original)
        # Not as `__wrapped__`: AutoGraph would read the source of the original.
        del planted.__wrapped__
        with contextlib.suppress(TypeError, ValueError):
            planted.__signature__ = inspect.signature(original)
        self.put(owner, name, planted)

    def undo(self) -> None:
        """Puts back what was there before."""
        while self.replaced:
            owner, name, own, before = self.replaced.pop()
            if own:
                setattr(owner, name, before)
            else:  # it was inherited
                delattr(owner, name)


class Fault(NamedTuple):
    """Something that goes wrong, and the tests that notice it.

    Attributes:
        module: it is planted as soon as this one is imported.
        plant: function of the module and of `Patches`.
        tests: pytest's node ids, the fewest and fastest that notice.
        during: name of a function of the module: the fault is there only while that is
            called; None for always.
    """

    module: str
    plant: Callable[[ModuleType, Patches], None]
    tests: tuple[str, ...]
    during: str | None = None


class Planter(importlib.abc.MetaPathFinder):
    """Calls functions right after the modules that they wait for are imported."""

    def __init__(self, waiting: dict[str, Callable[[ModuleType], Any]]):
        self.waiting = waiting

    def find_spec(self, name, path=None, target=None):
        """Finds a module as Python would, and lets its loader call the function."""
        if name not in self.waiting:
            return None
        then = self.waiting.pop(name)
        spec = importlib.util.find_spec(name)
        if spec is None:
            return None
        load = spec.loader.exec_module

        def load_and_plant(module: ModuleType) -> None:
            load(module)
            then(module)

        spec.loader.exec_module = load_and_plant
        return spec


def take_from_environment(faults: dict[str, Fault]) -> None:
    """Lets this process wait for the module of the fault that the environment names."""
    fault = faults.get(os.environ.get(NAME, ""))
    if fault is not None:
        sys.meta_path.insert(0, Planter(wait_for(fault)))


def wait_for(fault: Fault) -> dict[str, Callable[[ModuleType], Any]]:
    """Returns what is to be done when which module is imported."""
    waiting = {fault.module: functools.partial(plant, fault)}
    lesson = fault.module.rpartition(".")[2]
    if lesson.startswith("course_"):

        def plant_in_main(command_line: ModuleType) -> None:
            """A lesson that is a process of its own is called `__main__`, and never
            imported: it is complete when it asks for its command line.
            """

            def run(original, main, config_class):
                module = sys.modules["__main__"]
                if Path(module.__file__ or "").stem == lesson:
                    plant(fault, module)
                    main = getattr(module, main.__name__)
                return original(main, config_class)

            Patches().wrap(command_line, "run", run)

        waiting["training.command_line"] = plant_in_main
    return waiting


def plant(fault: Fault, module: ModuleType) -> Patches:
    """Plants a fault in a module; returns what puts everything back.

    Raises:
        AttributeError: something that it replaces is not there.
    """
    if NOTES in os.environ:
        with Path(os.environ[NOTES]).open("a") as notes:
            notes.write(f"{os.getpid()}\n")
    patches = Patches()
    if fault.during is None:
        fault.plant(module, patches)
        return patches

    def call(original, *values, **named):
        inner = Patches()
        try:
            fault.plant(module, inner)
            return original(*values, **named)
        finally:
            inner.undo()

    patches.wrap(module, fault.during, call)
    return patches
