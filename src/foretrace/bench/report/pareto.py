"""A Pareto plot as SVG: marks with interval bars, curves, the controls and labels that do not collide."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from foretrace.bench.report.axes import Axis, fit_axis
from foretrace.bench.report.labels import Spot, place_labels
from foretrace.bench.report.plots import Curve, Plot, Point
from foretrace.bench.report.svg import mark, polyline, tag
from foretrace.bench.report.words import TIMES, finite, tick
from foretrace.bench.rows import Estimate

SIZES = {"wide": (560, 400), "narrow": (356, 330)}
"""Each plot is drawn twice, so that its letters keep their size; the page shows one of the two."""
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 14, 44
CROWD = 40
"""From so many points on, lines are thin and intervals pale until a point is chosen."""


@dataclass(frozen=True)
class _Frame:
    plot: Plot
    width: int
    height: int
    x: Axis
    y: Axis

    def spot(self, point: Point) -> Spot:
        return self.x(point.x.value), self.y(point.y.value)


def draw_plot(plot: Plot, size: str) -> Markup:
    """The plot at one of the two sizes."""
    width, height = SIZES[size]
    x, y = plot_axes(plot, (LEFT, width - RIGHT), (height - BOTTOM, TOP))
    frame = _Frame(plot, width, height, x, y)
    return tag(
        "svg",
        _grid(frame),
        _worse_than_control(frame),
        _front(frame),
        *(_curve(frame, curve) for curve in plot.curves),
        _labels(frame),
        class_=f"plot {size}{' crowd' if len(plot.points) > CROWD else ''}",
        viewBox=f"0 0 {width} {height}",
        role="group",
        aria_label=f"{plot.title}. Arrow keys go from point to point.",
        tabindex=0,
    )


def plot_axes(plot: Plot, across: Spot, upward: Spot) -> tuple[Axis, Axis]:
    """Both axes, with room for all intervals; steps are never spread logarithmically."""
    x = _values([p.x for p in plot.points])
    y = _values([p.y for p in plot.points])
    return fit_axis(x, *across, log=False if plot.x_label == "computed steps" else None), fit_axis(y, *upward)


def _values(estimates: list[Estimate]) -> list[float]:
    """Everything that must fit, but no bound that a logarithm could not take beside positive values."""
    values = [e.value for e in estimates]
    bounds = [b for e in estimates for b in (e.low, e.high) if b is not None and finite(b)]
    return values + [b for b in bounds if b > 0 or min(values) <= 0]


def _grid(f: _Frame) -> Markup:
    left, right, top, bottom = LEFT, f.width - RIGHT, TOP, f.height - BOTTOM
    parts = []
    for value in f.x.ticks(7 if f.width > 400 else 5):
        x = f.x(value)
        parts.append(tag("line", class_="grid", x1=x, x2=x, y1=top, y2=bottom))
        parts.append(
            tag("text", x_tick(f.plot, value), class_="tick", x=x, y=bottom + 16, text_anchor="middle")
        )
    for value in f.y.ticks(7):
        y = f.y(value)
        parts.append(tag("line", class_="grid", x1=left, x2=right, y1=y, y2=y))
        parts.append(tag("text", tick(value), class_="tick", x=left - 7, y=y + 4, text_anchor="end"))
    middle = (left + right) / 2
    parts.append(tag("text", f.plot.x_label, class_="axis", x=middle, y=f.height - 8, text_anchor="middle"))
    if f.plot.fast_right and f.x.low < 1 < f.x.high:
        parts.append(tag("line", class_="one", x1=f.x(1), x2=f.x(1), y1=top, y2=bottom))
    return tag("g", *parts)


def x_tick(plot: Plot, value: float) -> str:
    """A speed-up, or a number of steps or operations."""
    return f"{value:g}{TIMES}" if plot.fast_right else tick(value)


def _worse_than_control(f: _Frame) -> Markup:
    """The area in which the same sampler with fewer steps is better at the same cost."""
    control = next((c for c in f.plot.curves if c.series.kind == "fewer-steps"), None)
    if control is None or len(control.points) < 2:
        return Markup("")
    edge = f.height - BOTTOM if f.plot.high_better else TOP
    line = [f.spot(point) for point in control.points]
    corners = [(line[0][0], edge), *line, (line[-1][0], edge)]
    return tag("polygon", class_="worse", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in corners))


def _front(f: _Frame) -> Markup:
    """The best there is at each cost, as a stair."""
    front = [f.spot(point) for point in f.plot.front()]
    stair: list[Spot] = []
    for x, y in front:
        if stair:
            stair.append((stair[-1][0], y) if f.plot.fast_right else (x, stair[-1][1]))
        stair.append((x, y))
    return polyline(stair, class_="front") if len(front) > 1 else Markup("")


def _curve(f: _Frame, curve: Curve) -> Markup:
    series = curve.series
    line = [f.spot(point) for point in curve.points]
    marks = [
        tag(
            "g",
            _bar(f, point),
            mark(series.mark, *f.spot(point), class_="mark"),
            class_="point",
            data_row=point.row,
        )
        for point in curve.points
    ]
    return tag(
        "g",
        polyline(line, class_="curve"),
        *marks,
        class_=f"series s{series.colour} {series.kind}",
        data_series=series.name,
    )


def _bar(f: _Frame, point: Point) -> Markup:
    """The interval of the quality and that of the speed-up."""
    x, y = f.spot(point)
    parts = []
    if finite(point.y.low) and finite(point.y.high):
        low, high = f.y(point.y.low or 0.0), f.y(point.y.high or 0.0)
        parts.append(tag("line", class_="bar", x1=x, x2=x, y1=low, y2=high))
    if finite(point.x.low) and finite(point.x.high):
        low, high = f.x(point.x.low or 0.0), f.x(point.x.high or 0.0)
        parts.append(tag("line", class_="bar", x1=low, x2=high, y1=y, y2=y))
    return tag("g", *parts)


def _labels(f: _Frame) -> Markup:
    """Every series by its name at the first of its points that has room, ends before the middle."""
    curves = f.plot.curves
    anchors = [_ends_first([f.spot(p) for p in curve.points]) for curve in curves]
    obstacles = [f.spot(p) for p in f.plot.points]
    lines = [spot for curve in curves for spot in _along([f.spot(p) for p in curve.points])]
    room = (LEFT + 2, TOP, f.width - RIGHT, f.height - BOTTOM - 2)
    wanted = [(curve.series.name, spots) for curve, spots in zip(curves, anchors, strict=True)]
    placed = place_labels(wanted, obstacles, room, lines)
    return tag(
        "g",
        *(
            tag(
                "text",
                curve.series.name,
                class_=f"label s{curve.series.colour}",
                x=spot[0],
                y=spot[1],
                data_series=curve.series.name,
            )
            for curve, spot in zip(curves, placed, strict=True)
            if spot is not None
        ),
    )


def _along(line: list[Spot], parts: int = 16) -> list[Spot]:
    """Spots on the segments of a line."""
    return [
        (a + (c - a) * i / parts, b + (d - b) * i / parts)
        for (a, b), (c, d) in pairwise(line)
        for i in range(1, parts)
    ]


def _ends_first(spots: list[Spot]) -> list[Spot]:
    return spots if len(spots) < 2 else [spots[-1], spots[0], *spots[1:-1]]
