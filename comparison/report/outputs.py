"""The same tables as files: Markdown, CSV, LaTeX, and a BibTeX entry to cite."""

import csv
import io
import re
from pathlib import Path
from typing import Any

from comparison import records, results
from comparison.report import sentences, tables
from comparison.report.tables import Cell, Table
from comparison.statistics.summary import MEASURES, SPEEDS
from data.text import printable


def write(run: records.Run, folder: Path, language: str) -> str | None:
    """Write the tables, citation.bib and report.html beside results.json.

    Returns
    -------
    str or None
        Why there is no report.html, if a package that it takes is missing.
    """
    results.write_text(folder / "table.md", markdown(run) + "\n")
    results.write_text(folder / "table.csv", comma_separated(run))
    results.write_text(folder / "table.tex", latex(run))
    results.write_text(folder / "citation.bib", bibtex(run))
    try:
        from comparison.report.page import write as page
    except ModuleNotFoundError as missing:
        return f"no {results.PAGE} without the package {missing.name}."
    results.write_text(folder / results.PAGE, page.page([run], [folder], language))
    return None


def markdown(run: records.Run) -> str:
    """Return the proof, the tables with intervals, and their conditions."""
    said = [
        f"- {_markdown(label)}: {_markdown(text)}"
        for label, text in sentences.conditions(run).items()
    ]
    parts = [
        f"{_capital(_markdown(sentences.proof(run)[1]))}.",
        *(
            markdown_table(table)
            for table in (tables.speed(run), tables.by_kind(run), tables.cost(run))
            if table
        ),
        "Medians, in brackets a 95 % interval, in parentheses smallest and largest.",
        "\n".join(said),
        *(f"- **{_markdown(problem)}**" for problem in sentences.problems(run)),
    ]
    return "\n\n".join(parts)


def markdown_table(table: Table) -> str:
    """Return a table in Markdown."""
    ruler = ["---", *["---:"] * (len(table.header) - 1)]
    rows = [[_markdown_cell(cell) for cell in row] for row in table.rows]
    lines = [table.header, ruler, *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def comma_separated(run: records.Run) -> str:
    """Return one line a model: each measure's median and interval, unrounded.

    Without an interval, for too few seeds, low and high are empty.
    """
    settings = run["settings"]
    lines = []
    for model, row in run["summary"].items():
        contestant = run["contestants"][model]
        counts = run["code"]["classes"][model]
        line = {
            "model": model,
            "title": contestant["title"],
            "different": contestant["different"],
            "as_written": contestant["as_written"],
            "trials": row["trials"],
            "error": row["error"] or "",
            "reference": settings["reference"],
        }
        for name in MEASURES:
            line |= _spread(name, row.get(name))
        for name in SPEEDS:
            ratio = row["ratios"].get(name)
            line |= _spread(f"{name}_ratio", ratio)
            line[f"{name}_differs"] = ratio["differs"] if ratio else ""
        for kind in ("class", "with_private"):
            line |= {f"{kind}_{name}": n for name, n in counts[kind].items()}
        lines.append(line)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]) if lines else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def latex(run: records.Run) -> str:
    """Return a table of two tabulars and a note, which fits a page of `article`.

    It needs the packages array and booktabs. Intervals are in table.md and table.csv.
    """
    notes = [
        rf"\textit{{{_latex(label)}:}} {_latex(text)}."
        for label, text in sentences.conditions(run).items()
    ]
    notes += [f"{_latex(problem)}." for problem in sentences.problems(run)]
    about = f"{run['dataset']['name']}. {_capital(sentences.proof(run)[1])}"
    return "\n".join(
        [
            r"% \usepackage{array,booktabs}",
            r"\begin{table}",
            r"\centering\footnotesize",
            rf"\caption{{One network in {len(run['summary'])} classes, on "
            rf"{_latex(printable(about))}.}}",
            r"\label{tab:skylark}",
            r"\setlength{\tabcolsep}{4pt}",
            _tabular(tables.speed(run)),
            r"\par\medskip",
            _tabular(tables.cost(run)),
            r"\par\medskip",
            r"\begin{minipage}{\linewidth}\raggedright\scriptsize",
            "\n".join(notes),
            r"\end{minipage}",
            r"\end{table}",
            "",
        ]
    )


def bibtex(run: records.Run) -> str:
    """Return an entry with version, date, and what was counted by which definition."""
    date, code = run["started"][:10], run["code"]
    lengths = ", ".join(
        f"{run['contestants'][model]['title']} {counts['class']['lines']}"
        for model, counts in code["classes"].items()
    )
    note = f"Lines of code by definition {code['version']}: {lengths}"
    fields = {
        "title": "{Skylark}: one convolutional network in four frameworks",
        "author": "{The Skylark authors}",
        "version": run["version"],
        "year": date[:4],
        "date": date,
        "note": _latex(note),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join(["@software{skylark,", *lines, "}", ""])


def _spread(name: str, spread: records.Spread | None) -> dict[str, Any]:
    low, high = (spread and spread["interval"]) or ("", "")
    return {
        name: spread["median"] if spread else "",
        f"{name}_low": low,
        f"{name}_high": high,
    }


def _markdown_cell(cell: Cell) -> str:
    text = _markdown(str(cell))
    return f"**{text}** {_markdown(tables.MARK)}" if cell.differs else text


def _markdown(text: str) -> str:
    """Return text in one line, in which Markdown sees no marks and no HTML."""
    return re.sub(r"([\\|`*<>\[\]])", r"\\\1", printable(text, sentences.LONGEST))


def _tabular(table: Table) -> str:
    rows = [
        [_latex_name(name), *map(_latex_cell, numbers)] for name, *numbers in table.rows
    ]
    header = [_latex(name) for name in table.header]
    return "\n".join(
        [
            # a long name takes several lines, where a wide table would leave the page
            r"\begin{tabular}{>{\raggedright\arraybackslash}p{0.22\linewidth}"
            + "r" * (len(header) - 1)
            + "}",
            r"\toprule",
            rf"{' & '.join(header)} \\",
            r"\midrule",
            *(rf"{' & '.join(row)} \\" for row in rows),
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def _latex_name(cell: Cell) -> str:
    """Return a name that may go on in the next line after a dot, as in a module's."""
    return re.sub(r"([.:]|\\_)", r"\1\\allowbreak{}", _latex(str(cell)))


def _latex_cell(cell: Cell) -> str:
    text = _latex(cell.text)
    return rf"\textbf{{{text}}}\rlap{{{tables.MARK}}}" if cell.differs else text


def _latex(text: str) -> str:
    """Return text in one line, in which LaTeX sees no commands."""
    text = printable(text, sentences.LONGEST)
    special = {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
    }
    return re.sub(r"[\\~^<>&%$#_{}]", lambda m: special.get(m[0], rf"\{m[0]}"), text)


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
