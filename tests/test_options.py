"""The ranges of flags, and what is said where a value is out of its own."""

from dataclasses import dataclass
from typing import Annotated

from training import options

import pytest


@dataclass(frozen=True)
class Config(options.DeviceOptions):
    degree: Annotated[int, options.between(1, 16)] = 1
    weight_decay: Annotated[float, options.between(0)] = 0.0
    momentum: Annotated[float, options.between(0, below=1)] = 0.9
    epsilon: Annotated[float | None, options.between(above=0, high=1)] = None
    depths: Annotated[tuple[int, ...], options.between(1, 16)] = (1, 2)
    start: Annotated[float, options.between(high=2)] = 1.0
    cold: Annotated[float, options.between(below=2)] = 1.0
    units: Annotated[int, options.between(3)] = 3  # another than the shared one
    epochs: int = 10
    learning_rate: float = 0.1
    title: str = "any"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"degree": 0}, "--degree is 0, expected a whole number from 1 to 16"),
        ({"degree": 17}, "--degree is 17, expected a whole number from 1 to 16"),
        ({"weight_decay": -0.5}, "--weight-decay is -0.5, expected a number from 0"),
        ({"momentum": 1.0}, "--momentum is 1.0, expected a number from 0 to below 1"),
        ({"epsilon": 0.0}, "--epsilon is 0.0, expected a number above 0 to 1"),
        ({"depths": (1, 17)}, "--depths is 17, expected a whole number from 1 to 16"),
        ({"start": 2.5}, "--start is 2.5, expected a number at most 2"),
        ({"cold": 2.0}, "--cold is 2.0, expected a number below 2"),
        ({"momentum": float("nan")}, "--momentum is nan, expected a number from 0"),
        ({"units": 2}, "--units is 2, expected a whole number from 3"),
        ({"epochs": 0}, "--epochs is 0, expected a whole number from 1 to 1000000"),
        (
            {"learning_rate": 1e30},
            "--learning-rate is 1e+30, expected a number above 0 to below 1e+30",
        ),
        ({"seed": -1}, "--seed is -1, expected a whole number from 0 to 4294967295"),
    ],
)
def test_what_is_out_of_its_range_is_said(fields, said):
    with pytest.raises(ValueError, match="expected") as refused:
        Config(**fields)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    "fields",
    [
        {"degree": 1},
        {"degree": 16},
        {"weight_decay": 1e300},
        {"momentum": 0.999},
        {"epsilon": 1.0},
        {"depths": ()},
        {"start": -1e9},
        {"units": 3},
        {"seed": 2**32 - 1},
        {"title": "0"},
    ],
)
def test_what_is_in_its_range_is_taken(fields):
    assert {name: getattr(Config(**fields), name) for name in fields} == fields
