"""Asks a trained network about the user's own pictures, texts or files."""

from dataclasses import dataclass

from lessons import course
from lessons.commands import runs_option

from tyro.conf import Positional


@dataclass(frozen=True)
class Predict(runs_option.RunsOption):
    """Ask a trained network about your own pictures, texts or files."""

    run: Positional[str]  # folder of a run, or a lesson's name for its newest run
    inputs: Positional[tuple[str, ...]]  # such as pictures, as the lesson takes them

    def __post_init__(self):
        super().__post_init__()
        if not self.inputs:
            raise ValueError("expected something to ask about, such as a picture")

    def act(self) -> None:
        """Asks a saved network about inputs, as its lesson's page says, and prints what
        it answers.
        """
        from training import predictions, run_folder

        record = run_folder.find_trained(self.run, self.logdir)
        ask = getattr(course.import_lesson(record.lesson), "predict", predict_pictures)
        answers = ask(record, list(self.inputs))
        print(f"with {record.folder}")
        for line in answers.lines:
            print(line)
        if answers.picture is not None:
            picture = predictions.save_picture(record.folder, answers.picture)
            print(f"Figure: {picture}")


def predict_pictures(record, inputs: list[str]):
    """Returns which classes a classifier of images sees in pictures, as
    `training.predictions` says.

    Raises:
        ValueError: the run is of another kind of network, or no file is a picture, or
            has a drawing where one is expected.
        OSError: the only file is missing or cannot be read.
    """
    from training import predictions, run_folder

    import numpy as np

    from data import own_pictures
    from data.images import drawing, read

    run_folder.check_classifier(record)
    model = record.load_model()
    shown, seen, grounds, empty = [], [], {}, []
    for path, picture in own_pictures.read_pictures(inputs):
        if model.input_shape[-1] == 3:  # photographs
            seen.append(read.cut_out_square(picture, model.input_shape[1]))
            grounds[path] = ""
        else:
            try:
                found = drawing.cut_out_drawing(picture)
            except ValueError as error:
                empty.append(f"{path}: {error}")
                continue
            seen.append(found.image)
            ground = "dark on light" if found.dark_on_light else "light on dark"
            grounds[path] = f"   (taken for {ground})"
        if len(shown) < predictions.SHOWN:
            shown.append(picture)
    if not seen:
        raise ValueError(empty[0])
    images = np.stack(seen)
    probabilities = predictions.classify(model, images)
    class_names = record.config["class_names"]
    lines = []
    for (path, ground), row in zip(grounds.items(), probabilities, strict=True):
        likely = "   ".join(predictions.name_likely(row, class_names))
        lines.append(f"{path}: {likely}{ground}")
    count = len(shown)
    picture = predictions.draw_predictions(
        shown, images[:count], probabilities[:count], class_names
    )
    return predictions.Answers(lines + empty, picture)
