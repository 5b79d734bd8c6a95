"""report.html in real Chromium: by mouse, by keyboard, at every width, in the dark."""

import json
import shutil
import subprocess

import pytest

from comparison.counting.code_length import ROOT
from comparison.report.page import write
from tests.comparison.test_page import folder, four  # noqa: F401, they are fixtures

BROWSER = ROOT / "tests" / "browser"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = {"en": (375, 768, 1280, 1920), "zh": (375,)}  # pixels


@pytest.fixture(scope="module", params=["en", "zh"])
def seen(request, four, folder, tmp_path_factory):  # noqa: F811
    """What a reader meets on the page of a run."""
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if not (chromium and shutil.which("node") and shutil.which("npm")):
        pytest.skip("Chromium, Node or npm is not installed")
    place = tmp_path_factory.mktemp("browser")
    for name in ("package.json", "look.js"):
        shutil.copy(BROWSER / name, place)
    install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"]
    done = subprocess.run(install, cwd=place, capture_output=True, timeout=120)
    if done.returncode:
        pytest.skip("npm cannot install axe-core and playwright-core")
    page = place / "report.html"
    page.write_text(write.page([four], [folder], request.param), "utf-8")
    done = subprocess.run(
        ["node", "look.js", chromium, page, *map(str, WIDTHS[request.param])],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_loads_without_a_word_and_asks_for_nothing(seen):
    assert seen["console"] == []
    assert seen["requests"] == []


def test_it_never_scrolls_sideways(seen):
    assert seen["overflow"] == []


def test_axe_finds_nothing(seen):
    """Contrast, names, landmarks, headings: light and dark."""
    assert seen["violations"] == []


def test_tabs_work_by_mouse_and_keyboard(seen):
    assert seen["first"] == [True, False, False, False]
    assert seen["clicked"] == [False, True, False, False]
    assert seen["arrow"] == [False, False, True, False]


def test_own_code_opens_in_place(seen):
    assert seen["own"] == [False, True]


def test_one_class_is_pointed_out(seen):
    before, during, after = seen["faint"]
    assert before == after == 0
    assert during > 20


def test_without_scripts_it_can_be_read(seen):
    assert seen["without"] == 9
    assert seen["buttons"] == 0
