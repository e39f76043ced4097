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
    `training.predictions` says: in a photograph of handwriting, which digits.

    Raises:
        ValueError: the run is of another kind of network, or no file is a picture, or
            has a drawing where one is expected.
        OSError: the only file is missing or cannot be read.
    """
    from training import predictions, run_folder

    import numpy as np

    from data import digits, own_pictures
    from data.images import drawing, read

    run_folder.check_classifier(record)
    model = record.load_model()
    pictures = own_pictures.read_pictures(inputs)
    class_names = record.config["class_names"]
    gray = model.input_shape[-1] == 1
    if gray and set(class_names) <= set(digits.CLASS_NAMES):
        return predict_digits(model, pictures, class_names)
    shown, seen, grounds, empty = [], [], {}, []
    for path, picture in pictures:
        if gray:
            try:
                found = drawing.cut_out_drawing(picture)
            except ValueError as error:
                empty.append(f"{path}: {error}")
                continue
            seen.append(found.image)
            grounds[path] = name_ground(found.dark_on_light)
        else:  # photographs
            seen.append(read.cut_out_square(picture, model.input_shape[1]))
            grounds[path] = ""
        if len(shown) < predictions.SHOWN:
            shown.append(picture)
    if not seen:
        raise ValueError(empty[0])
    images = np.stack(seen)
    probabilities = predictions.classify(model, images)
    lines = []
    for (path, ground), row in zip(grounds.items(), probabilities, strict=True):
        likely = "   ".join(predictions.name_likely(row, class_names))
        lines.append(f"{path}: {likely}{ground}")
    count = len(shown)
    picture = predictions.draw_predictions(
        shown, images[:count], probabilities[:count], class_names
    )
    return predictions.Answers(lines + empty, picture)


def name_ground(dark_on_light: bool) -> str:
    """Returns what is said of a drawing's ground behind an answer."""
    return f"   (taken for {'dark on light' if dark_on_light else 'light on dark'})"


def predict_digits(model, pictures, class_names: list[str]):
    """Returns which digits are seen in photographs, in the order of reading.

    Args:
        model: takes images of digits.
        pictures: pairs of a name and a picture.
        class_names: the name of each class.
    """
    from training import predictions

    lines, shown = [], []
    for path, picture in pictures:
        found = read_digits(model, picture)
        if len(found) == 1:
            answer = "   ".join(
                predictions.name_likely(found[0].probabilities, class_names)
            )
        else:
            best = [
                predictions.name_likely(digit.probabilities, class_names)[0]
                for digit in found
            ]
            answer = "".join(one[0] for one in best) + f"   ({', '.join(best)})"
        ground = name_ground(found[0].dark_on_light) if found else ""
        lines.append(f"{path}: {answer if found else 'no digit found'}{ground}")
        if len(shown) < predictions.SHOWN:
            shown.append((picture, found))
    return predictions.Answers(lines, predictions.draw_digits(shown, class_names))


def read_digits(model, picture) -> list:
    """Finds and reads the digits in a photograph.

    A network that learned from digits alone takes whatever it is shown for one. So it
    is shown each drawing several times, turned and scaled a little: where that changes
    its answers, their mean is not certain.

    Args:
        model: takes images of digits.
        picture: uint8 `(height, width, 3)` in [0, 255].

    Returns:
        The `handwriting.Digit`s, in the order of reading.
    """
    from training import predictions

    import numpy as np

    from data.images import handwriting

    pieces = {
        (number, *cuts): piece
        for number, strokes in enumerate(handwriting.find_candidates(picture))
        for cuts, piece in handwriting.cut(strokes).items()
    }
    if not pieces:
        return []
    varied = np.stack([handwriting.vary(piece.ink) for piece in pieces.values()])
    answers = predictions.classify(model, varied.reshape(-1, 28, 28, 1))
    probabilities = answers.reshape(*varied.shape[:2], -1).mean(axis=1)
    return handwriting.choose(pieces, varied[:, 0], probabilities)
