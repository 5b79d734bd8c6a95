"""What commands write into README.md and docs/results.md, each between two marks."""

import argparse
import re
from pathlib import Path

import networks
from comparison import records, results
from comparison.contestants import find_all
from comparison.counting.classes import count_all
from comparison.counting.private_code import source
from comparison.report import outputs, sentences, tables
from comparison.report.page.words import Words
from comparison.report.page.write import proof
from models import MODELS

COUNTS = {  # a block's name -> the preset of a page, and the models that are counted
    "table:count": ("seed", [*MODELS, "skylark:plain", "skylark:loops"]),
    "table:count-resnet": ("resnet8", list(MODELS)),
}
FIRST = {  # the columns of README's one table, by their heads in the others
    "test acc.": "test_accuracy",
    "train img/s": "train_speed",
    "ratio": "ratio",
    "import s": "import",
    "peak MB": "memory",
    "lines": "lines",
    "+ own": "with_own",
}
STAR = rf"\{tables.MARK}"
WITHOUT_STEP = "# none: `compile` has put it together, and `fit` calls it"


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


def markdown_steps() -> str:
    """Return `train_step` of the four classes side by side, as models.py has it now."""
    cells = []
    for contestant in find_all(list(MODELS), MODELS):
        code = source(contestant.file, contestant.class_name).methods.get("train_step")
        text = "\n\n".join(code) if code else WITHOUT_STEP
        cells.append((contestant.class_name, f"```python\n{text}\n```"))
    rows = []
    for pair in (cells[:2], cells[2:]):
        rows.append(_row("th", [f"<code>{name}</code>" for name, _ in pair]))
        rows.append(_row("td", [f"\n\n{code}\n\n" for _, code in pair]))
    return "<table>\n" + "\n".join(rows) + "\n</table>"


def _row(tag: str, cells: list[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>"


def markdown_networks() -> str:
    """Return a line for each page of networks: what it is, and its presets."""
    lines = ["- [The small CNN](models.py): convolution, ReLU, pool; `seed`, `small`"]
    for page in networks.PAGES:
        name, _, idea = (page.__doc__ or "").split("\n")[0].partition(": ")
        file = f"{page.__name__.replace('.', '/')}.py"
        presets = ", ".join(f"`{preset}`" for preset in page.PRESETS)
        lines.append(f"- [{name}]({file}): {idea.rstrip('.')}; {presets}")
    return "\n".join(lines)


def markdown_first(run: records.Run, language: str) -> str:
    """Return the proof in one line, and one small table: medians alone."""
    words = Words(language)
    fast, dear = tables.speed(run), tables.cost(run)
    header = [words["model"], *(words[f"col_{key}"] for key in FIRST.values())]
    lines = [header, ["---", *["---:"] * len(FIRST)]]
    for quick, cost in zip(fast.rows, dear.rows, strict=True):
        found = dict(zip(dear.header, cost, strict=True))
        found |= dict(zip(reversed(fast.header), reversed(quick), strict=True))
        cells = [found[head] for head in FIRST]
        marked = [f"{cell.text}{STAR * cell.differs}" for cell in cells]
        lines.append([quick[0].text, *marked])
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    settings, data = run["settings"], run["dataset"]
    caption = words["first_caption"].format(
        dataset=data["name"],
        train=f"{data['train']:,}",
        epochs=settings["epochs"],
        seeds=settings["seeds"],
        cpu=run["environment"]["cpu"],
        threads=settings["threads"],
        base=run["contestants"][settings["reference"]]["title"],
    )
    if STAR in table:
        caption += f" {STAR} {words['marked']}{words['full_stop']}"
    return f"{proof(run, words)[1]}\n\n{table}\n\n{caption}"


WRITTEN = {"train-steps": markdown_steps, "networks": markdown_networks}


def fresh(text: str) -> str:
    """Return a text with all the blocks in it that need no run, as they are now."""
    for name, write in WRITTEN.items():
        if f"<!-- {name} -->" in text:
            text = replace_block(text, name, write())
    for name in COUNTS:
        if f"<!-- {name} -->" in text:
            text = replace_block(text, name, markdown_count(name))
    return text


def main() -> None:
    """Write the blocks of a page."""
    parser = argparse.ArgumentParser(prog="python -m comparison.report")
    parser.description = "Write code, counts and tables of runs into a page."
    parser.add_argument("page", type=Path)
    parser.add_argument(
        "runs", nargs="*", metavar="NAME=DIR", help="put a run's table into block NAME"
    )
    arguments = parser.parse_args()
    text = fresh(arguments.page.read_text("utf-8"))
    for given in arguments.runs:
        name, _, folder = given.partition("=")
        run = results.read(Path(folder))
        language = "zh" if name.endswith("-zh") else "en"
        first = name.startswith("first")
        block = markdown_first(run, language) if first else outputs.markdown(run)
        text = replace_block(text, f"table:{name}", block)
    arguments.page.write_text(text, "utf-8")
