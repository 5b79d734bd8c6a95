"""The progress bar of `verbose=1`: a terminal's or a notebook's."""

from collections.abc import Mapping
from typing import Any


class Progress:
    """One bar over the epochs of a fit; nothing at all where `verbose` is 0."""

    def __init__(self, title: str, epochs: int, verbose: int) -> None:
        self.bar = None
        if not verbose:
            return
        from rich import progress

        self.bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeRemainingColumn(),
            progress.TextColumn("{task.fields[report]}"),
        )
        self.task = self.bar.add_task(title, total=epochs, report="")
        self.bar.start()

    def update(self, logs: Mapping[str, Any]) -> None:
        """Advance by one epoch, and show its losses and accuracies."""
        if self.bar is not None:
            names = ("loss", "accuracy", "val_loss", "val_accuracy")
            report = "  ".join(f"{n} {logs[n]:.4f}" for n in names if n in logs)
            self.bar.update(self.task, advance=1, report=report)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self.bar is not None:
            self.bar.stop()
