"""The old name of three lessons; `lessons/course.py` says which."""

from pathlib import Path

from lessons import course

if __name__ == "__main__":
    course.refuse_old_name(Path(__file__).stem)
