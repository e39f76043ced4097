"""What `make docs` adds to the pages of docs/, as hooks of MkDocs: the READMEs, a page
for each lesson in English and in Chinese, and the navigation.

A lesson's page is made of its docstring, its Chinese line, what was measured of it
(`docs/results.json`), its pictures (`docs/pictures`) and its code. Nothing has to be
done for a new lesson. Menus and headings of the theme are in the language of the page.
"""

# ruff: noqa: RUF001 (Chinese punctuation)
import ast
import itertools
import os.path
import re
import textwrap
from pathlib import Path, PurePosixPath

from lessons import measurements
from lessons.course import ROOT, TITLES, Lesson, find_lessons

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tools import tables, tensorboard_pages

# Pages of the site that are not in docs/, by their file in the project.
OUTSIDE = {
    "README.md": "index.md",
    "README.zh-CN.md": "zh/index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "benchmarks/RESULTS.md": "benchmarks.md",
    "benchmarks/growth.png": "growth.png",
    "lessons/exercises/README.md": "exercises.md",
    "tests/README.md": "tests.md",
}
FIRST = ("index.md", "gallery.md")  # in the navigation, before the lessons
WORDS = {  # on the page of a lesson, in English and in Chinese
    "result": ("**Result:** ", "**结果：**"),
    "time": ("**Time:** ", "**时间：**"),
    "minutes": ("minutes on two cores", "分钟（双核）"),
    "told": ("The idea", "这一课讲什么"),
    "stop": (".", "。"),
    "look": ("In TensorBoard", "在 TensorBoard 里看什么"),
    "screen": (
        "The page {} after a run with the default settings",
        "用默认设置运行之后的 {} 页",
    ),
    "first": ("The first thing to try", "先试这个"),
    "try": ("Try", "可以尝试"),
    "flags": ("flags", "参数"),
    "effect": ("what happens", "会怎样"),
    "measured": ("What was measured", "测量结果"),
    "english": ("", "英文说明：课程文件的开头"),
    "code": ("The code", "代码"),
    "where": (
        "`Config` holds the hyperparameters, the functions below it the idea, and "
        "`main` puts them together.",
        "超参数在 `Config` 里，下面的函数是这一课的内容，`main` 把它们连起来。",
    ),
    "start": ("Start", "首页"),
    "lessons": ("Lessons", "课程"),
    "more": ("More", "更多"),
    "language": ("English", "中文"),
}
SITE_NAMES = (
    "Deep learning with TensorFlow and Keras",
    "用 TensorFlow 和 Keras 学深度学习",
)
SCHEMES = (("Dark", "Light"), ("深色", "浅色"))  # what the switch offers
# Between these, a line that ends in a paragraph is no space.
WIDE = r"[\u2014\u2018-\u201d\u2026\u3000-\u9fff\uff00-\uffef]"
NEW_LINE = re.compile(rf"(?<={WIDE})\n(?={WIDE})")
LINK = re.compile(r'(?<!!)\[([^\]]+)\]\(([^)\s]+)\)|(!\[[^\]]*\]\(|src=")([^)"\s]+)')


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Makes the navigation."""
    config.nav = [
        {WORDS["language"][chinese]: make_navigation(chinese)}
        for chinese in (False, True)
    ]
    return config


def make_navigation(chinese: bool) -> list:
    """Returns the navigation in one language: the lessons by their parts, the rest."""
    folder = "zh/" if chinese else ""
    parts = itertools.groupby(find_lessons(), key=lambda lesson: lesson.number)
    lessons = [
        {
            tables.name_part(number, chinese): [
                {lesson.path.stem: name_page(lesson, chinese)} for lesson in part
            ]
        }
        for number, part in parts
    ]
    pages = [f"{folder}{path.name}" for path in (ROOT / "docs" / folder).glob("*.md")]
    pages += [
        page
        for page in OUTSIDE.values()
        if page.endswith(".md") and page.startswith("zh/") == chinese
    ]
    start, gallery = (folder + page for page in FIRST)
    more = sorted(set(pages) - {start, gallery})
    return [
        {WORDS["start"][chinese]: start},
        gallery,
        {WORDS["lessons"][chinese]: lessons},
        {WORDS["more"][chinese]: more},
    ]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are not in docs/."""
    for source, page in OUTSIDE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_bytes()))
    for lesson in find_lessons():
        for chinese in (False, True):
            text = make_page(lesson, chinese)
            page = name_page(lesson, chinese)
            files.append(File.generated(config, page, content=text))
    return files


def name_page(lesson: Lesson, chinese: bool) -> str:
    """Returns where the page of a lesson is on the site."""
    return f"{'zh/' if chinese else ''}lessons/{lesson.path.stem}.md"


def make_page(lesson: Lesson, chinese: bool) -> str:
    """Returns the page of a lesson as Markdown."""
    words = {name: both[chinese] for name, both in WORDS.items()}
    idea, result = tables.describe(lesson, chinese)
    source = lesson.path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    paragraphs = ast.get_docstring(tree).split("\n\n")[3:]
    code = "\n".join(source.split("\n")[tree.body[0].end_lineno :]).strip()
    up = "../" * (2 if chinese else 1)
    other = "../../lessons" if chinese else "../zh/lessons"
    lines = [f"# {idea}", ""]
    lines += [f"[{WORDS['language'][not chinese]}]({other}/{lesson.path.stem}.md)", ""]
    lines += ["```", lesson.command, "```", ""]
    lines += [f"{words['result']}{result}", ""]
    lines += [f"{words['time']}{lesson.minutes} {words['minutes']}", ""]
    picture = tables.find_picture(lesson, tables.PICTURES)
    if picture is not None:
        caption = tables.CAPTIONS[lesson.path.stem][tables.LANGUAGES[chinese]]
        lines += show_picture(f"{up}pictures/{picture.name}", caption)
    lines += suggest_first_try(lesson, chinese)
    screen = tables.find_picture(lesson, tables.SCREENS)
    shown = []
    if screen is not None:
        page = tensorboard_pages.choose_page(lesson.path.stem, source)
        place = f"{up}pictures/tensorboard/{screen.name}"
        shown = show_picture(place, words["screen"].format(page))
    if chinese:
        lines += explain_in_chinese(lesson, shown)
        lines += [f"## {words['english']}", "", *explain(paragraphs, "**{}**", [])]
    else:
        lines += [f"## {words['told']}", "", *explain(paragraphs, "## {}", shown)]
    rows = tables.make_rows(lesson, measurements.read(), chinese)
    if rows:
        lines += [f"## {words['measured']}", "", *rows, ""]
    lines += [f"## {words['code']}", "", f"`{lesson.path.relative_to(ROOT)}`", ""]
    lines += [words["where"], ""]
    return "\n".join([*lines, "```python", code, "```", ""])


def suggest_first_try(lesson: Lesson, chinese: bool) -> list[str]:
    """Returns the lines with the first thing to try that everybody can; none if there
    is none.
    """
    first = measurements.find_first_try(lesson.path)
    if first is None:
        return []
    effect = TITLES[lesson.path.stem]["try"][first.flags] if chinese else first.effect
    effect = effect.rstrip(".")
    stop = "" if effect[-1] in "?？" else WORDS["stop"][chinese]
    command = f"{lesson.command} {first.flags}"
    head = f"## {WORDS['first'][chinese]}"
    effect = f"{effect[:1].upper()}{effect[1:]}{stop}"
    return [head, "", "```", command, "```", "", effect, ""]


def explain_in_chinese(lesson: Lesson, shown: list[str]) -> list[str]:
    """Returns the lines of `titles.zh.toml` on the idea, on what to see in TensorBoard,
    with a picture of that, and on things to try.
    """
    told = TITLES[lesson.path.stem]
    rows = [(WORDS["flags"][True], WORDS["effect"][True]), ("---", "---")]
    rows += [(f"`{flags}`", effect) for flags, effect in told["try"].items()]
    lines = [f"## {WORDS['told'][True]}", "", told["idea"], ""]
    lines += [f"## {WORDS['look'][True]}", "", *shown, told["look"], ""]
    lines += [f"## {WORDS['try'][True]}", ""]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def explain(paragraphs: list[str], head: str, shown: list[str]) -> list[str]:
    """Returns the lines for the paragraphs of a docstring.

    Args:
        paragraphs: of the docstring, behind its first lines.
        head: form of the headings of "In TensorBoard" and "Try".
        shown: lines that show TensorBoard.
    """
    lines = []
    for paragraph in paragraphs:
        for start, word in (("In TensorBoard:", "look"), ("Try:", "try")):
            if paragraph.startswith(start):
                lines += [head.format(WORDS[word][False]), ""]
                paragraph = paragraph.removeprefix(start)
                if paragraph.startswith(" "):  # a sentence goes on
                    paragraph = paragraph[1:2].upper() + paragraph[2:]
                lines += shown if word == "look" else []
        lines += [format_paragraph(paragraph), ""]
    return lines


def show_picture(place: str, caption: str) -> list[str]:
    """Returns the lines of Markdown for a picture with its caption below."""
    return [f"![{caption}]({place})", "", f"<small>{caption}</small>", ""]


def format_paragraph(text: str) -> str:
    """Returns a paragraph of a docstring as Markdown: lines that are indented by four
    are a block of code.
    """
    parts = []
    for indented, lines in itertools.groupby(
        text.strip("\n").split("\n"), key=lambda line: line.startswith("    ")
    ):
        part = "\n".join(lines)
        parts.append(f"```\n{textwrap.dedent(part)}\n```" if indented else part)
    return "\n\n".join(parts)


def on_page_markdown(markdown: str, *, page: Page, **_) -> str:
    """Returns the text of a page with links that lead to pages of the site; a link to
    another file of the project becomes plain text.
    """
    here = page.file.src_uri
    sources = {place: source for source, place in OUTSIDE.items()}
    source = PurePosixPath(sources.get(here, f"docs/{here}"))
    targets = dict(OUTSIDE)
    for lesson in find_lessons():
        path = lesson.path.relative_to(ROOT).as_posix()
        targets[path] = name_page(lesson, here.startswith("zh/"))

    def replace(match: re.Match) -> str:
        text, link, start, picture = match.groups()
        path, _, anchor = (link or picture).partition("#")
        if not path or "://" in path:
            return match[0]
        if source.parts[0] == "docs" and source.parts[-2] == "lessons":
            return match[0]  # made here, with links of the site
        file = os.path.normpath(source.parent / path).replace(os.sep, "/")
        target = targets.get(file, file.removeprefix("docs/"))
        if target == file:  # not on the site
            return text if link else match[0]
        relative = os.path.relpath(target, Path(here).parent).replace(os.sep, "/")
        anchor = f"#{anchor}" if anchor else ""
        return f"[{text}]({relative}{anchor})" if link else f"{start}{relative}"

    return LINK.sub(replace, NEW_LINE.sub("", markdown))


def on_page_context(context: dict, *, page: Page, config: MkDocsConfig, **_) -> dict:
    """Sets the language of the menus of a page, and of the name of the site."""
    chinese = page.file.src_uri.startswith("zh/")
    config.theme["language"] = tables.LANGUAGES[chinese]
    config.site_name = SITE_NAMES[chinese]
    for scheme, name in zip(config.theme["palette"], SCHEMES[chinese], strict=True):
        scheme["toggle"]["name"] = name
    return context
