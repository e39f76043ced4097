"""The old name of two lessons; `lessons/__main__.py` says which."""

from pathlib import Path

from lessons import __main__ as commands

if __name__ == "__main__":
    commands.refuse_old_name(Path(__file__).stem)
