"""The pages about networks show what the code says now."""

import xml.etree.ElementTree as ElementTree

import networks
from benchmarks import families
from comparison.counting.code_length import ROOT
from comparison.report.outputs import markdown_table
from comparison.report.readme import replace_block
from docs import draw_blocks


def test_blocks_are_drawn_as_they_are():
    drawn = {draw_blocks.family(preset) for preset in draw_blocks.SHOWN}
    assert drawn == {page.MODELS["skylark"].family for page in networks.PAGES}
    for preset, points in draw_blocks.SHOWN.items():
        path = draw_blocks.FOLDER / f"{draw_blocks.family(preset)}.svg"
        picture = draw_blocks.page(preset, points)
        assert path.read_text("utf-8") == picture, "python -m docs.draw_blocks"
        ElementTree.fromstring(picture)


def test_tables_of_sizes_and_lengths_are_of_today():
    tables = {"sizes": families.sizes(), "lengths": families.lengths()}
    for name in ("networks.md", "networks.zh-CN.md"):
        text = (ROOT / "docs" / name).read_text("utf-8")
        for block, table in tables.items():
            again = replace_block(text, f"table:{block}", markdown_table(table))
            assert again == text, "python -m benchmarks.families --pages docs/networks*"


def test_every_preset_has_its_place_on_the_page():
    for name in ("networks.md", "networks.zh-CN.md"):
        text = (ROOT / "docs" / name).read_text("utf-8")
        for page in networks.PAGES:
            assert all(f"`{preset}`" in text for preset in page.PRESETS)
            assert f"blocks/{page.MODELS['skylark'].family}.svg" in text
