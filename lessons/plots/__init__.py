"""Figures that only one lesson draws, a file a lesson."""
