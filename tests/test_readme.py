"""The two READMEs say the same, and nothing in them leads nowhere."""

import re

import pytest

from comparison import results
from comparison.counting.code_length import ROOT

ENGLISH, CHINESE = (ROOT / name for name in ("README.md", "README.zh-CN.md"))
PAGES = [
    ENGLISH,
    CHINESE,
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
KEPT = sorted((ROOT / "docs" / "results").glob("*.json"))


def texts():
    return [page.read_text("utf-8") for page in (ENGLISH, CHINESE)]


def headings(text):
    return re.findall(r"^(#+) ", text, re.MULTILINE)


def code(text):
    """The lines of all code blocks, without comments and what a tree says."""
    blocks = re.findall(r"```(?:python)?\n(.*?)```", text, re.DOTALL)
    lines = [line.partition("#")[0].rstrip() for b in blocks for line in b.split("\n")]
    return [re.sub(r"  +\S.*", "", line) if line[:1] != " " else line for line in lines]


def test_they_have_the_same_structure():
    english, chinese = texts()
    assert headings(english) == headings(chinese)
    assert len(headings(english)) > 7


def test_they_have_the_same_commands_and_code():
    english, chinese = map(code, texts())
    ours = [
        [line for line in lines if not line[:6].isspace()]
        for lines in (english, chinese)
    ]
    assert ours[0] == ours[1]
    assert "make compare" in ours[0]


def test_they_have_the_same_tables():
    numbers = [re.findall(r"^\| (\w+_CNN .*)$", text, re.MULTILINE) for text in texts()]
    assert numbers[0] == numbers[1]
    assert len(numbers[0]) == 4


def test_they_link_to_the_same_places():
    english, chinese = (set(re.findall(r"\]\(([\w./-]+)\)", text)) for text in texts())
    same = {link.replace(".zh-CN", "") for link in chinese}
    assert english ^ same <= {"README.md", "README.zh-CN.md"} | {"docs/networks.md"}


def test_they_name_the_same_networks():
    lines = [re.findall(r"^- \[.*", text, re.MULTILINE) for text in texts()]
    named = [[re.findall(r"\(.*?\)|`\w+`", line) for line in each] for each in lines]
    assert named[0] == named[1]
    assert len(named[0]) == 11


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text("utf-8")
    for link, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(#[^)]*)?\)", text):
        target = page.parent / link if link else page
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            heads = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.MULTILINE)
            slugs = {
                re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-")
                for h in heads
            }
            assert anchor[1:] in slugs, anchor


def test_pictures_are_there():
    for text in texts():
        names = re.findall(r'(?:src(?:set)?="|!\[[^]]+\]\()([^")]+)', text)
        assert len(names) == 3
        assert all((ROOT / name).is_file() for name in names)


def test_usage_is_on_the_first_screen():
    lines = ENGLISH.read_text("utf-8").split("\n")
    assert next(n for n, line in enumerate(lines) if "make compare" in line) < 25


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept.name)
def test_results_that_are_kept_can_be_shown(kept):
    """Each is whole, is named by a page, and says nothing of where it was made."""
    run = results.read(kept)
    assert run["sameness"]["passed"]
    assert {trial["status"] for trial in run["trials"]} == {"ok"}
    assert any(f"docs/results/{kept.name}" in p.read_text("utf-8") for p in PAGES)
    assert not re.search(r'[" =]/\w', kept.read_text("utf-8")), "a path of a machine"
