"""The lessons beside what a learner would use instead, on the same machine, in the same run."""
