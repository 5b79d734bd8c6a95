#!/usr/bin/env python3
"""Train the same network in every framework, and print what differs.

Options in, `comparison/` called, table out.
"""

import os
import signal
import sys
from argparse import Namespace
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036, this is where an older one ends
    sys.exit("compare.py needs Python 3.11 or newer.")

from rich.console import Console

from comparison import (
    command_line,
    executors,
    network,
    plan,
    records,
    results,
    runner,
    series,
    sweep,
)
from comparison.report import again, outputs, terminal
from comparison.report.live import Live

DONE, SOME_FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


class Stopped(KeyboardInterrupt):
    """The system asks for an end, as Ctrl-C does; `exit_code` says which signal."""

    exit_code = INTERRUPTED


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the options ask for, and return the exit code."""
    options = command_line.parser().parse_args(arguments)
    console = Console()
    try:
        if options.html or options.plot:
            again.write(options.show, options, console)
            return DONE
        if options.show:
            terminal.show_again(options.show, console, options.intervals)
            return DONE
        points = sweep.points(options)
        if options.count_only or options.explain:
            for point in points:
                explain(point, console)
            return DONE
        if len(points) > 1 or series.is_one(options.resume):
            return compare_all(points, options, console)
        return compare(points[0], console)
    except (ValueError, OSError) as error:
        print(f"compare.py: {reason(error)}", file=sys.stderr)
        return WRONG_USE
    except KeyboardInterrupt as stopped:
        print("\nstopped before the first trial.", file=sys.stderr)
        return getattr(stopped, "exit_code", INTERRUPTED)


def explain(options: Namespace, console: Console) -> None:
    """Print how long the classes are, or what the network consists of."""
    if options.count_only:
        terminal.show_count(plan.contestants_of(options), console)
    else:
        terminal.show_network(network.choose(options), console)


def compare_all(points: list[Namespace], options: Namespace, console: Console) -> int:
    """Begin a sweep, or go on with one: each run after the other, and one table."""
    folder = options.out or options.resume or results.new_folder(Path("runs"))
    with results.locked(folder):
        if not options.resume:
            sweep.begin(points, folder)
        codes = []
        for name in series.names(folder):
            if not options.quiet:
                terminal.say(f"{folder / name}", console)
            run_options = sweep.resumed(options, folder / name)
            codes.append(compare(run_options, console, tables=False))
            if codes[-1] not in (DONE, SOME_FAILED):
                print(f"go on with all of it: --resume {folder}", file=sys.stderr)
                return codes[-1]
        terminal.show_sweep(folder, console, options)
        return max(codes)


def compare(options: Namespace, console: Console, *, tables: bool = True) -> int:
    """Begin a run, or go on with one; ValueError or OSError for what cannot be."""
    if options.resume:
        planned = plan.go_on(options, results.read(options.resume))
    else:
        planned = plan.begin(options)
    if planned.note:
        terminal.warn(planned.note, console)
    run = runner.start(planned)
    folder = options.out or options.resume or results.new_folder(Path("runs"))
    try:
        with (
            executors.opened(options.executor, folder) as executor,
            results.locked(folder),
        ):
            if options.resume:
                run = runner.go_on(results.read(folder), run)
            elif (folder / results.FILE).exists():
                raise ValueError(f"{folder} holds a run: name another, or --resume it.")
            results.write(folder, run)
            live = Live(console, runner.epochs_left(run), options.quiet)
            return finish(planned, run, folder, live, executor, options, tables)
    finally:
        with suppress(OSError):
            folder.rmdir()  # where nothing was written


def finish(
    planned: plan.Plan,
    run: records.Run,
    folder: Path,
    live: Live,
    executor: Executor | None,
    options: Namespace,
    tables: bool,
) -> int:
    """Run what is missing, and print the tables; finished trials are never lost."""
    go_on = f"finished trials are kept; go on with: --resume {folder}"
    try:
        timeout = options.trial_timeout
        runner.complete(run, planned, folder, live, timeout, executor)
        unwritten = outputs.write(run, folder, options.language)
    except KeyboardInterrupt as stopped:
        print(f"\nstopped; {go_on}", file=sys.stderr)
        return getattr(stopped, "exit_code", INTERRUPTED)
    except OSError as error:
        print(f"compare.py: {reason(error)}; {go_on}", file=sys.stderr)
        return SOME_FAILED
    except RuntimeError as error:  # no proof: nothing is trained, now or later
        print(f"compare.py: {reason(error)}", file=sys.stderr)
        return SOME_FAILED
    if tables:
        terminal.show(run, live.console, options.intervals)
        if not live.quiet:
            terminal.show_files(folder, unwritten, live.console)
    failed = [trial for trial in run["trials"] if trial["status"] == "failed"]
    return SOME_FAILED if failed else DONE


def reason(error: Exception) -> str:
    """Return an error's sentence, a file's name before the system's words."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'the system'}: {error.strerror}"
    return str(error)


def stop_on_signals() -> None:
    """End as by Ctrl-C when the system asks for it, or the terminal is closed."""

    def stop(number: int, frame: object) -> None:
        stopped = Stopped()
        stopped.exit_code = 128 + number
        raise stopped

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, stop)


if __name__ == "__main__":
    stop_on_signals()
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads the output any more, as after `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = SOME_FAILED
    sys.exit(code)
