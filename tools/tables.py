"""Writes the tables of lessons in the READMEs and in the galleries of docs/.

    python -m tools.tables

The English tables come from the docstrings of the lessons, the Chinese ones from
`lessons/titles.zh.toml`, minutes in both from the docstrings, what was measured where
from `docs/results.json`, which `make full` writes, and pictures from `docs/pictures`,
where `python -m tools.gallery` puts them. `tests/test_tables.py` says when a table is
out of date, or a lesson lacks its Chinese line.
"""

# ruff: noqa: RUF001 (Chinese punctuation)
import io
import itertools
import os.path
import re
import string
from pathlib import Path

from lessons import measurements
from lessons.course import ROOT, TITLES, Lesson, find_lessons

from PIL import Image

PICTURES = ROOT / "docs/pictures"  # for the gallery
SCREENS = ROOT / "docs/pictures/tensorboard"  # what TensorBoard shows
WIDTH = 960  # of a picture in pixels, at most
CHINESE = {"README.zh-CN.md", "docs/zh/gallery.md", "docs/zh/results.md"}
HEADS = {
    "README.md": ("number", "lesson", "idea", "result", "minutes", "measured"),
    "README.zh-CN.md": ("编号", "文件", "内容", "结果", "分钟", "测量"),
}
WORDS = {  # in English and in Chinese
    "minutes": ("minutes", "分钟"),
    "seeds": ("seeds", "个种子"),
    "seed": ("seed", "个种子"),
    "picture": ("picture", "图"),
    "lesson": ("lesson", "课程"),
    "measured": ("measured by `make full`", "由 `make full` 测量"),
    "not measured": (
        f"{measurements.NOT_MEASURED.replace('make full', '`make full`')}",
        "`make full` 还没有测量",
    ),
    "offline": (
        "without download, on the data that comes with the installation",
        "不下载，只用安装时自带的数据",
    ),
    "as shipped": ("as shipped", "默认设置"),
    "failed": ("ends with an error, as it should", "以错误结束，理应如此"),
    "all runs": ("All runs and figures", "全部运行和数值"),
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
}
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


def describe(lesson: Lesson, chinese: bool, whole: bool = False) -> tuple[str, str]:
    """Returns the idea and the result of a lesson.

    Args:
        lesson: that is described.
        chinese: whether in Chinese.
        whole: whether the English result goes on after its first semicolon, behind
            which the baseline often stands.

    Raises:
        KeyError: the lesson has no Chinese line.
    """
    if not chinese:
        result = lesson.result if whole else lesson.result.partition(";")[0]
        return lesson.idea.rstrip("."), result
    titles = TITLES[lesson.path.stem]
    return titles["title"], titles["result"]


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


def name_machines() -> dict[str, str]:
    """Returns a letter for each machine that a lesson was measured on as it is now."""
    entries = measurements.read()
    used = [
        entry["machine"]
        for lesson in find_lessons()
        for entry in measurements.find(lesson.path, entries=entries)
    ]
    return dict(zip(dict.fromkeys(used), string.ascii_uppercase, strict=False))


def say_seeds(count: int, chinese: bool) -> str:
    """Returns a number of seeds in words."""
    return f"{count} {WORDS['seed' if count == 1 else 'seeds'][chinese]}"


def say_measured(lesson: Lesson, machines: dict[str, str], chinese: bool) -> str:
    """Returns on which machine a lesson was measured, by its letter, and with how many
    seeds.
    """
    entries = measurements.find(lesson.path)
    if not entries:
        return NONE
    letters = dict.fromkeys(machines[entry["machine"]] for entry in entries)
    return f"{''.join(letters)}, {say_seeds(len(entries), chinese)}"


def make_table(page: str) -> str:
    """Returns the table of a README, and below it the machines.

    Raises:
        KeyError: a lesson has no Chinese line.
    """
    chinese = page in CHINESE
    machines = name_machines()
    rows = [HEADS[page], ["---"] * len(HEADS[page])]
    for lesson in find_lessons():
        path = f"`{lesson.path.relative_to(ROOT).as_posix()}`"
        idea, result = describe(lesson, chinese)
        measured = say_measured(lesson, machines, chinese)
        row = (str(lesson.number), path, idea, result, lesson.minutes, measured)
        rows.append(row)
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return f"{table}\n{explain_machines(machines, chinese)}\n"


def explain_machines(machines: dict[str, str], chinese: bool) -> str:
    """Returns what the letters of the machines mean, in a line each, and where all
    figures are.
    """
    lines = [f"{letter}: {machine}" for machine, letter in machines.items()]
    lines.append(f"{NONE}: {WORDS['not measured'][chinese]}")
    path = f"docs/{'zh/' if chinese else ''}results.md"
    words = WORDS["measured"][chinese].capitalize()
    return f"{words}. {'; '.join(lines)}. [{WORDS['all runs'][chinese]}]({path})."


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
        lines += ["", f"## {lesson.path.stem}", "", idea]
        rows, missing = make_rows(lesson, entries, chinese)
        if rows:
            lines += ["", *rows]
        if missing:
            lines += ["", name_missing(missing, chinese)]
    return "\n".join([*lines, "", ""])


def name_missing(runs: list[str], chinese: bool) -> str:
    """Returns in one line which runs were not measured."""
    words = WORDS["not measured"][chinese]
    return f"{words[:1].upper()}{words[1:]}: {', '.join(runs)}"


def make_rows(
    lesson: Lesson, entries: list[dict], chinese: bool
) -> tuple[list[str], list[str]]:
    """Returns the table of what was measured of a lesson, and the runs that were not.

    Returns:
        Lines, none if nothing was measured; and names of runs.
    """
    names = ("run", "seeds", "figures", "seconds", "cpu", "machine", "commit")
    head = [WORDS[name][chinese] for name in names]
    rows, missing = [head, ["---"] * len(head)], []
    for flags, offline in list_runs(lesson):
        found = measurements.find(lesson.path, flags, entries, offline)
        name = f"`{flags}`" if flags else WORDS["as shipped"][chinese]
        if offline:
            name += f", {WORDS['offline'][chinese]}"
        if not found:
            if flags or offline == measurements.is_offline(lesson.path.stem):
                missing.append(name)
            continue
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
    lines = [f"| {' | '.join(row)} |" for row in rows] if len(rows) > 2 else []
    return lines, missing


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
        lines.append(
            f"{name} {mean}{spread.replace('to', '到') if chinese else spread}"
        )
    return "<br>".join(lines)


def say_range(values: list[float | None]) -> str:
    """Returns the least and the most of some numbers of seconds."""
    known = [value for value in values if value is not None]
    if not known:
        return NONE
    least, most = f"{min(known):.0f}", f"{max(known):.0f}"
    return least if least == most else f"{least}-{most}"


def say_where(lesson: Lesson, chinese: bool) -> str:
    """Returns how a lesson was measured as shipped, and on which machine."""
    entries = measurements.find(lesson.path)
    if not entries:
        return WORDS["not measured"][chinese]
    machines = "; ".join(measurements.list_machines(entries))
    seeds = say_seeds(len(entries), chinese)
    return f"{WORDS['measured'][chinese]}: {seeds}, {machines}"


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
            idea, result = describe(lesson, chinese, whole=True)
            picture = find_picture(lesson)
            shown = ""
            if picture is not None:
                source = Path(os.path.relpath(picture, folder)).as_posix()
                shown = f'<img src="{source}" width="400" alt="{idea}">'
            link = Path(os.path.relpath(lesson.path, folder)).as_posix()
            minutes = f"{lesson.minutes} {WORDS['minutes'][chinese]}"
            text = f"**[{idea}]({link})**<br>{result}<br>`{lesson.path.stem}`"
            measured = say_where(lesson, chinese)
            lines.append(
                f"| {shown} | {text}, {minutes}<br><small>{measured}</small> |"
            )
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
