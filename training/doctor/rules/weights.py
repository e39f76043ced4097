"""Rules on the weights: can they change, do they differ, do gradients reach them?"""

from training.doctor import experiments, network
from training.doctor.case import Case
from training.doctor.finding import Finding

import numpy as np


def find_nothing_trainable(case: Case) -> Finding | None:
    """Without a trainable weight nothing can change."""
    if case.model.trainable_variables:
        return None
    return case.found(
        "nothing_trainable",
        f"none of {case.model.count_params():,} weights is trainable",
        "trainable = True for the last layers, then compile again",
        True,
    )


def find_symmetry(case: Case) -> Finding | None:
    """Units that begin alike and get the same gradient stay alike (Goodfellow et al.,
    Deep Learning, 8.4).

    Zeros in the last layer alone do no harm: looked at is whether the units of a hidden
    layer are still alike.
    """
    layers = [
        layer
        for layer in case.model.layers
        if network.find_kernel(layer) is not None and layer.trainable
    ]
    for layer in layers[:-1]:
        kernel = network.find_kernel(layer).numpy()
        # A recurrent layer has several kernels side by side.
        width = getattr(layer, "units", kernel.shape[-1])
        units = kernel.reshape(-1, width)
        if (
            units.shape[1] > 1
            and np.isfinite(units).all()
            and np.ptp(units, axis=1).max() <= 1e-5 * (np.abs(units).max() + 1e-12)
        ):
            return case.found(
                "zero_init_symmetry",
                f"all {units.shape[1]} units of {layer.name} have equal weights after "
                "training",
                "random initial weights, such as glorot_uniform",
            )
    kernels = [network.find_kernel(layer).numpy() for layer in layers]
    if len(kernels) > 1 and not any(np.any(kernel) for kernel in kernels):
        return case.found(
            "zero_init_symmetry",
            "all weights are zero after training",
            "random initial weights",
        )
    return None


def find_dead_units_at_the_start(case: Case) -> Finding | None:
    """A rectifier that is 0 for every example has no gradient and never learns (Lu et
    al., "Dying ReLU", 2019).
    """
    for name, dead in case.dead_units(case.record.initial).items():
        if dead >= 0.85:
            return describe_dead_units(case, name, dead, "", True)
    return None


def find_dead_units(case: Case) -> Finding | None:
    """A rectifier that fell silent in the training; judged after the learning rate."""
    for name, dead in case.dead_units(case.final).items():
        if dead >= 0.7:
            return describe_dead_units(case, name, dead, "smaller steps, ", False)
    return None


def describe_dead_units(
    case: Case, name: str, dead: float, first: str, before: bool
) -> Finding:
    """Returns the finding, with other advice for the output, where no unit need be cut
    off at 0.
    """
    evidence = f"{dead:.0%} of the units of {name} are 0 for every example"
    advice = first + "biases that begin at 0, he_normal weights, leaky_relu"
    if name == case.model.layers[-1].name:
        evidence = f"the output is 0 for every example ({name}, with a relu)"
        if dead < 1:
            evidence = f"{dead:.0%} of the outputs are 0 for every example ({name})"
        advice = "no activation on the output, or softplus; smaller steps"
    return case.found("dead_relu", evidence, advice, before)


def find_vanishing(case: Case) -> Finding | None:
    """Each layer multiplies the gradient; far below 1, and the first layers stand still
    (Hochreiter, 1991).
    """
    norms = case.layer_gradients()
    if len(norms) < 4:
        return None
    first, last, median = norms[0], norms[-1], np.median(norms)
    stands_still = first < 1e-3 * last or median < 1e-7
    if not stands_still or case.learning_rate < case.usual_rates[0] / 3:
        return None
    if first < 1e-3 * last:
        evidence = (
            f"the gradients (root mean square) are {first:.1e} in the first layer, "
            f"{last:.1e} in the last"
        )
    else:
        evidence = (
            f"the gradients have a root mean square of {median:.1e} in the median of "
            "the layers"
        )
    advice = (
        "relu and he_normal instead of sigmoid or tanh, batch normalization, residual "
        "connections, fewer layers"
    )
    return case.found("vanishing_gradient", evidence, advice, True)


def find_exploding(case: Case) -> Finding | None:
    """Gradients that grow from layer to layer make every step wild (Pascanu et al.,
    2013). Those of targets in large units are as large without growing.
    """
    norm = case.gradient_norm()
    unit = max(1.0, case.target_scale() or 1.0)
    if np.isfinite(norm) and norm <= 1e3 * unit and case.growth() <= 100:
        return None
    advice = (
        "smaller initial weights (glorot_uniform, he_normal), clipnorm=1, batch "
        "normalization"
    )
    return case.found(
        "exploding_gradient",
        f"the gradient's norm was {norm:.3g} before the first update",
        advice,
        True,
    )


def find_frozen_part(case: Case) -> Finding | None:
    """What is frozen cannot adapt: tried is the same training with every layer
    trainable.
    """
    frozen = [
        layer.name
        for layer in case.model.layers
        if layer.weights and not layer.trainable_weights
    ]
    if frozen and experiments.is_better(case, experiments.trial(case, unfreeze=True)):
        return case.found(
            "nothing_trainable",
            f"with {frozen[-1]} trainable as well, a copy learns what this network "
            "does not",
            f"trainable = True for {frozen[-1]}, then compile again",
            True,
        )
    return None
