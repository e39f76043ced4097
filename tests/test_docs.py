"""The READMEs and the pages of docs/, also as a site: links lead somewhere, commands
are right.
"""

import importlib
import re
import shlex
import subprocess
import sys
import tomllib
from urllib.parse import unquote

from lessons import measurements
from lessons.course import ROOT, find_lessons
from training import command_line

import pytest
import yaml

from tools import tables

READMES = ("README.md", "README.zh-CN.md")
# With counterparts that are not in docs/zh/: one page holds both languages, and the
# English page of exercises is beside them.
BOTH, BESIDE = "glossary.md", "exercises.md"
GUIDES = sorted([*map(ROOT.joinpath, READMES), *(ROOT / "docs").rglob("*.md")])
PAGES = [
    *GUIDES,
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "benchmarks/RESULTS.md",
    ROOT / "lessons/exercises/README.md",
    ROOT / "tests/README.md",
]
WIDE = r"[\u3001-\u9fff\uff00-\uffef]"  # a Chinese character, or punctuation
BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def name(page) -> str:
    """The page's path in the project."""
    return page.relative_to(ROOT).as_posix()


def read(page) -> tuple[str, str]:
    """The text of a page, and the commands in its blocks of code."""
    text = page.read_text(encoding="utf-8")
    commands = "\n".join(BLOCK.findall(text)).replace("\\\n", " ")
    return BLOCK.sub("", text), commands


def list_links(page) -> list[str]:
    """What a page links to and shows."""
    text, _ = read(page)
    return re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)


def list_anchors(page) -> set[str]:
    """How the headings of a page can be linked to, as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", read(page)[0], re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    for link in list_links(page):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in list_anchors(target), link


def test_every_page_is_there_in_both_languages():
    english = {page.name for page in (ROOT / "docs").glob("*.md")}
    chinese = {page.name for page in (ROOT / "docs/zh").glob("*.md")}
    assert english - {BOTH} == chinese - {BESIDE}


@pytest.mark.parametrize(
    ("readme", "folder"), [(READMES[0], "docs"), (READMES[1], "docs/zh")]
)
def test_every_page_is_linked_from_the_readme(readme, folder):
    links = {(ROOT / link).resolve() for link in list_links(ROOT / readme)}
    assert set((ROOT / folder).glob("*.md")) <= links


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_lessons_that_are_named_exist(page):
    text = page.read_text(encoding="utf-8")
    lessons = {lesson.path.stem for lesson in find_lessons()}
    assert set(re.findall(r"\bcourse_\d+_\w+", text)) <= lessons


def test_every_lesson_has_a_word_in_the_glossary():
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    for lesson in find_lessons():
        assert f"[{lesson.path.stem}]" in text


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_flags_of_lessons_are_right(page):
    _, commands = read(page)
    for path, words in re.findall(r"python (\S*course_\w+)\.py(.*)", commands):
        lesson = importlib.import_module(path.replace("/", "."))
        flags = [word for word in shlex.split(words, comments=True) if word != "--help"]
        command_line.parse(lesson.Config, flags, path, None)


def test_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation)
    for name in ("version", "license"):
        assert citation[name] == project[name]
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    versions = re.findall(r"^## ([\d.]+) \(\d{4}-\d\d-\d\d\)$", changes, re.MULTILINE)
    assert versions[0] == project["version"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site that `make docs` builds; it refuses Markdown's links to nowhere."""
    pytest.importorskip("material", reason="needs the extra docs")
    folder = tmp_path_factory.mktemp("site")
    process = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    assert process.returncode == 0, process.stderr
    return folder


def test_site_has_a_page_for_each_lesson(site):
    for lesson in find_lessons():
        for folder in ("lessons", "zh/lessons"):
            text = (site / folder / f"{lesson.path.stem}.html").read_text("utf-8")
            assert lesson.command in text
            first = measurements.find_first_try(lesson.path)
            assert f"{lesson.command} {first.flags}" in text
            screen = tables.find_picture(lesson, tables.SCREENS)
            assert screen is None or f"tensorboard/{screen.name}" in text


def test_chinese_pages_of_the_site_have_chinese_menus(site):
    for folder, words, others in (
        (site, "Table of contents", "目录"),
        (site / "zh", "目录", "Table of contents"),
    ):
        for page in ("index", "gallery", "lessons/course_2_mlp"):
            text = (folder / f"{page}.html").read_text("utf-8")
            assert words in text
            assert others not in text
            lang, title = re.search(
                r'<html lang="(\w+)".*<title>(.*?)<', text, re.S
            ).groups()
            assert lang == ("zh" if folder.name == "zh" else "en")
            assert bool(re.search(WIDE, title)) == (folder.name == "zh")


def test_chinese_sentences_have_no_spaces(site):
    """Browsers show the end of a line as a space, also those of the README."""
    text, _ = read(ROOT / "README.zh-CN.md")
    paragraphs = [part for part in text.split("\n\n") if not part.startswith("|")]
    for page in (site / "zh").rglob("*.html"):
        paragraphs += re.findall("<p>.*?</p>", page.read_text("utf-8"), re.DOTALL)
    assert not [part for part in paragraphs if re.search(rf"{WIDE}\s{WIDE}", part)]


def test_site_links_to_its_own_pages_and_pictures(site):
    pages = {
        path: path.read_text(encoding="utf-8")
        for path in site.rglob("*.html")
        if path.name != "404.html"  # its addresses begin at the root of a host
    }
    for page, text in pages.items():
        for link in re.findall(r'(?:src|href)="([^"]+)"', text):
            if re.match(r"https?:|data:", link):
                continue
            path, _, anchor = unquote(link).partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), f"{page.relative_to(site)}: {link}"
            if anchor and target in pages:
                assert f'id="{anchor}"' in pages[target], link


def test_site_needs_no_other_host(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|link|img|iframe)\b[^>]*"https?://[^"]+', text)
        assert not loaded
