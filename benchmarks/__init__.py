"""The lessons beside what a learner would use instead, measured in turns on one
machine.
"""
