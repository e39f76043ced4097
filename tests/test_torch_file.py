"""The reader of PyTorch's files, with crafted ones, and with PyTorch itself where it is
installed.
"""

import collections
import io
import pickle
import struct
import types
from typing import ClassVar

import keras
import numpy as np
import pytest

from data import photos, weights
from data.images import read
from models import efficientnet_lite, torch_file


class Storage:
    """Stands for the numbers of a tensor."""

    def __init__(self, key, count):
        self.key, self.count = key, count


class Tensor:
    """Is pickled as PyTorch pickles a tensor."""

    def __init__(self, key, count, offset, shape, strides):
        self.parts = (
            Storage(key, count),
            offset,
            shape,
            strides,
            False,
            collections.OrderedDict(),
        )

    def __reduce__(self):
        return REBUILD, self.parts


def named(module, name):
    """A function that is pickled under a name that is not here."""
    function = types.FunctionType((lambda *parts: parts).__code__, {}, name)
    function.__module__, function.__qualname__ = module, name
    return function


REBUILD = named("torch._utils", "_rebuild_tensor_v2")


class Pickler(pickle._Pickler):
    """Writes names of PyTorch's without having PyTorch, in Python's own pickler of
    protocol 2.
    """

    def persistent_id(self, value):
        if isinstance(value, Storage):
            return (
                "storage",
                named("torch", "FloatStorage"),
                value.key,
                "cpu",
                value.count,
                None,
            )
        return None

    def save_global(self, value, name=None):
        self.write(
            pickle.GLOBAL + f"{value.__module__}\n{value.__qualname__}\n".encode()
        )
        self.memoize(value)

    dispatch: ClassVar = {**pickle._Pickler.dispatch, types.FunctionType: save_global}


def write(path, tensors, numbers, magic=torch_file.MAGIC):
    """Writes a file in the old form of `torch.save`."""
    file = io.BytesIO()
    for part in (
        magic,
        torch_file.VERSION,
        {"little_endian": True},
        tensors,
        list(numbers),
    ):
        Pickler(file, 2).dump(part)
    for values in numbers.values():
        file.write(struct.pack("<q", len(values)) + np.asarray(values, "<f4").tobytes())
    path.write_bytes(file.getvalue())
    return path


def test_tensors_with_offsets_and_strides(tmp_path):
    numbers = np.arange(12.0)
    tensors = collections.OrderedDict(
        straight=Tensor("a", 12, 0, (3, 4), (4, 1)),
        transposed=Tensor("a", 12, 0, (4, 3), (1, 4)),
        part=Tensor("a", 12, 5, (2,), (3,)),
        scalar=Tensor("b", 1, 0, (), ()),
    )
    read = torch_file.read_tensors(
        write(tmp_path / "file.pth", tensors, {"a": numbers, "b": [7.0]})
    )
    assert list(read) == list(tensors)
    np.testing.assert_array_equal(read["straight"], numbers.reshape(3, 4))
    np.testing.assert_array_equal(read["transposed"], numbers.reshape(3, 4).T)
    np.testing.assert_array_equal(read["part"], [5, 8])
    np.testing.assert_array_equal(read["scalar"], 7)


@pytest.mark.parametrize("where", ["first", "tensors"])
def test_crafted_pickle_runs_nothing(where, tmp_path):
    marker = tmp_path / "attacked"
    command = b"cposix\nsystem\n(S'touch " + str(marker).encode() + b"'\ntR."
    path = tmp_path / "file.pth"
    before = (
        [torch_file.MAGIC, torch_file.VERSION, {"little_endian": True}]
        if where == "tensors"
        else []
    )
    path.write_bytes(b"".join(pickle.dumps(part, 2) for part in before) + command)
    with pytest.raises(
        ValueError,
        match=r"cannot be read as a file of PyTorch tensors .*posix.system.*no tensor",
    ):
        torch_file.read_tensors(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (13,), (1,)),
        (10, (3,), (1,)),
        (-1, (2,), (1,)),
        (0, (2, 2), (1, 11)),
        (5, (3,), (-3,)),
        (0, (-2,), (1,)),
    ],
)
def test_tensor_beyond_its_numbers(offset, shape, strides, tmp_path):
    tensors = {"beyond": Tensor("a", 12, offset, shape, strides)}
    with pytest.raises(ValueError, match="beyond its numbers"):
        torch_file.read_tensors(
            write(tmp_path / "file.pth", tensors, {"a": np.arange(12)})
        )


def test_damaged_files(tmp_path):
    path = write(
        tmp_path / "file.pth",
        {"a": Tensor("a", 12, 0, (12,), (1,))},
        {"a": np.arange(12)},
    )
    whole = path.read_bytes()
    for content in (
        b"",
        b"no pickle",
        whole[:20],
        whole[:100],
        whole[:-1],
        pickle.dumps([1, 2]),
    ):
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match=r"file.pth cannot be read as a file of PyTorch tensors"
        ):
            torch_file.read_tensors(path)
    write(
        path,
        {"_conv_stem.weight": Tensor("a", 12, 0, (12,), (1,))},
        {"a": np.arange(12)},
    )
    with pytest.raises(ValueError, match="does not hold weights of EfficientNet-Lite0"):
        efficientnet_lite.build_efficientnet_lite0(path)


def test_network_against_pytorch():
    """The same file read by PyTorch, and the same network in PyTorch's functions, with
    Keras's padding written out.
    """
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    functional = torch.nn.functional
    path = weights.find_efficientnet_lite0().path
    tensors = torch.load(path, weights_only=True, map_location="cpu")
    for name, values in torch_file.read_tensors(path).items():
        np.testing.assert_array_equal(values, tensors[name].numpy())

    def convolve(x, name, normalization, stride=1, depthwise=False, activation=True):
        kernel = tensors[f"{name}.weight"]
        size = kernel.shape[-1]
        missing = max(0, (-(-x.shape[-1] // stride) - 1) * stride + size - x.shape[-1])
        x = functional.pad(x, [missing // 2, missing - missing // 2] * 2)
        x = functional.conv2d(
            x, kernel, stride=stride, groups=x.shape[1] if depthwise else 1
        )
        parts = [
            tensors[f"{normalization}.{part}"]
            for part in ("running_mean", "running_var", "weight", "bias")
        ]
        x = functional.batch_norm(x, *parts, eps=1e-3)
        return functional.relu6(x) if activation else x

    squares = np.stack(
        [
            read.cut_out_square(photo.pixels, 224)
            for photo in photos.load_photos().values()
        ]
    )
    x = convolve(
        (torch.tensor(squares).permute(0, 3, 1, 2).float() - 127) / 128,
        "_conv_stem",
        "_bn0",
        2,
    )
    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
    for block, stride in enumerate(strides):
        name, before = f"_blocks.{block}.", x
        if f"{name}_expand_conv.weight" in tensors:
            x = convolve(x, f"{name}_expand_conv", f"{name}_bn0")
        x = convolve(x, f"{name}_depthwise_conv", f"{name}_bn1", stride, depthwise=True)
        x = convolve(x, f"{name}_project_conv", f"{name}_bn2", activation=False)
        x = x + before if x.shape == before.shape else x
    x = convolve(x, "_conv_head", "_bn1").mean(dim=(2, 3))
    expected = (x @ tensors["_fc.weight"].T + tensors["_fc.bias"]).numpy()
    model = efficientnet_lite.build_efficientnet_lite0(path)
    assert isinstance(model, keras.Model)
    np.testing.assert_allclose(
        model.predict(squares, verbose=0), expected, rtol=0, atol=1e-4
    )
