"""What `make docs` adds to the pages of docs/, as hooks of MkDocs: the READMEs, a page
for each lesson in English and in Chinese, and the navigation.

A lesson's page is made of its docstring, its Chinese line, what was measured of it
(`docs/results.json`), its pictures (`docs/pictures`) and its code. Nothing has to be
done for a new lesson.
"""

import ast
import itertools
import os.path
import re
import textwrap
from pathlib import Path, PurePosixPath

from lessons import measurements
from lessons.course import ROOT, Lesson, find_lessons

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tools import tables

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
    "result": ("Result", "结果"),
    "time": ("Time", "时间"),
    "minutes": ("minutes on two cores", "分钟"),
    "idea": ("The idea", "英文说明"),
    "told": ("", "这一课讲什么"),
    "stop": (".", "。"),
    "look": ("In TensorBoard", "在 TensorBoard 里看什么"),
    "screen": ("What TensorBoard shows of a run", "一次运行在 TensorBoard 里的样子"),
    "first": ("The first thing to try", "先试这个"),
    "try": ("Try", "可以尝试"),
    "measured": ("What was measured", "测量结果"),
    "code": ("The code", "代码"),
    "start": ("Start", "首页"),
    "lessons": ("Lessons", "课程"),
    "more": ("More", "更多"),
    "language": ("English", "中文"),
}
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
    lines += [f"**{words['result']}:** {lesson.result if not chinese else result}", ""]
    lines += [f"**{words['time']}:** {lesson.minutes} {words['minutes']}", ""]
    picture = tables.find_picture(lesson, tables.PICTURES)
    if picture is not None:
        lines += [f"![{idea}]({up}pictures/{picture.name})", ""]
    told = tables.TITLES[lesson.path.stem] if chinese else {}
    first = measurements.find_first_try(lesson.path)
    if first is not None:
        lines += [f"## {words['first']}", ""]
        lines += ["```", f"{lesson.command} {first.flags}", "```", ""]
        effect = told.get("try", first._asdict())["effect"].rstrip(".")
        stop = "" if effect[-1] in "?\uff1f" else words["stop"]
        lines += [f"{effect[:1].upper()}{effect[1:]}{stop}", ""]
    if "idea" in told:
        lines += [f"## {words['told']}", "", told["idea"], ""]
    lines += [f"## {words['idea']}", ""]
    for paragraph in paragraphs:
        for start, word in (("In TensorBoard:", "look"), ("Try:", "try")):
            if paragraph.startswith(start):
                lines += [f"## {words[word]}", ""]
                paragraph = paragraph.removeprefix(start)
                if paragraph.startswith(" "):  # a sentence goes on
                    paragraph = paragraph[1:2].upper() + paragraph[2:]
                screen = tables.find_picture(lesson, tables.SCREENS)
                if word == "look" and screen is not None:
                    place = f"{up}pictures/tensorboard/{screen.name}"
                    lines += [f"![{words['screen']}]({place})", ""]
        lines += [format_paragraph(paragraph), ""]
    rows, missing = tables.make_rows(lesson, measurements.read(), chinese)
    lines += [f"## {words['measured']}", "", *rows, ""]
    if missing:
        lines += [tables.name_missing(missing, chinese), ""]
    lines += [f"## {words['code']}", "", f"`{lesson.path.relative_to(ROOT)}`", ""]
    return "\n".join([*lines, "```python", code, "```", ""])


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

    return LINK.sub(replace, markdown)
