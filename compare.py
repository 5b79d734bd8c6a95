#!/usr/bin/env python3
"""Train the same network in every framework, and print what differs.

Options in, `comparison/` called, table out.
"""

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036, this is where an older one ends
    sys.exit("compare.py needs Python 3.11 or newer.")

from rich.console import Console

from comparison import command_line, plan, records, results, runner
from comparison.report import outputs, terminal
from comparison.report.live import Live

DONE, SOME_FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the options ask for, and return the exit code."""
    options = command_line.parser().parse_args(arguments)
    console = Console()
    try:
        if options.show:
            terminal.show_again(options.show, console)
            return DONE
        if options.count_only:
            terminal.show_count(plan.contestants_of(options), console)
            return DONE
        return compare(options, console)
    except (ValueError, OSError) as error:
        print(f"compare.py: {reason(error)}", file=sys.stderr)
        return WRONG_USE
    except KeyboardInterrupt:
        print("\nstopped before the first trial.", file=sys.stderr)
        return INTERRUPTED


def compare(options: Namespace, console: Console) -> int:
    """Begin a run, or go on with one; ValueError or OSError for what cannot be."""
    if options.resume:
        planned = plan.go_on(options, results.read(options.resume))
    else:
        planned = plan.begin(options)
    if planned.note:
        terminal.warn(planned.note, console)
    run = runner.start(planned)
    folder = options.out or options.resume or results.new_folder(Path("runs"))
    with results.locked(folder):
        if options.resume:
            run = runner.go_on(results.read(folder), run)
        elif (folder / results.FILE).exists():
            raise ValueError(f"{folder} holds a run: name another, or --resume it.")
        results.write(folder, run)
        live = Live(console, runner.epochs_left(run), options.quiet)
        return finish(planned, run, folder, live, options.trial_timeout)


def finish(
    planned: plan.Plan,
    run: records.Run,
    folder: Path,
    live: Live,
    timeout: float | None,
) -> int:
    """Run what is missing, and print the tables; finished trials are never lost."""
    again = f"finished trials are kept; go on with: --resume {folder}"
    try:
        runner.complete(run, planned, folder, live, timeout)
        outputs.write(run, folder)
    except KeyboardInterrupt:
        print(f"\nstopped; {again}", file=sys.stderr)
        return INTERRUPTED
    except (OSError, RuntimeError) as error:
        print(f"compare.py: {reason(error)}; {again}", file=sys.stderr)
        return SOME_FAILED
    terminal.show(run, live.console)
    if not live.quiet:
        live.console.print(f"{folder / results.FILE}", highlight=False, markup=False)
    failed = [trial for trial in run["trials"] if trial["status"] == "failed"]
    return SOME_FAILED if failed else DONE


def reason(error: Exception) -> str:
    """Return an error's sentence, a file's name before the system's words."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'the system'}: {error.strerror}"
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
