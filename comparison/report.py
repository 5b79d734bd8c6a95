"""What a person reads after a run: the table, and the same table in README.md."""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from comparison import code_length, results
from models import MODELS

COLUMNS = (
    "model",
    "test acc.",
    "train img/s",
    "fit s",
    "step 1 s",
    "predict img/s",
    "peak MB",
    "lines",
    "+ own",
)


def rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Return the table's cells, one row a model; a failed model says why."""
    table = []
    for model, row in found["summary"].items():
        lengths = found["code"]["classes"][model]
        lines = [str(lengths[kind]["lines"]) for kind in ("class", "with_private")]
        name = MODELS[model].__name__
        if not row["trials"]:
            table.append([name, row["error"], *[""] * 5, *lines])
            continue
        accuracy = row["test_accuracy"]
        table.append(
            [
                name,
                f"{accuracy['median']:.2%} ±{_half_range(accuracy):.2%}",
                f"{row['train_images_per_second']['median']:,.0f}",
                f"{row['fit_seconds']['median']:.2f}",
                f"{row['first_step_seconds']['median']:.2f}",
                f"{row['predict_images_per_second']['median']:,.0f}",
                f"{row['peak_memory_bytes']['median'] / 1e6:,.0f}",
                *lines,
            ]
        )
    return table


def conditions(found: Mapping[str, Any]) -> str:
    """Return the conditions under which the numbers hold, in a few sentences."""
    data, settings = found["dataset"], found["settings"]
    env = found["environment"]
    packages = [f"{name} {v}" for name, v in env["packages"].items() if v]
    shape = "x".join(map(str, data["image_shape"]))
    return (
        f"{data['name']} ({data['train']:,} images {shape} for training, "
        f"{data['test']:,} for testing); filters {_list(settings['filters'])}, hidden "
        f"units {_list(settings['hidden_units'])}, {settings['epochs']} epochs, batch "
        f"{settings['batch_size']}, learning rate {settings['learning_rate']:g}, "
        f"momentum {settings['momentum']:g}, {settings['init']} initial weights; "
        f"{settings['seeds']} seeds: median ± half the range. {env['cpu']}, "
        f"{env['threads']} threads, device {settings['device']}, "
        f"Python {env['python']}, {', '.join(packages)}. train img/s: all epochs but "
        "the first. lines: of the class; + own: with the files that only it uses."
    )


def training(found: Mapping[str, Any]) -> str:
    """Return each model's accuracy on the training images, after training."""
    rows = found["summary"].items()
    finished = {m: row["train_accuracy"]["median"] for m, row in rows if row["trials"]}
    return ", ".join(f"{model} {value:.2%}" for model, value in finished.items())


def proof(found: Mapping[str, Any]) -> tuple[bool, str]:
    """Return whether the models are one network, and the sentence that says so."""
    same = found["sameness"]
    if same["passed"]:
        return True, (
            "proved to be one network, in float64: outputs within "
            f"{_number(same['logits_max_abs'])}, gradients within "
            f"{_number(same['gradient_max_rel'])}, losses of {same['steps']} steps "
            f"within {_number(same['loss_max_rel'])}"
        )
    reasons = []
    for model, verdict in same["models"].items():
        if verdict["passed"] is False:
            measured = {n: verdict[n] for n in same["limits"] if n in verdict}
            off = [f"{n} {x:.0e}" for n, x in measured.items() if x > same["limits"][n]]
            reasons.append(f"{model}: {verdict.get('error') or ', '.join(off)}")
    return False, f"NOT ONE NETWORK, so not a comparison: {'; '.join(reasons)}"


def show(found: Mapping[str, Any], console: Console) -> None:
    """Print the table, its conditions and the proof."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column in COLUMNS:
        first = column == "model"
        table.add_column(column, justify="left" if first else "right", no_wrap=first)
    for row in rows(found):
        table.add_row(*row)
    console.print(table)
    console.print(conditions(found), highlight=False)
    console.print(f"training accuracy: {training(found)}", highlight=False)
    passed, sentence = proof(found)
    console.print(sentence, style="green" if passed else "bold red", highlight=False)
    for model, row in found["summary"].items():
        if row["error"]:
            console.print(f"{model}: {row['error']}", style="red", highlight=False)
    if found["note"]:
        console.print(found["note"], style="bold yellow", highlight=False)


def markdown(found: Mapping[str, Any]) -> str:
    """Return the table, its conditions and the proof, for README.md."""
    sentences = f"Training accuracy: {training(found)}. {proof(found)[1].capitalize()}."
    return f"{_table(COLUMNS, rows(found))}\n\n{conditions(found)} {sentences}"


def markdown_count() -> str:
    """Return how long the classes are, now."""
    classes = code_length.count_classes(
        code_length.ROOT / "models.py",
        {name: Model.__name__ for name, Model in MODELS.items()},
    )
    methods = ["build", "forward", "train_step", "fit_loop", "predict_logits"]
    header = ["class", "lines", "statements", "tokens", "gzip bytes", *methods]
    header.append("with its own files")
    lines = []
    for name, counts in classes.items():
        alone = counts["class"].values()
        parts = [counts["methods"].get(method, {"lines": 0}) for method in methods]
        files = ", ".join(counts["private_files"]) or "none"
        lines.append(
            [
                MODELS[name].__name__,
                *map(str, alone),
                *(str(part["lines"]) for part in parts),
                f"{counts['with_private']['lines']} ({files})",
            ]
        )
    definition = f"Definition {code_length.VERSION}: {code_length.DEFINITION}."
    return f"{_table(header, lines)}\n\n{definition}"


def replace_block(text: str, name: str, block: str) -> str:
    """Return `text` with a new block between <!-- name --> and <!-- /name -->.

    Raises
    ------
    ValueError
        The text has no such marks.
    """
    pattern = rf"(<!-- {re.escape(name)} -->\n).*?(<!-- /{re.escape(name)} -->)"
    text, found = re.subn(
        pattern, lambda m: f"{m[1]}{block}\n{m[2]}", text, count=1, flags=re.DOTALL
    )
    if not found:
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
    text = replace_block(text, "table:count", markdown_count())
    for run in arguments.runs:
        name, _, folder = run.partition("=")
        block = markdown(results.read(Path(folder)))
        text = replace_block(text, f"table:{name}", block)
    arguments.readme.write_text(text, "utf-8")


def _table(header: Any, lines: list[list[str]]) -> str:
    ruler = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, ruler, *lines])


def _half_range(spread: Mapping[str, float]) -> float:
    return (spread["max"] - spread["min"]) / 2


def _list(sizes: list[int]) -> str:
    return ", ".join(map(str, sizes)) or "none"


def _number(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.0e}"


if __name__ == "__main__":
    main()
