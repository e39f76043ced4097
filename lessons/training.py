"""Leads a lesson that is started as a script to the `training` of its own project.

Python then looks for modules in the folder of the script first, this one, and finds the
project's folder late or not at all: another package of that name, or another clone of
the project, would come before it.
"""

import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
del sys.modules[__name__]
importlib.import_module(__name__)
