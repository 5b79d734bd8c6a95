"""Notes and a progress bar on stderr."""

from typing import Self


def note(text: str) -> None:
    """Print a line to stderr."""
    from rich.console import Console  # only where there is something to say

    Console(stderr=True).print(text, soft_wrap=True, highlight=False, markup=False)


class Bar:
    """A progress bar with speed and time left; silent if stderr is not a terminal."""

    def __init__(self, name: str, size: int) -> None:
        from rich import progress
        from rich.console import Console

        console = Console(stderr=True)
        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.DownloadColumn(),
            progress.TransferSpeedColumn(),
            progress.TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(name, total=size)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def show(self, position: int) -> None:
        """Show that `position` bytes have arrived."""
        self._bar.update(self._task, completed=position)

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(text, soft_wrap=True, highlight=False, markup=False)
