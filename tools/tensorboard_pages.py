"""Takes pictures of what TensorBoard shows of lessons, for their pages on the site.

    python -m tools.tensorboard_pages RUN...

RUN is the folder of a finished run. The picture is of the page Images where the
docstring names it, else of the first page that it names, and goes into
`docs/pictures/tensorboard`. `tools/browser.py` says what it needs.
"""

import ast
import io
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from lessons.course import find_lessons
from training import run_folder

from PIL import Image

from tools import browser, tables

# Their figures show photographs or texts that not everybody may copy, or people.
ONLY_CURVES = {
    "course_4_photo_search",
    "course_4_pretrained_features",
    "course_5_cut_point",
    "course_5_transfer_learning",
    "course_7_text_classification",
}
WIDTH, HEIGHT = 1280, 800  # pixels
# How many pictures and curves a page has, also inside of shadow trees, without icons.
COUNT = """
const count = node => [...node.children].reduce((sum, child) => sum
    + (child.tagName == 'IMG' && child.naturalWidth > 50)
    + (child.tagName == 'CANVAS' && child.width > 50)
    + (child.tagName == 'path' && (child.getAttribute('d') || '').length > 50)
    + (child.tagName == 'MAT-ICON' ? 0 : count(child))
    + (child.shadowRoot ? count(child.shadowRoot) : 0), 0);
return count(document);
"""


def choose_page(lesson: str, page: str) -> str:
    """Returns the name of the page of TensorBoard to show of a lesson; "" if there is
    none that may be shown.

    Args:
        lesson: its name.
        page: the text of its file.
    """
    docstring = ast.get_docstring(ast.parse(page)) or ""
    named = re.findall(r"page\s+(\w+)", docstring.partition("In TensorBoard:")[2])
    if lesson in ONLY_CURVES:
        return "Scalars" if "Scalars" in named else ""
    return "Images" if "Images" in named else next(iter(named), "")


def take_picture(record: run_folder.Record, page: str) -> Image.Image:
    """Returns a picture of a page of TensorBoard with one run.

    Raises:
        TimeoutError: nothing is shown.
    """
    with tempfile.TemporaryDirectory() as place:
        logdir = Path(place) / "runs"
        shutil.copytree(record.folder, logdir / record.lesson / "as_shipped")
        with (
            browser.serving(logdir) as address,
            browser.opened(WIDTH, HEIGHT) as driver,
        ):
            driver.get(f"{address}/#{page.lower()}")
            deadline = time.monotonic() + browser.SECONDS
            seen = 0
            while time.monotonic() < deadline:
                time.sleep(2)
                before, seen = seen, driver.execute_script(COUNT)
                if seen and seen == before:
                    return Image.open(io.BytesIO(driver.get_screenshot_as_png()))
    raise TimeoutError(f"TensorBoard's page {page} shows nothing of {record.folder}")


def main() -> None:
    """Takes the pictures of the runs that are named on the command line.

    Raises:
        ValueError: something is missing, or a run is of no lesson or not finished.
    """
    missing = browser.find_missing()
    if missing:
        raise ValueError(f"expected {missing}")
    lessons = {lesson.path.stem for lesson in find_lessons()}
    for folder in map(Path, sys.argv[1:]):
        record = run_folder.read(folder)
        if record.lesson not in lessons or record.metrics["status"] != "finished":
            raise ValueError(f"{folder} is no finished run of a lesson")
        page = choose_page(record.lesson, record.page)
        if not page:
            print(f"{record.lesson}: no page that may be shown")
            continue
        picture = take_picture(record, page)
        path = tables.save_picture(picture, tables.SCREENS, record.lesson)
        print(f"{path}, the page {page}, {path.stat().st_size:,} bytes", flush=True)


if __name__ == "__main__":
    main()
