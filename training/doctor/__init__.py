"""Names what is wrong with a training, with the evidence and what to try: `diagnose`,
or `TrainingDoctor` for a `fit`.

A symptom has many causes, so thresholds alone name the wrong one more often than the
right one. The doctor works as one debugs by hand (Karpathy, "A Recipe for Training
Neural Networks", 2019): first what is certain about data, labels and loss; then whether
the training is bad at all, against a nearest-neighbor or linear rule on the same
examples; and only for what is bad, experiments on a copy of the network from its first
weights: a cause is what, once removed, lets the copy learn.

Nothing of it touches the training: its weights are the same to the bit with and
without.

Where things are, each file using only those above it:

- `finding`: what is said of a training.
- `task`, `scores`, `baselines`, `rates`, `network`: what the network is asked to do,
  how good answers are, what simple rules reach, which learning rates are usual, what
  the layers are.
- `record`: a training in plain values. `case`: what is measured of it.
- `outputs`: several outputs, as a training for each.
- `experiments`: trials on a copy. `judgment`: whether the training is bad at all.
- `rules`: what may be wrong, by topic; `rules/__init__.py` has them in their order.
- `examination`: applies the rules. `callback`: watches a `fit`.

A new rule is a function from a `Case` to a `Finding` or None, with its reason and its
source in the docstring, and a line in the list of `rules`.
"""

from training.doctor.callback import HEALTHY, TrainingDoctor, diagnose
from training.doctor.finding import Finding

__all__ = ["HEALTHY", "Finding", "TrainingDoctor", "diagnose"]
