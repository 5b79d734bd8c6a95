"""The figures of a run: each a name, a title, and a drawing."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from statistics import median
from typing import Any, NamedTuple

from comparison import records
from comparison.report.page.svg import (
    Canvas,
    Scale,
    log_scale,
    scale,
    short,
)
from comparison.report.page.words import Words
from data.text import printable

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 24, 34, 44
PARTS = ("import", "build", "first_step", "fit", "predict")
DOTS = (  # a number of each trial, and its unit
    ("speed", ("images_per_second", "train"), 1),
    ("memory", ("peak_memory_bytes",), 1e6),
    ("test_accuracy", ("test_accuracy",), 0.01),
)
LONGEST = 28  # characters of a label
MINUTES = 600  # seconds of training, from which on curves are over minutes
ROW = 18  # pixels from one row of a legend to the next
Legend = list[tuple[str, str]]  # the text of each entry, and the class of its mark
Series = dict[str, list[list[tuple[float, float]]]]  # of each model, of each seed


class Figure(NamedTuple):
    """A drawing, under a name that makes a file name."""

    name: str
    title: str
    canvas: Canvas


def colour(run: records.Run, model: str) -> str:
    """Return the class of a model's marks: its framework, whatever the engine."""
    first = model.partition(":")[0]
    names = {"skylark": "numpy", "keras": "keras", "torch": "torch", "tf": "tensorflow"}
    foreign = run["contestants"][model]["as_written"]
    return "other" if foreign else names.get(first, "other")


def title(run: records.Run, model: str) -> str:
    """Return a model's title, of a length that fits a figure."""
    text = printable(run["contestants"][model]["title"])
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def trials(run: records.Run) -> dict[str, list[records.Trial]]:
    """Return the finished trials of each model that has one, by seed."""
    found: dict[str, list[records.Trial]] = {}
    for trial in sorted(run["trials"], key=lambda t: t["seed"]):
        if trial["status"] == "ok":
            found.setdefault(trial["model"], []).append(trial)
    return {m: found[m] for m in run["settings"]["models"] if m in found}


def all_figures(run: records.Run, words: Words) -> list[Figure]:
    """Return the figures of a run; none where no trial has finished."""
    done = trials(run)
    if not done:
        return []
    figures, clock = [], _unit(done)
    for measure in ("loss", "accuracy"):
        for against in ("epochs", clock):
            series = _history(done, measure, against)
            if series:
                figures.append(_curves(run, words, measure, against, series))
    if any("seconds" in trial for several in done.values() for trial in several):
        figures.append(_times(run, words, done))
    for name, path, unit in DOTS:
        if values := _values(done, path, unit):
            figures.append(_dots(run, words, name, values))
    if speeds := _values(done, DOTS[0][1]):
        figures.append(_length(run, words, speeds))
    return figures


def largest_distance(run: records.Run) -> tuple[float, float] | None:
    """Return how far apart the models' losses and accuracies of an epoch are, at most.

    Of the same seed and epoch; None where there are no two models to compare.
    """
    by_seed: dict[int, list[Mapping[str, Any]]] = {}
    for several in trials(run).values():
        for trial in several:
            if not run["contestants"][trial["model"]]["different"]:
                by_seed.setdefault(trial["seed"], []).append(trial.get("history", {}))
    gaps: dict[str, list[float]] = {"loss": [], "accuracy": []}
    for histories in by_seed.values():
        for measure, found in gaps.items():
            for values in zip(*(h.get(measure, []) for h in histories), strict=False):
                known = [v for v in values if v is not None]
                if len(known) > 1:
                    found.append(max(known) - min(known))
    if not gaps["loss"] or not gaps["accuracy"]:
        return None
    return max(gaps["loss"]), max(gaps["accuracy"])


def _values(
    done: dict[str, list[records.Trial]], path: Sequence[str], unit: float = 1
) -> dict[str, list[float]]:
    """Return one number of each trial of each model, where it has that number."""
    found: dict[str, list[float]] = {}
    for model, several in done.items():
        for trial in several:
            value: Any = trial
            for key in path:
                value = value.get(key) if value else None
            if value is not None:
                found.setdefault(model, []).append(value / unit)
    return found


def _unit(done: dict[str, list[records.Trial]]) -> str:
    """Return what curves are drawn over, besides epochs: seconds or minutes."""
    histories = [t.get("history", {}) for several in done.values() for t in several]
    longest = max(sum(s or 0.0 for s in h.get("seconds", [])) for h in histories)
    return "minutes" if longest >= MINUTES else "seconds"


def _history(
    done: dict[str, list[records.Trial]], measure: str, against: str
) -> Series:
    """Return (x, y) after each epoch; an epoch without a number is left out."""
    series: Series = {}
    for model, several in done.items():
        for trial in several:
            history = trial.get("history", {})
            ys = history.get(measure, [])
            unit = 60 if against == "minutes" else 1
            times = accumulate((s or 0.0) / unit for s in history.get("seconds", []))
            xs = range(1, len(ys) + 1) if against == "epochs" else times
            points = [
                (float(x), y) for x, y in zip(xs, ys, strict=False) if y is not None
            ]
            if points:
                series.setdefault(model, []).append(points)
    return series


def _curves(
    run: records.Run, words: Words, measure: str, against: str, series: Series
) -> Figure:
    """Draw a line a model through its medians, and each seed as faint dots."""
    legend = [(title(run, model), colour(run, model)) for model in series]
    canvas, top = _below(legend)
    points = [p for several in series.values() for points in several for p in points]
    percent = 100 if measure == "accuracy" else 1
    x, y = _axes(
        canvas,
        scale([p[0] for p in points], LEFT, WIDTH - RIGHT, zero=against != "epochs"),
        scale([p[1] * percent for p in points], canvas.height - BOTTOM, top),
        words[f"axis_{against}"],
    )
    for model, several in series.items():
        cls = colour(run, model)
        for seed in several:
            for px, py in seed:
                canvas.dot(x(px), y(py * percent), f"{cls} faint", 1.6)
    for model, several in series.items():
        middle = [
            (median(p[0] for p in epoch), median(p[1] for p in epoch) * percent)
            for epoch in zip(*several, strict=False)
        ]
        canvas.line([(x(px), y(py)) for px, py in middle], f"line {colour(run, model)}")
    _legend(canvas, legend)
    name = f"{measure}-{against}"
    return Figure(name, words[f"figure_{measure}_{against}"], canvas)


def _times(
    run: records.Run, words: Words, done: dict[str, list[records.Trial]]
) -> Figure:
    """Draw where the seconds of a trial go, one bar a model."""
    rows = {
        model: {
            part: median(t.get("seconds", {}).get(part) or 0.0 for t in several)
            for part in PARTS
        }
        for model, several in done.items()
    }
    canvas = Canvas(WIDTH, 96 + 34 * len(rows))
    left = _room([title(run, model) for model in rows])
    totals = [sum(parts.values()) for parts in rows.values()]
    x, ticks = scale([0, *totals], left, WIDTH - RIGHT, zero=True)
    bottom = canvas.height - BOTTOM
    _vertical(canvas, x, ticks, TOP + 16, bottom, words["axis_seconds"])
    for row, (model, parts) in enumerate(rows.items()):
        y, at = TOP + 22 + 34 * row, 0.0
        canvas.text(left - 8, y + 15, title(run, model), "", "end")
        for number, (part, seconds) in enumerate(parts.items()):
            tip = f"{title(run, model)}, {words[f'part_{part}']}: {seconds:.2f} s"
            cls = f"{colour(run, model)} part{number}"
            canvas.box(x(at), y, x(at + seconds) - x(at), 22, cls, tip)
            at += seconds
    at = left
    for number, part in enumerate(PARTS):
        canvas.box(at, TOP - 12, 12, 12, f"other part{number}")
        canvas.text(at + 17, TOP - 2, words[f"part_{part}"], "small")
        at += 40 + 7 * _width(words[f"part_{part}"])
    return Figure("times", words["figure_times"], canvas)


def _dots(
    run: records.Run, words: Words, name: str, values: dict[str, list[float]]
) -> Figure:
    """Draw a median a model, and each seed as a faint dot behind it."""
    canvas = Canvas(WIDTH, 84 + 34 * len(values))
    left = _room([title(run, model) for model in values])
    every = [value for several in values.values() for value in several]
    zero = name != "test_accuracy"
    x, ticks = scale(every, left + 8, WIDTH - RIGHT - 8, zero=zero)
    bottom = canvas.height - BOTTOM
    _vertical(canvas, x, ticks, TOP, bottom, words[f"axis_{name}"])
    for row, (model, several) in enumerate(values.items()):
        y, cls, middle = TOP + 20 + 34 * row, colour(run, model), median(several)
        canvas.text(left - 8, y + 4, title(run, model), "", "end")
        if zero:
            canvas.box(x(0), y - 4, x(middle) - x(0), 8, f"{cls} part4")
        for value in several:
            canvas.dot(x(value), y, f"{cls} faint", 4)
        tip = f"{title(run, model)}: {middle:,.4g}"
        canvas.dot(x(middle), y, cls, 5, tip)
    return Figure(name.replace("_", "-"), words[f"figure_{name}"], canvas)


def _length(run: records.Run, words: Words, speeds: dict[str, list[float]]) -> Figure:
    """Draw how fast a class trains over how long it is, with its own code."""
    counts = run["code"]["classes"]
    lines = {model: float(counts[model]["with_private"]["lines"]) for model in speeds}
    every = [value for several in speeds.values() for value in several]
    legend = [(title(run, model), colour(run, model)) for model in speeds]
    canvas, top = _below(legend)
    x, y = _axes(
        canvas,
        log_scale(list(lines.values()), LEFT, WIDTH - RIGHT),
        scale(every, canvas.height - BOTTOM, top, zero=True),
        words["axis_lines"],
    )
    for model, several in speeds.items():
        cls, at = colour(run, model), x(lines[model])
        for value in several:
            canvas.dot(at, y(value), f"{cls} faint", 4)
        canvas.dot(at, y(median(several)), cls, 5.5, title(run, model))
    _legend(canvas, legend, line=False)
    return Figure("length-speed", words["figure_length_speed"], canvas)


def _axes(
    canvas: Canvas,
    across: tuple[Scale, list[float]],
    up: tuple[Scale, list[float]],
    label: str,
) -> tuple[Scale, Scale]:
    """Draw both axes with their numbers; return their scales."""
    (x, xs), (y, ys) = across, up
    bottom = canvas.height - BOTTOM
    for value in ys:
        canvas.line([(LEFT, y(value)), (canvas.width - RIGHT, y(value))], "grid")
        canvas.text(LEFT - 8, y(value) + 4, short(value), "small", "end")
    _vertical(canvas, x, xs, bottom, bottom, label)
    return x, y


def _vertical(
    canvas: Canvas, x: Scale, ticks: list[float], top: float, bottom: float, label: str
) -> None:
    """Draw an axis below, its numbers, and lines up from them."""
    for value in ticks:
        if top < bottom:
            canvas.line([(x(value), top), (x(value), bottom)], "grid")
        canvas.text(x(value), bottom + 16, short(value), "small", "middle")
    canvas.line([(x(ticks[0]), bottom), (canvas.width - RIGHT, bottom)], "axis")
    canvas.text(canvas.width - RIGHT, bottom + 34, label, "small", "end")


def _below(legend: Legend) -> tuple[Canvas, float]:
    """Return a canvas with room for all rows of a legend, and where it ends."""
    *_, (last, *_) = _placed(legend)
    return Canvas(WIDTH, HEIGHT + ROW * last), TOP + ROW * last


def _legend(canvas: Canvas, legend: Legend, *, line: bool = True) -> None:
    """Say above whose lines, or marks, are which."""
    for row, at, text, cls in _placed(legend):
        y = TOP - 20 + ROW * row
        if line:
            canvas.line([(at, y), (at + 22, y)], f"line {cls}")
        else:
            canvas.dot(at + 11, y, cls, 5)
        canvas.text(at + 27, y + 4, text, "small")


def _placed(legend: Legend) -> Iterator[tuple[int, float, str, str]]:
    """Yield the row and the place in it of each entry; a full row begins another."""
    row, at = 0, float(LEFT)
    for text, cls in legend:
        ends = at + 27 + 6.4 * _width(text)
        if ends > WIDTH and at > LEFT:
            row, at, ends = row + 1, float(LEFT), ends - at + LEFT
        yield row, at, text, cls
        at = ends + 17


def _room(labels: list[str]) -> float:
    """Return the pixels that labels to the left of bars need."""
    return 22 + 7.2 * max(map(_width, labels))


def _width(text: str) -> int:
    """Return how many letters wide a text is; a Chinese character is two."""
    return sum(2 if ord(letter) > 0x2E80 else 1 for letter in text)
