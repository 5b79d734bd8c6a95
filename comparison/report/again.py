"""An earlier run as a page, or its figures as files for slides."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from comparison import results

WORDLESS = "the PNGs have no words, for no font was found: install one, or use the SVGs"


def write(folders: Sequence[Path] | None, options: Namespace, console: Console) -> None:
    """Write `--html FILE` and `--plot DIR` of one run, or the page of two.

    Raises
    ------
    ValueError
        There is no --show, too many runs, or a package is missing.
    OSError
        A file cannot be read or written.
    """
    given = "--html" if options.html else "--plot"
    if not folders:
        raise ValueError(f"{given} needs --show DIR: which run?")
    if len(folders) > 2:
        raise ValueError("--show takes one folder, or two.")
    if options.plot and len(folders) > 1:
        raise ValueError("--plot takes one run: give --show one folder.")
    runs = [results.read(folder) for folder in folders]
    try:
        from comparison.report.page import write as page
    except ModuleNotFoundError as missing:
        raise ValueError(
            f"{given} needs the package {missing.name}: pip install {missing.name}"
        ) from None
    written = []
    if options.html:
        text = page.page(runs, folders, options.language)
        results.write_text(options.html, text)
        written.append(options.html)
    if options.plot:
        written += page.plot(runs[0], options.plot, options.language)
        if not page.has_font():
            print(WORDLESS, file=sys.stderr)
    for file in written:
        console.print(str(file), highlight=False, markup=False)
