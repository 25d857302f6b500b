"""Small multiples along the trajectory: how errors grow, and where the features go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from foretrace.bench.report.axes import Axis, fit_axis
from foretrace.bench.report.groups import CONTROLS, Group, Series, steps_computed
from foretrace.bench.report.svg import polyline, tag
from foretrace.bench.report.words import finite, tick
from foretrace.bench.rows import Row

WIDTH, HEIGHT = 300, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 26, 10, 34
SIDE, MARGIN = 170, 12
Path = list[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """The rows of one series that have errors by step: (row, its computed steps, (step, error) ...)."""

    series: Series
    lines: tuple[tuple[int, int, Path], ...]


def growth_panels(group: Group) -> list[Panel]:
    """One panel a series. Errors of zero, before the first forecast, are left out."""
    panels = []
    for series in group.series:
        lines = [
            (i, steps_computed(group.rows[i]), path)
            for i in series.rows
            if len(path := _errors(group.rows[i])) > 1
        ]
        if lines:
            panels.append(Panel(series, tuple(lines)))
    return panels


def _errors(row: Row) -> Path:
    errors: Sequence[Any] = row.trajectory.get("error_by_step") or ()
    return [(float(step), e) for step, e in enumerate(errors) if isinstance(e, float) and finite(e) and e > 0]


def draw_growth(panels: Sequence[Panel]) -> list[tuple[Series, Markup]]:
    """Every panel on the same axes, so that panels can be compared."""
    spots = [spot for panel in panels for _, _, path in panel.lines for spot in path]
    x = fit_axis([step for step, _ in spots] or [0.0, 1.0], LEFT, WIDTH - RIGHT, log=False)
    y = fit_axis([error for _, error in spots] or [0.0, 1.0], HEIGHT - BOTTOM, TOP)
    return [(panel.series, _growth(panel, x, y)) for panel in panels]


def _growth(panel: Panel, x: Axis, y: Axis) -> Markup:
    parts = [_grid(x, y)]
    placed: list[float] = []
    for number, (row, computed, path) in enumerate(panel.lines):
        line = [(x(step), y(error)) for step, error in path]
        strength = f"stroke-opacity:{max(1 - 0.22 * number, 0.35):.2f}"
        end = line[-1][1]
        name = [] if any(abs(end - other) < 11 for other in placed) else [str(computed)]
        placed += [end] * len(name)
        label = [tag("text", text, class_="end", x=line[-1][0] + 4, y=end + 4) for text in name]
        parts.append(
            tag(
                "g", polyline(line, class_="curve solid", style=strength), *label, class_="point",
                data_row=row,
            )
        )  # fmt: skip
    name = panel.series.name
    return tag(
        "svg",
        *parts,
        class_=f"panel series s{panel.series.colour}",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"Error of the latents after each step, {name}",
        data_series=name,
    )


def _grid(x: Axis, y: Axis) -> Markup:
    parts = []
    for value in x.ticks(5):
        parts.append(
            tag("text", tick(value), class_="tick", x=x(value), y=HEIGHT - BOTTOM + 14, text_anchor="middle")
        )
    for value in y.ticks(5):
        parts.append(tag("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=y(value), y2=y(value)))
        parts.append(tag("text", tick(value), class_="tick", x=LEFT - 6, y=y(value) + 4, text_anchor="end"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(tag("text", "step", class_="axis", x=middle, y=HEIGHT - 4, text_anchor="middle"))
    return tag("g", *parts)


@dataclass(frozen=True)
class Trajectory:
    """Two paths through the plane of the first two principal components."""

    row: int
    series: Series
    label: str
    uncached: Path
    cached: Path


def trajectories(group: Group) -> list[Trajectory]:
    """Those rows that have both paths, controls last."""
    found = []
    for i in sorted(group.order, key=lambda i: group.rows[i].kind in CONTROLS):
        if group.rows[i].kind == "uncached":
            continue
        pca = group.rows[i].trajectory.get("pca") or {}
        uncached, cached = (_path(pca.get(name)) for name in ("uncached", "cached"))
        if len(uncached) > 1 and len(cached) > 1:
            found.append(Trajectory(i, group.series_of(i), group.rows[i].label, uncached, cached))
    return found


def _path(points: Any) -> Path:
    return [(float(x), float(y)) for x, y in points or () if finite(x) and finite(y)]


def draw_trajectory(one: Trajectory) -> Markup:
    """The uncached path in grey, the cached one in the method's colour, from the ring to the dot."""
    both = one.uncached + one.cached
    x = fit_axis([x for x, _ in both], MARGIN, SIDE - MARGIN, log=False)
    y = fit_axis([y for _, y in both], SIDE - MARGIN, MARGIN, log=False)
    drawn = []
    for name, path in (("uncached", one.uncached), ("cached", one.cached)):
        line = [(x(a), y(b)) for a, b in path]
        dots = [tag("circle", cx=a, cy=b, r=1.6) for a, b in line[1:-1]]
        start = tag("circle", class_="start", cx=line[0][0], cy=line[0][1], r=4.0)
        stop = tag("circle", cx=line[-1][0], cy=line[-1][1], r=4.0)
        drawn.append(tag("g", polyline(line, class_="curve solid"), *dots, start, stop, class_=name))
    return tag(
        "svg",
        *drawn,
        class_=f"pca s{one.series.colour}",
        viewBox=f"0 0 {SIDE} {SIDE}",
        role="img",
        aria_label=f"Feature trajectory of {one.label}, uncached and cached",
        data_row=one.row,
    )
