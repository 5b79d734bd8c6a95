"""The runs of a sweep in one table, and how speed grows from one to the next."""

from collections.abc import Sequence
from pathlib import Path

from comparison import results
from comparison.explanation import explain
from comparison.report import outputs, tables
from comparison.report.page import figures
from comparison.report.page.svg import Canvas, log_scale, short
from comparison.report.tables import Cell, Table
from comparison.series import Point

TABLE, PLOT = "table.md", "growth.svg"
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 400, 70, 150, 40, 52


def table(points: Sequence[Point]) -> Table:
    """Return accuracy, speed and ratio of every model in every run."""
    columns = ("test acc.", "train img/s", "ratio", "predict img/s")
    rows: list[list[Cell]] = []
    for point in points:
        shown = tables.speed(point.run)
        places = [shown.header.index(column) for column in columns]
        rows += [
            [Cell(point.name), row[0], *(row[place] for place in places)]
            for row in shown.rows
        ]
    return Table(["network", "class", *columns], rows)


def write(points: Sequence[Point], folder: Path) -> list[Path]:
    """Write the table and the plot of a sweep."""
    results.write_text(folder / TABLE, outputs.markdown_table(table(points)) + "\n")
    results.write_text(folder / PLOT, plot(points))
    return [folder / TABLE, folder / PLOT]


def plot(points: Sequence[Point]) -> str:
    """Return an SVG of training speed: over the work an image takes, or batch size.

    Both axes are logarithmic; a line a model, and a batch size where both are swept.
    """
    several = len({str(point.run["network"]) for point in points}) > 1
    lines: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for point in points:
        run = point.run
        batch = run["settings"]["batch_size"]
        at = float(_work(point) if several else batch)
        for model, row in run["summary"].items():
            if row["trials"]:
                title = figures.title(run, model)
                key = title, figures.colour(run, model), str(batch) if several else ""
                speed = row["train_images_per_second"]["median"]
                lines.setdefault(key, []).append((at, speed))
    canvas = Canvas(WIDTH, HEIGHT)
    canvas.text(LEFT, 20, "Training speed, images/s", "title")
    ends = [end for found in lines.values() for end in found]
    if not ends:
        canvas.text(LEFT, HEIGHT / 2, "no trial has finished")
        return canvas.svg("nothing yet", alone=True)
    x, xs = log_scale([end[0] for end in ends], LEFT, WIDTH - RIGHT)
    y, ys = log_scale([end[1] for end in ends], HEIGHT - BOTTOM, TOP)
    for value in xs:
        canvas.line([(x(value), TOP), (x(value), HEIGHT - BOTTOM)], "grid")
        canvas.text(x(value), HEIGHT - BOTTOM + 18, short(value), "small", "middle")
    for value in ys:
        canvas.line([(LEFT, y(value)), (WIDTH - RIGHT, y(value))], "grid")
        canvas.text(LEFT - 8, y(value) + 4, short(value), "small", "end")
    label = "multiply-adds of an image" if several else "batch size"
    canvas.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, label, "small", "middle")
    batches = {size for _, _, size in lines}
    lowest = TOP - 14.0
    for (title, cls, size), found in sorted(lines.items(), key=lambda i: -i[1][-1][1]):
        found.sort()
        canvas.line([(x(a), y(b)) for a, b in found], f"line {cls}")
        for a, b in found:
            canvas.dot(x(a), y(b), cls, 3.5, f"{title}: {b:,.0f} images/s")
        lowest = max(lowest + 15, y(found[-1][1]))
        text = f"{title}, {size}" if len(batches) > 1 else title
        canvas.text(WIDTH - RIGHT + 8, lowest + 4, text, "small")
    return canvas.svg(f"Training speed over {label}", alone=True)


def _work(point: Point) -> int:
    """Return the multiply-adds of one image of a run."""
    data = point.run["dataset"]
    h, w, c = data["image_shape"]
    rows = explain(point.run["network"], (h, w, c), len(data["classes"]))
    return sum(row.multiply_adds for row in rows if not row.name)
