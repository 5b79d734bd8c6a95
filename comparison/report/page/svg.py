"""Drawing: a canvas with axes, whose marks have classes and no colours of their own.

On a page, the page's style gives classes their colours, light or dark; a file of its
own has a style inside.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from html import escape

Scale = Callable[[float], float]

COLOURS = {  # distinct for all kinds of colour vision, 3:1 against the ground
    "numpy": ("#0072b2", "#56b4e9"),
    "keras": ("#d55e00", "#ff9a5c"),
    "torch": ("#8f3f97", "#d79be0"),
    "tensorflow": ("#007a5a", "#3ec9a0"),
    "other": ("#555555", "#b8b8b8"),
}
PAPER, INK, GREY = (
    ("#ffffff", "#14171c"),
    ("#1b1e24", "#e8e9ec"),
    ("#5c626c", "#a5acb8"),
)
# A browser knows the first; a PNG needs a font that is installed, by its own name.
FONTS = """system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "Segoe UI",
    "Noto Sans", "DejaVu Sans", "Liberation Sans", Helvetica, Arial, sans-serif"""
RULES = """
text { font: 12px %(fonts)s; fill: %(ink)s }
text.small { font-size: 11px; fill: %(grey)s }
text.title { font-size: 13px; font-weight: 600 }
.axis { stroke: %(grey)s; stroke-width: 1; fill: none }
.grid { stroke: %(grey)s; stroke-width: 1; opacity: .22; fill: none }
.line { fill: none; stroke-width: 2 }
.faint { opacity: .35 }
.part0 { opacity: 1 } .part1 { opacity: .75 } .part2 { opacity: .55 }
.part3 { opacity: .4 } .part4 { opacity: .25 }
.edge { fill: none; stroke-width: 1 }
"""
DASHES = {"keras": "7 4", "torch": "2 3", "tensorflow": "9 3 2 3", "other": "4 4"}


def style(dark: bool = False) -> str:
    """Return the rules for all marks, on light or dark ground."""
    which = int(dark)
    rules = RULES % {"ink": INK[which], "grey": GREY[which], "fonts": FONTS}
    for name, colours in COLOURS.items():
        colour = colours[which]
        rules += f".{name} {{ fill: {colour}; stroke: {colour} }}\n"
        rules += f".line.{name} {{ fill: none }}\n"
        if name in DASHES:
            rules += f".line.{name} {{ stroke-dasharray: {DASHES[name]} }}\n"
    return rules


class Canvas:
    """A picture of a width and a height, in pixels; y points down."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.parts: list[str] = []

    def text(
        self, x: float, y: float, text: str, cls: str = "", anchor: str = "start"
    ) -> None:
        """Write a line of text."""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" class="{cls}" text-anchor="{anchor}">'
            f"{escape(text)}</text>"
        )

    def line(self, points: Iterable[tuple[float, float]], cls: str) -> None:
        """Draw a line through points."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" class="{cls}"/>')

    def box(
        self, x: float, y: float, width: float, height: float, cls: str, tip: str = ""
    ) -> None:
        """Draw a rectangle; `tip` is shown under the pointer."""
        shape = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}"'
        inner = f"<title>{escape(tip)}</title>" if tip else ""
        self.parts.append(
            f'<rect {shape} height="{height:.1f}" class="{cls}">{inner}</rect>'
        )

    def dot(self, x: float, y: float, cls: str, r: float = 3, tip: str = "") -> None:
        """Draw a mark, whose shape says the framework as its colour does."""
        shape = next((name for name in COLOURS if name in cls.split()), "other")
        inner = f"<title>{escape(tip)}</title>" if tip else ""
        if shape in ("numpy", "other"):
            self.parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}" class="{cls}">{inner}'
                "</circle>"
            )
            return
        corners = {
            "keras": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
            "torch": ((0, -1.35), (1.25, 0.9), (-1.25, 0.9)),
            "tensorflow": ((0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)),
        }[shape]
        path = " ".join(f"{x + r * i:.1f},{y + r * j:.1f}" for i, j in corners)
        self.parts.append(f'<polygon points="{path}" class="{cls}">{inner}</polygon>')

    def svg(self, label: str, *, alone: bool = False) -> str:
        """Return the picture; `alone`: as a file of its own, on white."""
        size = f'viewBox="0 0 {self.width:g} {self.height:g}"'
        start = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"'
        parts = self.parts
        if alone:
            start += f' width="{self.width:g}" height="{self.height:g}"'
            ground = f'<rect width="100%" height="100%" fill="{PAPER[0]}"/>'
            parts = [f"<style>{style()}</style>", ground, *parts]
        return f'{start} aria-label="{escape(label)}">{"".join(parts)}</svg>'


def scale(
    values: Sequence[float], start: float, end: float, *, zero: bool = False
) -> tuple[Scale, list[float]]:
    """Return what puts numbers on an axis from start to end, and its round numbers."""
    low, high = min(values), max(values)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high == low:
        low, high = low - (abs(low) or 1) / 10, high + (abs(high) or 1) / 10
    ticks = _ticks(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    return lambda v: start + (v - low) / (high - low) * (end - start), ticks


def log_scale(
    values: Sequence[float], start: float, end: float
) -> tuple[Scale, list[float]]:
    """Return the same for an axis on which equal ratios are equally long."""
    low, high = math.log10(min(values)), math.log10(max(values))
    room = max((high - low) * 0.08, 0.06)
    low, high = low - room, high + room
    decades = range(math.floor(low), math.ceil(high) + 1)
    steps: Sequence[int] = (1, 2, 5) if high - low < 2 else (1,)
    marks = [m * 10.0**d for d in decades for m in steps]
    ticks = [mark for mark in marks if low <= math.log10(mark) <= high]
    if len(ticks) < 2:
        ticks = _ticks(10**low, 10**high)
    return lambda v: start + (math.log10(v) - low) / (high - low) * (end - start), ticks


def _ticks(low: float, high: float) -> list[float]:
    """Return four to seven round numbers from at most `low` to at least `high`."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def short(value: float) -> str:
    """Return a number as axes have it: 20k, 1.5, 0.02."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{sign}"
    return f"{value:g}"
