"""Figures that only one lesson draws, a file a lesson."""

from training import quiet  # noqa: F401 (before Matplotlib, whose log lines it holds)
