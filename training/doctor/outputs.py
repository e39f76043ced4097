"""A training of several outputs, as one training for each of them."""

import dataclasses

from training.doctor.record import Record

import keras
import tensorflow as tf


def split_outputs(record: Record) -> dict[str, Record]:
    """Returns a training for each output that has a loss, by the output's name; of a
    single output the training itself, without a name.

    What the outputs share is looked at from each of them, and an experiment trains a
    copy for one output alone.

    Raises:
        TypeError: losses or targets are not one for each output.
    """
    model = record.model
    outputs = keras.tree.flatten(getattr(model, "outputs", None) or [])
    if len(outputs) < 2:
        return {"": record}
    places = {id(variable): place for place, variable in enumerate(model.weights)}
    records = {}
    for place, name in enumerate(model.output_names):
        loss = model.loss
        if isinstance(loss, dict | list | tuple):
            loss = pick(loss, name, place)
        if loss is None:
            continue
        part = keras.Model(model.inputs, outputs[place])
        settings = model.optimizer.get_config()
        part.compile(type(model.optimizer).from_config(settings), loss)
        x, y = pick_targets(record.x, record.y, name, place)
        held_out = record.validation_data
        if isinstance(held_out, tf.data.Dataset):
            held_out, _ = pick_targets(held_out, None, name, place)
        elif held_out is not None:
            held_out = pick_targets(*held_out[:2], name, place)
        records[name] = dataclasses.replace(
            record,
            model=part,
            initial=[record.initial[places[id(variable)]] for variable in part.weights],
            x=x,
            y=y,
            validation_data=held_out,
            history=[pick_losses(entry, name) for entry in record.history],
        )
    return records


def pick_targets(x, y, name: str, place: int) -> tuple:
    """Returns inputs as they are, and the targets of an output; of a pipeline one of
    both, and None.
    """
    if isinstance(x, tf.data.Dataset):
        return x.map(lambda x, y, *_: (x, pick(y, name, place))), None
    return x, pick(y, name, place)


def pick(parts, name: str, place: int):
    """Returns what belongs to an output, by its name or by its place.

    Raises:
        TypeError: there is nothing by names or places.
    """
    if isinstance(parts, dict):
        return parts.get(name)
    if isinstance(parts, list | tuple):
        return parts[place]
    raise TypeError("a model of several outputs, whose targets are not one for each")


def pick_losses(entry: dict[str, float], name: str) -> dict[str, float]:
    """Returns loss and metrics of an output in an epoch, as if it were the only one."""
    return {
        "".join(key.split(f"{name}_", 1)): value
        for key, value in entry.items()
        if key.removeprefix("val_").startswith(f"{name}_")
    }
