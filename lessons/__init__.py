"""The lessons, one idea and one file each. `python -m lessons` lists them."""

import sys
from pathlib import Path

# A lesson reads the `training`, `models` and `data` of its own project, also where the
# current folder or the environment has others of these names.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
