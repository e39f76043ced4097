"""The parts of `python -m lessons sweep`."""
