"""Loaders, one data source a file: raw values in three named splits, with class names
and where they came from.
"""
