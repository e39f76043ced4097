"""Exercises: trainings that fail as learners' own do, to be repaired by flags or by
changing a line.
"""
