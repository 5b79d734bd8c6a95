"""What a person sees during a run: bars on a terminal, plain lines in a pipe."""

from collections.abc import Iterable, Mapping
from time import monotonic
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn
from rich.table import Column, Table

from comparison import records
from comparison.processes.trial import Epoch
from data.text import counted


class Live:
    """One bar a model over all its epochs of all seeds; use it in a `with`.

    Parameters
    ----------
    console : Console
        A terminal gets bars, anything else a line an epoch.
    total : dict of str to int
        The epochs of each model that are to be run.
    quiet : bool
        Show nothing.
    """

    def __init__(
        self, console: Console, total: Mapping[str, int], quiet: bool = False
    ) -> None:
        self.console = console
        self.quiet = quiet
        self.bars = console.is_terminal and not console.is_dumb_terminal and not quiet
        self.progress = _Bars(
            *_columns(), console=console, disable=not self.bars, expand=True
        )
        self.tasks = {model: self._add(model, total[model]) for model in total}
        self.seconds = dict.fromkeys(total, 0.0)  # that a model's trials have taken
        self.since = monotonic()

    def __enter__(self) -> "Live":
        self.progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.progress.stop()

    def proving(self) -> None:
        """Say that the models are being compared for sameness."""
        for task in self.tasks.values():
            self.progress.update(task, state="proving")
        self._say("proving that the models are one network ...")

    def started(self, model: str, seed: int) -> None:
        """Show that a trial begins."""
        self.since = monotonic()
        self.progress.update(self.tasks[model], state=f"seed {seed}")

    def epoch(self, model: str, seed: int, event: Epoch) -> None:
        """Show one finished epoch."""
        loss, accuracy = f"{event['loss']:.3f}", f"{event['accuracy']:.3f}"
        speed = f"{event['images_per_second']:,.0f}"
        self.seconds[model] += monotonic() - self.since
        self.since = monotonic()
        task = self.progress.tasks[self.tasks[model]]
        done = task.completed + 1
        left = self.seconds[model] / done * ((task.total or 0) - done)
        self.progress.update(
            task.id,
            advance=1,
            loss=loss,
            accuracy=accuracy,
            speed=speed,
            left=f"{left // 60:.0f}:{left % 60:02.0f}",
        )
        self._say(
            f"{model} seed {seed} epoch {event['epoch']}: loss {loss}  "
            f"accuracy {accuracy}  {speed} images/s"
        )

    def ended(self, model: str, seed: int, trial: records.Trial) -> None:
        """Show how a trial ended."""
        self.seconds[model] += monotonic() - self.since
        if trial["status"] == "ok":
            text, state = f"test accuracy {trial['test_accuracy']:.4f}", "waiting"
        else:
            text, state = f"{trial['status']}: {trial['error']}", trial["status"]
        task = self.progress.tasks[self.tasks[model]]
        self.progress.update(task.id, state="done" if task.finished else state)
        self._say(f"{model} seed {seed}: {text}")

    def handed_out(self, rounds: int) -> None:
        """Say that rounds are run elsewhere."""
        for task in self.tasks.values():
            if not self.progress.tasks[task].finished:
                self.progress.update(task, state="waiting")
        self._say(f"{counted(rounds, 'round')} handed out")

    def whole(self, model: str, seed: int, trial: records.Trial, epochs: int) -> None:
        """Show a trial that has come back, with all its epochs."""
        if trial["status"] == "ok":
            self.progress.update(self.tasks[model], advance=epochs)
        self.ended(model, seed, trial)

    def _add(self, model: str, total: int) -> TaskID:
        blank: dict[str, Any] = dict.fromkeys(("loss", "accuracy", "speed", "left"), "")
        state = "waiting" if total else "done"
        return self.progress.add_task(model, total=total, state=state, **blank)

    def _say(self, text: str) -> None:
        """Print a line where there are no bars, unless the run is to be quiet."""
        if not self.quiet and not self.bars:
            self.console.print(text, highlight=False, markup=False, soft_wrap=True)


class _Bars(Progress):
    """Bars under a header, which says what each number is."""

    def make_tasks_table(self, tasks: Iterable[Task]) -> Table:
        """Return the bars, as rich lays them out, and the header."""
        table = super().make_tasks_table(tasks)
        table.show_header = True
        return table


def _columns() -> list[Any]:
    """Return the columns: 80 characters hold them, wider terminals longer bars.

    Colours are the terminal's own, so that they suit dark and light ones.
    """

    def number(header: str, content: str, width: int) -> TextColumn:
        column = Column(header, width=width, justify="right", no_wrap=True)
        return TextColumn(content, justify="right", table_column=column)

    name = Column("model", min_width=7, max_width=16, no_wrap=True)
    state = Column("now", width=8, no_wrap=True)
    bar = BarColumn(None, "bright_black", "green", "green")
    return [
        TextColumn("{task.description}", table_column=name, markup=False),
        TextColumn("{task.fields[state]}", style="cyan", table_column=state),
        bar,
        number("epoch", "{task.completed:.0f}/{task.total:.0f}", 7),
        number("loss", "{task.fields[loss]}", 5),
        number("acc.", "{task.fields[accuracy]}", 5),
        number("images/s", "{task.fields[speed]}", 8),
        number("left", "{task.fields[left]}", 5),
    ]
