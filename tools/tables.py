"""Writes the tables of lessons in the READMEs and in the galleries of docs/.

    python -m tools.tables

The English tables come from the docstrings of the lessons, the Chinese ones from
`lessons/titles.zh.toml`, minutes in both from the docstrings, and pictures from
`docs/pictures`, where `python -m tools.gallery` puts them and `captions.toml` says what
they show. `docs/results.md` has what `make full` measured. `tests/test_tables.py` says
when a table is out of date, or what a lesson lacks.
"""

# ruff: noqa: RUF001 (Chinese punctuation)
import io
import itertools
import os.path
import re
import tomllib
from pathlib import Path

from lessons import measurements
from lessons.course import ROOT, TITLES, Lesson, find_lessons

from PIL import Image

PICTURES = ROOT / "docs/pictures"  # for the gallery
SCREENS = ROOT / "docs/pictures/tensorboard"  # what TensorBoard shows
CAPTIONS = tomllib.loads((PICTURES / "captions.toml").read_text(encoding="utf-8"))
WIDTH = 960  # of a picture in pixels, at most
CHINESE = {"README.zh-CN.md", "docs/zh/gallery.md", "docs/zh/results.md"}
HEADS = {
    "README.md": ("part", "lesson", "idea", "result", "minutes"),
    "README.zh-CN.md": ("部分", "文件", "内容", "结果", "分钟"),
}
WORDS = {  # in English and in Chinese
    "minutes": ("minutes", "分钟"),
    "seeds": ("seeds", "种子"),
    "picture": ("picture", "图"),
    "lesson": ("lesson", "课程"),
    "result": ("Result: ", "结果："),
    "offline": (
        "without download, on the data that comes with the installation",
        "不下载，只用安装时自带的数据",
    ),
    "as shipped": ("as shipped", "默认设置"),
    "failed": ("ends with an error, as it should", "以错误结束，理应如此"),
    "run": ("run", "运行"),
    "figures": (
        "figures: mean (least to most over the seeds)",
        "数值：平均（各种子的最小到最大）",
    ),
    "seconds": ("seconds", "秒"),
    "cpu": ("CPU seconds", "CPU 秒"),
    "machine": ("machine", "机器"),
    "commit": ("commit", "提交"),
    "to": ("to", "到"),
    "comma": (", ", "，"),
}
LANGUAGES = ("en", "zh")  # of captions
NONE = "–"
MOST_FIGURES = 8  # of a run, where it has no test
# The parts of the course: their names in English and in Chinese.
PARTS = {
    1: ("Neurons and descent", "神经元和梯度下降"),
    2: ("Fully connected networks", "全连接网络"),
    3: ("Convolution", "卷积"),
    4: ("Pretrained features", "预训练特征"),
    5: ("Transfer", "迁移"),
    6: ("Detection and segmentation", "检测和分割"),
    7: ("Text and sequences", "文本和序列"),
    8: ("Pictures and language", "图片和语言"),
    9: ("Generation", "生成"),
    10: ("Games", "游戏"),
    11: ("Several machines", "几台机器"),
}
TABLE = re.compile(r"(?<=<!-- lessons -->\n).*?(?=<!-- end of lessons -->)", re.DOTALL)


def describe(lesson: Lesson, chinese: bool) -> tuple[str, str]:
    """Returns the idea and the result of a lesson.

    Raises:
        KeyError: the lesson has no Chinese line.
    """
    if not chinese:
        return lesson.idea.rstrip("."), lesson.result
    titles = TITLES[lesson.path.stem]
    return titles["title"], titles["result"]


def leave_out_seeds(result: str) -> str:
    """Returns a result without the brackets that say how much it depends on seeds, or
    on which numbers of seeds or networks it was measured.
    """
    return re.sub(
        r" \([^()]*\b(?:seeds?|networks|[\d.]+ to [\d.]+)\b[^()]*\)", "", result
    )


def name_part(number: int, chinese: bool) -> str:
    """Returns the name of a part of the course, with its number."""
    return f"{number} {PARTS.get(number, ('', ''))[chinese]}".rstrip()


def find_picture(lesson: Lesson, folder: Path | None = None) -> Path | None:
    """Returns the picture of a lesson in a folder; if no folder is given, that of the
    gallery, which is what TensorBoard shows where a lesson draws nothing. None if there
    is no picture.
    """
    folders = (PICTURES, SCREENS) if folder is None else (folder,)
    found = [path for place in folders for path in place.glob(f"{lesson.path.stem}.*")]
    return found[0] if found else None


def save_picture(picture: Image.Image, folder: Path, lesson: str) -> Path:
    """Saves a picture of a lesson, as PNG or JPEG, whichever is smaller, in the place
    of an earlier one.
    """
    picture = picture.convert("RGB")
    picture.thumbnail((WIDTH, 10 * WIDTH))
    contents = {}
    for ending, options in (
        (".png", {"format": "PNG", "optimize": True}),
        (".jpg", {"format": "JPEG", "quality": 85, "optimize": True}),
    ):
        file = io.BytesIO()
        picture.save(file, **options)
        contents[ending] = file.getvalue()
    ending = min(contents, key=lambda ending: len(contents[ending]))
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{lesson}.*"):
        old.unlink()
    path = folder / f"{lesson}{ending}"
    path.write_bytes(contents[ending])
    return path


def make_table(page: str) -> str:
    """Returns the table of a README.

    Raises:
        KeyError: a lesson has no Chinese line.
    """
    rows = [HEADS[page], ["---"] * len(HEADS[page])]
    for lesson in find_lessons():
        path = lesson.path.relative_to(ROOT).as_posix()
        idea, result = describe(lesson, page in CHINESE)
        result = leave_out_seeds(result)
        rows.append(
            (str(lesson.number), f"[`{path}`]({path})", idea, result, lesson.minutes)
        )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def make_results(page: str) -> str:
    """Returns what was measured of each lesson, as shipped and with what it suggests to
    try.

    Raises:
        KeyError: a lesson has no Chinese line.
    """
    chinese = page in CHINESE
    entries = measurements.read()
    lines = []
    for lesson in find_lessons():
        idea, _ = describe(lesson, chinese)
        rows = make_rows(lesson, entries, chinese)
        if rows:
            lines += ["", f"## {lesson.path.stem}", "", idea, "", *rows]
    return "\n".join([*lines, "", ""])


def make_rows(lesson: Lesson, entries: list[dict], chinese: bool) -> list[str]:
    """Returns the lines of the table of what was measured of a lesson, none if nothing
    was.
    """
    names = ("run", "seeds", "figures", "seconds", "cpu", "machine", "commit")
    head = [WORDS[name][chinese] for name in names]
    rows = [head, ["---"] * len(head)]
    for flags, offline in list_runs(lesson):
        found = measurements.find(lesson.path, flags, entries, offline)
        if not found:
            continue
        name = f"`{flags}`" if flags else WORDS["as shipped"][chinese]
        if offline:
            name += f"{WORDS['comma'][chinese]}{WORDS['offline'][chinese]}"
        rows.append(
            (
                name,
                ", ".join(str(entry["seed"]) for entry in found),
                list_figures(found, chinese),
                say_range([entry["seconds"] for entry in found]),
                say_range([entry["cpu_seconds"] for entry in found]),
                "; ".join(measurements.list_machines(found)),
                ", ".join(dict.fromkeys(entry["commit"] for entry in found)),
            )
        )
    return [f"| {' | '.join(row)} |" for row in rows] if len(rows) > 2 else []


def list_runs(lesson: Lesson) -> list[tuple[str, bool]]:
    """Returns which runs of a lesson there can be: flags, and whether it is offline."""
    flags = measurements.list_flags(lesson.path)
    return [("", False), ("", True), *((each, False) for each in flags)]


def list_figures(entries: list[dict], chinese: bool) -> str:
    """Returns the figures of some runs: those of the test and of its baselines, or some
    where there is no test.
    """
    if all(entry["status"] == "failed" for entry in entries):
        return WORDS["failed"][chinese]
    summary = measurements.summarize(entries)
    chosen = [name for name in summary if re.match(r"(test|baseline)\.", name)]
    lines = []
    for name in chosen or list(summary)[:MOST_FIGURES]:
        mean, least, most = (f"{value:.4g}" for value in summary[name])
        to = WORDS["to"][chinese]
        spread = f" ({least} {to} {most})" if least != most else ""
        lines.append(f"{name} {mean}{spread}")
    return "<br>".join(lines)


def say_range(values: list[float | None]) -> str:
    """Returns the least and the most of some numbers of seconds."""
    known = [value for value in values if value is not None]
    if not known:
        return NONE
    least, most = f"{min(known):.0f}", f"{max(known):.0f}"
    return least if least == most else f"{least}-{most}"


def make_gallery(page: str) -> str:
    """Returns the tables of a gallery, one for each part of the course.

    Raises:
        KeyError: a lesson has no Chinese line.
    """
    chinese = page in CHINESE
    folder = (ROOT / page).parent
    lines = []
    lessons = itertools.groupby(find_lessons(), key=lambda lesson: lesson.number)
    for number, part in lessons:
        head = f"| {WORDS['picture'][chinese]} | {WORDS['lesson'][chinese]} |"
        lines += ["", f"## {name_part(number, chinese)}", "", head, "| --- | --- |"]
        for lesson in part:
            idea, result = describe(lesson, chinese)
            picture = find_picture(lesson)
            shown = ""
            if picture is not None:
                source = Path(os.path.relpath(picture, folder)).as_posix()
                caption = CAPTIONS[lesson.path.stem][LANGUAGES[chinese]]
                shown = f'<img src="{source}" width="400" alt="{idea}">'
                shown += f"<br><small>{caption}</small>"
            link = Path(os.path.relpath(lesson.path, folder)).as_posix()
            minutes = f"{lesson.minutes} {WORDS['minutes'][chinese]}"
            name = f"`{lesson.command}`{WORDS['comma'][chinese]}{minutes}"
            result = f"{WORDS['result'][chinese]}{result}"
            lines.append(f"| {shown} | **[{idea}]({link})**<br>{result}<br>{name} |")
    return "\n".join([*lines, "", ""])


PAGES = {
    "README.md": make_table,
    "README.zh-CN.md": make_table,
    "docs/gallery.md": make_gallery,
    "docs/zh/gallery.md": make_gallery,
    "docs/results.md": make_results,
    "docs/zh/results.md": make_results,
}


def insert_table(page: str) -> str:
    """Returns the text of a page with its table as it should be.

    Raises:
        ValueError: there is no place for the table.
        KeyError: a lesson has no Chinese line.
    """
    text = (ROOT / page).read_text(encoding="utf-8")
    if not TABLE.search(text):
        raise ValueError(
            f"{page}: expected <!-- lessons --> and <!-- end of lessons --> around the "
            "table"
        )
    return TABLE.sub(lambda match: PAGES[page](page), text)


def main() -> None:
    """Writes all tables."""
    for page in PAGES:
        Path(ROOT / page).write_text(insert_table(page), encoding="utf-8")
        print(f"{page} is up to date")


if __name__ == "__main__":
    main()
