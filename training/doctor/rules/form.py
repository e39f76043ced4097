"""Rules on the form of what `fit` was given, if Keras could not read it: lists, words,
tables of mixed columns.
"""

import itertools

from training.doctor.finding import Finding
from training.doctor.record import Record, unwrap

import numpy as np
import tensorflow as tf

SHOWN = 20  # characters of a word


def find_lists(record: Record) -> Finding | None:
    """Keras takes a list for several inputs or outputs, one for each of its elements
    (keras.io, "Functional API": models with multiple inputs and outputs).
    """
    ends = {"x": record.model.inputs, "y": record.model.outputs}
    for name, part in name_parts(record):
        expected = len(ends[name[0]] or [None])
        if not isinstance(part, list | tuple) or len(part) <= expected:
            continue
        try:
            shape = np.asarray(part).shape
        except ValueError:
            shape = None
        if shape is None:
            lengths = [np.size(row) for row in part]
            return describe(
                f"{name} is a list of {len(part)} rows of different lengths, "
                f"{min(lengths)} to {max(lengths)}",
                f"{name[0]} = keras.utils.pad_sequences({name[0]}), or rows of one "
                "length",
            )
        return describe(
            f"{name} is a list of {len(part)} elements, which Keras takes for as many "
            f"{'inputs' if name[0] == 'x' else 'outputs'}; the network has {expected}",
            f"{name[0]} = np.array({name[0]}), which has the shape {shape}",
        )
    return None


def find_words(record: Record) -> Finding | None:
    """A network computes with numbers; words need some that stand for them (Goodfellow
    et al., Deep Learning, 12.4).
    """
    for name, part in name_parts(record):
        values = np.asarray(part)
        if values.dtype.kind not in "USO":
            continue
        words = [value for value in values.flat if isinstance(value, str | bytes)]
        if not words or len(words) < values.size:  # also words: find_objects
            continue
        word = str(words[0])[:SHOWN]
        if all(map(is_number, words)):
            return describe(
                f"{name} holds numbers that are written as words, such as {word!r}",
                f'{name[0]}.astype("float32")',
            )
        advice = (
            "a number for each class, np.unique(y, return_inverse=True)[1]; the same "
            "numbers for validation"
        )
        if name[0] == "x":
            advice = (
                "numbers for them: a TextVectorization or StringLookup layer, applied "
                "before fit"
            )
        return describe(f"{name} holds words, such as {word!r}", advice)
    return None


def find_objects(record: Record) -> Finding | None:
    """An array of Python's objects has no type that a tensor could have: it comes from
    a table with columns of several types, from gaps, or from rows of several lengths.
    """
    for name, part in name_parts(record):
        values = np.asarray(part)
        if values.dtype != object:
            continue
        if np.ndim(next(iter(values.flat))):
            lengths = [np.size(row) for row in values.flat]
            if min(lengths) < max(lengths):
                return describe(
                    f"the rows of {name} have different lengths, {min(lengths)} to "
                    f"{max(lengths)}",
                    f"keras.utils.pad_sequences({name[0]}), or rows of one length",
                )
            return describe(
                f"{name} is an array of {len(values)} arrays",
                f"{name[0]} = np.stack({name[0]})",
            )
        table = values.reshape(len(values), -1)
        wrong = {
            place: strange[0]
            for place, column in enumerate(table.T)
            if (strange := [value for value in column if not is_number(value)])
        }
        if not wrong:
            return describe(
                f"{name} has the type object, and all of it are numbers",
                f'{name[0]} = {name[0]}.astype("float32")',
            )
        places = ", ".join(map(str, itertools.islice(wrong, 5)))
        some = str(next(iter(wrong.values())))[:SHOWN]
        return describe(
            f"{name} has the type object: {len(wrong)} of {table.shape[1]} columns are "
            f"no numbers ({places}), such as {some!r}",
            "a number for each word, or a column for each (pandas.get_dummies); None "
            f'filled or left out; then {name[0]}.astype("float32")',
        )
    return None


def describe(evidence: str, advice: str) -> Finding:
    """Returns the finding, seen before training."""
    return Finding("unreadable_data", 0, 0, evidence, advice)


def name_parts(record: Record) -> list[tuple[str, object]]:
    """Returns the arrays or lists that `fit` was given, of a pipeline its first batch,
    each under its name, which begins with x or y.
    """
    held_out = record.validation_data
    pairs = [("", (record.x, record.y))]
    if held_out is not None:
        is_pair = isinstance(held_out, tuple | list) and len(held_out) > 1
        pairs.append((" of the validation", held_out if is_pair else (held_out, None)))
    parts = []
    for suffix, (x, y, *_) in pairs:
        if isinstance(x, tf.data.Dataset):
            x, y, *_ = (*next(iter(x)), None)
        for letter, part in (("x", x), ("y", y)):
            if part is not None:
                parts.append((letter + suffix, unwrap(part)))
    return parts


def is_number(value) -> bool:
    """True if a value is a number, or a word that says one."""
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
