"""Draw a block of each family, from the layers that Skylark computes.

    python -m docs.draw_blocks

Writes docs/blocks/FAMILY.svg. Nothing is drawn by hand: boxes are layers, and lines are
what the containers do with them.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import networks
from frameworks import layers

FOLDER = Path(__file__).parent / "blocks"
# Of a preset, the parts that show what is new in its family.
SHOWN = {
    "vgg16": ("stage1.block1", "stage1.block2", "stage1.pool"),
    "googlenet": ("stage1.block1",),
    "resnet20": ("stage1.block1", "stage2.block1"),
    "densenet121": ("stage1.block1", "stage1.transition"),
    "dpn26": ("stage1.block2",),
    "mobilenetv2": ("stage2.block1", "stage2.block2"),
    "shufflenetv2_x1": ("stage1.block1", "stage1.block2"),
    "efficientnet_b0": ("stage2.block2",),
    "regnety_400mf": ("stage2.block2",),
    "speedrun93": ("stem", "stage1.block1", "stage1.block2"),
}
LINE, GAP, PADDING = 17, 16, 8  # pixels: a line of text, between boxes, in a box
CHARACTER = 6.6  # the width of one, at 12 pixels
STYLE = """
    text { font: 12px sans-serif; text-anchor: middle; fill: #1b1f24; }
    .title { font-weight: bold; }
    rect { stroke: #57606a; rx: 4; }
    .conv { fill: #cfe3f7; } .pool { fill: #f6dfc2; } .other { fill: #e9ebee; }
    .dense { fill: #d9edd4; }
    path { stroke: #57606a; fill: none; }
    circle { fill: #ffffff; stroke: #57606a; }
"""


class Picture(NamedTuple):
    """Something drawn: its size, where lines go in and out (x), and its SVG at 0, 0."""

    width: float
    height: float
    x: float
    svg: str


def moved(picture: Picture, x: float, y: float) -> str:
    """Return its SVG at another place."""
    return f'<g transform="translate({x:g} {y:g})">{picture.svg}</g>'


def box(lines: Sequence[str], kind: str) -> Picture:
    """Return lines of text in a box."""
    width = max(len(line) for line in lines) * CHARACTER + 2 * PADDING
    height = len(lines) * LINE + PADDING
    text = "".join(
        f'<text x="{width / 2:g}" y="{(i + 1) * LINE - 1:g}">{escape(line)}</text>'
        for i, line in enumerate(lines)
    )
    rect = f'<rect class="{kind}" width="{width:g}" height="{height:g}"/>'
    return Picture(width, height, width / 2, rect + text)


def stack(pictures: Sequence[Picture]) -> Picture:
    """Return pictures below each other, with a line from each to the next."""
    if not pictures:
        return Picture(2, GAP, 1, f'<path d="M1 0 V{GAP}"/>')
    x = max(picture.x for picture in pictures)
    width = x + max(picture.width - picture.x for picture in pictures)
    parts, y = [], 0.0
    for number, picture in enumerate(pictures):
        if number:
            parts.append(f'<path d="M{x:g} {y:g} v{GAP}"/>')
            y += GAP
        parts.append(moved(picture, x - picture.x, y))
        y += picture.height
    return Picture(width, y, x, "".join(parts))


def beside(pictures: Sequence[Picture], sign: str, above: str = "") -> Picture:
    """Return branches beside each other, and the sign of what joins them."""
    gap, start = 1.5 * GAP, LINE if above else 0
    top = start + GAP
    ways, x = [], 0.0
    for picture in pictures:
        ways.append(x + picture.x)
        x += picture.width + gap
    middle, bottom = (ways[0] + ways[-1]) / 2, top + max(p.height for p in pictures)
    joint = box([sign], "other") if len(sign) > 1 else circle(sign)
    # A joint may be wider than all branches
    left = max(0.0, joint.x - middle)
    width = left + max(x - gap, middle + joint.width - joint.x)
    middle += left
    parts = [f'<text x="{middle:g}" y="{LINE - 5}">{above}</text>'] if above else []
    for picture, way in zip(pictures, ways, strict=True):
        x = left + way
        end = top + picture.height
        parts.append(moved(picture, x - picture.x, top))
        parts.append(f'<path d="M{middle:g} {start} v{GAP / 2:g} H{x:g} V{top:g}"/>')
        parts.append(f'<path d="M{x:g} {end:g} V{bottom + GAP / 2:g} H{middle:g} v8"/>')
    parts.append(moved(joint, middle - joint.x, bottom + GAP))
    return Picture(width, bottom + GAP + joint.height, middle, "".join(parts))


def circle(sign: str) -> Picture:
    """Return a sign of one character in a circle."""
    text = f'<text x="9" y="13">{sign}</text>'
    return Picture(18, 18, 9, f'<circle cx="9" cy="9" r="9"/>{text}')


def draw(layer: Any) -> Picture:
    """Return the picture of a layer, and of all that is in it."""
    inside = list(getattr(layer, "layers", {}).values())
    match layer:
        case layers.Identity():
            return stack([])
        case layers.Gate():
            gate = stack(list(map(draw, inside)))
            return beside([stack([]), gate], "\N{MULTIPLICATION SIGN}")
        case layers.Sequential():
            return stack(list(map(draw, merged(inside))))
        case layers.Add():
            return beside(list(map(draw, inside)), "+")
        case layers.Concat():
            return beside(list(map(draw, inside)), "concatenate")
        case layers.Split():
            return beside(list(map(draw, inside)), "concatenate", "half each")
        case layers.DualPath():
            return beside(list(map(draw, inside)), f"add {layer.residual}, concatenate")
        case list():
            kinds = dict.fromkeys(("Conv2D", "DepthwiseConv2D", "Whitening"), "conv")
            kinds["Dense"] = "dense"
            first = type(layer[0]).__name__
            kind = "pool" if "Pool" in first else kinds.get(first, "other")
            return box(list(map(words, layer)), kind)
    return draw([layer])


def merged(inside: list[Any]) -> list[Any]:
    """Return layers in groups that fit one box: what follows a layer with weights."""
    groups: list[Any] = []
    for layer in inside:
        if isinstance(layer, layers.Identity):
            continue
        if type(layer) is layers.Sequential:
            groups += merged(list(layer.layers.values()))
        elif isinstance(layer, layers.Container):
            groups.append(layer)
        elif groups and isinstance(groups[-1], list) and follows(groups[-1][-1], layer):
            groups[-1].append(layer)
        else:
            groups.append([layer])
    return groups


def follows(before: Any, layer: Any) -> bool:
    """Return whether a layer is drawn in the box of the one before it."""
    small = (
        layers.BatchNorm2D,
        layers.ReLU,
        layers.ReLU6,
        layers.Swish,
        layers.Sigmoid,
    )
    return isinstance(layer, small) and not isinstance(
        before, (*small[1:], layers.MaxPool2D)
    )


def words(layer: Any) -> str:
    """Return what a layer is, as a box says it."""
    match layer:
        case layers.Whitening():
            kh, kw, _, f = layer.kernel.shape
            return f"whitening {kh}x{kw}, {f}"
        case layers.Conv2D():
            kh, kw, _, f = layer.kernel.shape
            groups = f", {layer.groups} groups" if layer.groups > 1 else ""
            return f"{kh}x{kw}, {f}{groups}{stride(layer.stride)}"
        case layers.DepthwiseConv2D():
            kh, kw, c, _ = layer.kernel.shape
            return f"{kh}x{kw} depthwise, {c}{stride(layer.stride)}"
        case layers.Dense():
            return f"dense, {layer.kernel.shape[1]}"
        case layers.MaxPool2D():
            return (
                f"max pool {'x'.join(map(str, layer.window))}{stride(layer.stride[0])}"
            )
        case layers.AvgPool2D():
            return f"average pool {'x'.join(map(str, layer.window))}"
    names = {"GlobalAvgPool2D": "global average", "BatchNorm2D": "norm"}
    name = type(layer).__name__
    return names.get(name, name if name.startswith("ReLU") else name.lower())


def stride(step: int) -> str:
    """Return the words for a stride that is not 1."""
    return f", stride {step}" if step > 1 else ""


def titled(title: str, picture: Picture) -> Picture:
    """Return a picture below its title, with a line into it and out of it."""
    width = max(picture.width, len(title) * CHARACTER)
    x = max(picture.x, len(title) * CHARACTER / 2)
    inner = stack([stack([]), picture, stack([])])
    text = f'<text class="title" x="{x:g}" y="{LINE - 5}">{escape(title)}</text>'
    svg = text + moved(inner, x - picture.x, LINE)
    return Picture(width + x - picture.x, inner.height + LINE, x, svg)


def page(preset: str, points: Sequence[str]) -> str:
    """Return the SVG of some blocks of a preset."""
    classes, sizes = networks.load(preset)
    Model: Any = classes["skylark"]
    model = Model(**sizes)
    model.image_shape_, model.classes_ = (32, 32, 3), np.arange(10)
    net = model.network().layers
    pictures = [titled(point, draw(net[point])) for point in points]
    width = sum(picture.width for picture in pictures) + 40 * (len(pictures) + 1)
    height = max(picture.height for picture in pictures) + 20
    parts, x = [], 40.0
    for picture in pictures:
        parts.append(moved(picture, x, 10))
        x += picture.width + 40
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}"><title>{preset}: {", ".join(points)}'
        f'</title><style>{STYLE}</style><rect class="page" style="fill:#ffffff;stroke:'
        f'none" width="100%" height="100%"/>{"".join(parts)}</svg>\n'
    )


def family(preset: str) -> str:
    """Return the name of a preset's family."""
    Model: Any = networks.load(preset)[0]["skylark"]
    return str(Model.family)


def main() -> None:
    """Draw all."""
    FOLDER.mkdir(exist_ok=True)
    for preset, points in SHOWN.items():
        path = FOLDER / f"{family(preset)}.svg"
        path.write_text(page(preset, points), "utf-8")


if __name__ == "__main__":
    main()
