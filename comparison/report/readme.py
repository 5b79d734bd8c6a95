"""The tables of README.md, each between two marks in its text."""

import argparse
import re
from pathlib import Path

import networks
from comparison import results
from comparison.contestants import find_all
from comparison.counting.classes import count_all
from comparison.report import outputs, sentences, tables
from models import MODELS

COUNTS = {  # a block's name -> the preset of a page, and the models that are counted
    "table:count": ("seed", [*MODELS, "skylark:plain", "skylark:loops"]),
    "table:count-resnet": ("resnet8", list(MODELS)),
}


def markdown_count(block: str) -> str:
    """Return how long the classes of a page are, now, for a block of README.md."""
    preset, models = COUNTS[block]
    classes, _ = networks.load(preset)
    contestants = find_all(models, classes)
    code = count_all(contestants)
    titles = {contestant.name: contestant.title for contestant in contestants}
    table = outputs.markdown_table(tables.count(code, titles))
    return f"{table}\n\n{sentences.count(code, titles)}"


def replace_block(text: str, name: str, block: str) -> str:
    """Return `text` with a new block between <!-- name --> and <!-- /name -->.

    Raises
    ------
    ValueError
        The text has no such marks.
    """
    pattern = rf"(<!-- {re.escape(name)} -->\n).*?(<!-- /{re.escape(name)} -->)"
    text, blocks = re.subn(
        pattern, lambda m: f"{m[1]}{block}\n{m[2]}", text, count=1, flags=re.DOTALL
    )
    if not blocks:
        raise ValueError(f"there is no block <!-- {name} --> ... <!-- /{name} -->.")
    return text


def main() -> None:
    """Write README.md's tables."""
    parser = argparse.ArgumentParser(prog="python -m comparison.report")
    parser.description = "Write the counts, and the tables of runs, into a README."
    parser.add_argument("readme", type=Path)
    parser.add_argument(
        "runs", nargs="*", metavar="NAME=DIR", help="put DIR's table into block NAME"
    )
    arguments = parser.parse_args()
    text = arguments.readme.read_text("utf-8")
    for block in COUNTS:
        text = replace_block(text, block, markdown_count(block))
    for run in arguments.runs:
        name, _, folder = run.partition("=")
        block = outputs.markdown(results.read(Path(folder)))
        text = replace_block(text, f"table:{name}", block)
    arguments.readme.write_text(text, "utf-8")
