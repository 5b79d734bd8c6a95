"""What a person sees during a run: bars on a terminal, plain lines in a pipe."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)


class Live:
    """One bar a model over all its epochs of all seeds; use it in a `with`."""

    def __init__(
        self, console: Console, models: list[str], seeds: int, epochs: int, quiet: bool
    ) -> None:
        self.console = console
        self.epochs = epochs
        self.quiet = quiet
        self.bars = console.is_terminal and not quiet
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[report]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not self.bars,
            expand=True,
        )
        total = seeds * epochs
        self.tasks = {
            model: self.progress.add_task(model, total=total, report="waiting")
            for model in models
        }

    def __enter__(self) -> "Live":
        self.progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.progress.stop()

    def epoch(self, model: str, seed: int, event: Mapping[str, Any]) -> None:
        """Show one finished epoch."""
        report = (
            f"loss {event['loss']:.3f}  accuracy {event['accuracy']:.3f}  "
            f"{event['images_per_second']:,.0f} images/s"
        )
        self.progress.update(self.tasks[model], advance=1, report=report)
        if not self.bars:
            self.say(f"{model} seed {seed} epoch {event['epoch']}: {report}")

    def ended(self, model: str, seed: int, trial: Mapping[str, Any]) -> None:
        """Show how a trial ended."""
        if trial["status"] == "ok":
            text = f"test accuracy {trial['test_accuracy']:.4f}"
        else:
            text = f"{trial['status']}: {trial['error']}"
        self.progress.update(self.tasks[model], report=text)
        if not self.bars:
            self.say(f"{model} seed {seed}: {text}")

    def say(self, text: str) -> None:
        """Print a line, unless the run is to be quiet."""
        if not self.quiet:
            self.console.print(text, highlight=False, soft_wrap=True)
